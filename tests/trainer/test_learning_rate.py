"""Learning-rate schedules in whole trainings of the toy."""

import json
import logging

import numpy as np
import pytest
import tensorflow as tf

from tests.toy.scenario import ToyScenario
from tfaip.trainer.scheduler import (
    CyclicParams,
    ExponentialDecayParams,
    LinearParams,
    OneCycleParams,
    ReduceOnPlateauParams,
)
from tfaip.trainer.trainer import Trainer


def toy_params(output_dir=None, **kwargs):
    params = ToyScenario.default_trainer_params()
    params.output_dir = None if output_dir is None else str(output_dir)
    params.scenario.print_eval_limit = 0
    for name, value in kwargs.items():
        setattr(params, name, value)
    return params


def train(params):
    trainer = ToyScenario.create_trainer(params)
    return trainer, trainer.train()


def weights(trainer):
    return [v.numpy() for v in trainer.scenario.root_graph.weights]


def logged_rates(caplog):
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("Learning rate of epoch")]
    return [float(line.partition(": lr ")[2]) for line in lines]


def test_the_rate_of_each_epoch_is_in_the_log_and_no_value_of_the_logs(caplog):
    schedule = ExponentialDecayParams(lr=0.5, lr_decay_rate=0.1, learning_circle=1)

    with caplog.at_level(logging.INFO):
        _, logs = train(toy_params(epochs=3, learning_rate=schedule))

    assert logged_rates(caplog) == pytest.approx([0.5, 0.05, 0.005])
    assert "lr" not in logs


def test_the_rate_of_each_epoch_is_in_the_events(tmp_path):
    train(toy_params(tmp_path, epochs=3, learning_rate=LinearParams(lr=0.3)))

    (file,) = (tmp_path / "train").glob("events*")
    rates = [
        float(tf.make_ndarray(value.tensor))
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
        if value.tag == "lr"
    ]
    assert rates == pytest.approx([0.3, 0.2, 0.1])


PLATEAU = ReduceOnPlateauParams(lr=0.02, patience=1, min_delta=0.3)


@pytest.mark.parametrize(
    "schedule",
    [
        OneCycleParams(lr=0.05, step_function=False),
        CyclicParams(cycle_epochs=2, step_function=False),
        LinearParams(warmup_epochs=1),
        PLATEAU,
    ],
    ids=lambda s: type(s).__name__,
)
def test_a_resumed_training_goes_on_with_its_schedule(tmp_path, schedule):
    unbroken, _ = train(toy_params(tmp_path / "a", epochs=4, learning_rate=schedule))
    # The schedules see 4 epochs in both parts of the broken training.
    broken = toy_params(tmp_path / "b", epochs=4, learning_rate=schedule)
    broken.early_stopping.upper_threshold = -1.0  # stops after the first epoch
    train(broken)
    file = tmp_path / "b" / "trainer_params.json"
    content = json.loads(file.read_text())
    assert content["current_epoch"] == 1
    content["early_stopping"]["upper_threshold"] = 1e100
    file.write_text(json.dumps(content))

    resumed = Trainer.restore_trainer(str(tmp_path / "b"))
    resumed.train()

    for one, other in zip(weights(unbroken), weights(resumed), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_plateau_reduces_the_rate_of_the_next_epoch(caplog):
    # Without training the loss stays where it is; what dropout changes is below `min_delta`.
    schedule = ReduceOnPlateauParams(lr=1e-9, patience=2, min_delta=10.0)

    with caplog.at_level(logging.INFO):
        train(toy_params(epochs=6, learning_rate=schedule))

    assert logged_rates(caplog) == pytest.approx([1e-9, 1e-9, 1e-9, 0.5e-9, 0.5e-9, 0.25e-9])
    assert "the learning rate is reduced to 5e-10" in caplog.text
