"""Trainings that are saved, broken off and resumed within an epoch."""

import json
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.toy.scenario import ToyScenario
from tfaip.errors import UsageError
from tfaip.model.stop_request import TrainingInterrupted
from tfaip.trainer import checkpoints
from tfaip.trainer.policies.value_params import Linear, OnPlateau
from tfaip.trainer.scheduler import ExponentialDecayParams
from tfaip.trainer.trainer import Trainer

pytestmark = pytest.mark.slow

STEPS = 5  # of an epoch of the toy

# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false


def toy_params(output_dir=None, **kwargs):
    params = ToyScenario.default_trainer_params()
    params.output_dir = None if output_dir is None else str(output_dir)
    params.scenario.print_eval_limit = 0
    for name, value in {"epochs": 3, "export_best": False, "export_final": False, **kwargs}.items():
        setattr(params, name, value)
    return params


def train(params, callbacks=()):
    trainer = ToyScenario.create_trainer(params)
    return trainer, trainer.train(callbacks=list(callbacks))


class FailsAfter(keras.callbacks.Callback):
    """Ends a training hard after so many steps of it."""

    def __init__(self, step):
        super().__init__()
        self.step = step
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def steps_until_due(self, done):
        return 1

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch * STEPS + batch + 1 >= self.step:
            raise KeyboardInterrupt


class AsksToLeave(keras.callbacks.Callback):
    """Sets the stop request of a trainer when an event has come so often."""

    def __init__(self, event, number=1):
        super().__init__()
        self.trainer: Any = None
        self.left = number
        setattr(self, event, self.count)

    def count(self, *_, **__):
        self.left -= 1
        if self.left == 0:
            self.trainer.stop_request.set()


def all_tensors(trainer):
    model = trainer.scenario.keras_train_model
    if model.weight_average is not None:
        model.weight_average.deactivate()
    return {name: np.asarray(v) for name, v in checkpoints.named_tensors(model).items()}


def assert_same_bits(one, other):
    one, other = all_tensors(one), all_tensors(other)
    assert set(one) == set(other)
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def lines_of(folder):
    """The lines of `metrics.jsonl` without what a clock has measured."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    clocks = ("time", "seconds", "steps_per_second")
    return [{name: value for name, value in line.items() if name not in clocks} for line in lines]


def points_of(folder):
    """The points of all TensorBoard curves by tag, but for speeds."""
    points = {}
    for file in sorted(folder.glob("*/events*"), key=lambda file: file.stat().st_mtime_ns):
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                if "per_second" not in value.tag:
                    number = tf.make_ndarray(value.tensor).tolist()
                    points.setdefault(f"{file.parent.name}/{value.tag}", []).append((event.step, number))
    return points


def everything():
    """All that has a state: averages, accumulation over the end of an epoch, rates by step, policies."""
    return {
        "ema_decay": 0.9,
        "train_accum_steps": 2,
        "log_every_n": 2,
        "val_every_n_steps": 0,
        "learning_rate": ExponentialDecayParams(
            lr=0.01, lr_decay_rate=0.5, learning_circle=1, step_function=False
        ),
        "policies": [Linear(name="a", by="step", end=15), OnPlateau(name="b", monitor="val_acc", patience=1)],
    }


@pytest.fixture(scope="module", autouse=True)
def values():
    """Let the model ask for the values of the policies."""
    with pytest.MonkeyPatch.context() as patch:
        weights = lambda self: {"size": 0.01 * self.value("a", 1.0), "cross": self.value("b", 1.0)}  # noqa: E731
        patch.setattr("tests.toy.model.ToyModel._loss_weights", weights)
        yield


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    trainer, logs = train(toy_params(folder, **everything()))
    return trainer, logs, folder


@pytest.mark.parametrize("fails_after", [8, 10], ids=["within an epoch", "after its last step"])
def test_a_training_killed_after_a_step_checkpoint_goes_on_bit_for_bit(tmp_path, unbroken, fails_after):
    trainer, logs, folder = unbroken
    params = toy_params(tmp_path, save_every_n_steps=3, **everything())
    with pytest.raises(KeyboardInterrupt):
        train(params, [FailsAfter(fails_after)])
    saved = json.loads((tmp_path / "variables" / "state.json").read_text())["state"]

    resumed = Trainer.restore_trainer(str(tmp_path))
    resumed_logs = resumed.train()

    assert (saved["epoch"], saved["step"]) == (1, fails_after // 3 * 3 - STEPS)
    assert resumed_logs == logs
    assert_same_bits(trainer, resumed)
    assert lines_of(tmp_path) == lines_of(folder)
    assert points_of(tmp_path) == points_of(folder)


@pytest.mark.parametrize(
    ("event", "number", "expected"),
    [
        ("on_train_batch_begin", 1, (0, None)),
        ("on_test_begin", 2, (1, STEPS)),
        ("on_epoch_end", 2, (2, 0)),
    ],
)
def test_a_training_asked_to_leave_saves_and_goes_on_bit_for_bit(tmp_path, unbroken, event, number, expected):
    trainer, logs, folder = unbroken
    asks = AsksToLeave(event, number)
    leaving = ToyScenario.create_trainer(toy_params(tmp_path, **everything()))
    asks.trainer = leaving

    with pytest.raises(TrainingInterrupted) as error:
        leaving.train(callbacks=[asks])
    resumed = Trainer.restore_trainer(str(tmp_path))
    resumed_logs = resumed.train()

    assert error.value.epoch == expected[0]
    assert expected[1] in (None, error.value.step)
    assert resumed_logs == logs
    assert_same_bits(trainer, resumed)
    assert lines_of(tmp_path) == lines_of(folder)
    assert points_of(tmp_path) == points_of(folder)


def test_max_steps_ends_within_an_epoch_and_more_steps_go_on_from_there(tmp_path):
    whole, _ = train(toy_params(max_steps=12))
    _, logs = train(toy_params(tmp_path, max_steps=8))

    resumed = Trainer.restore_trainer(str(tmp_path))
    assert resumed.train() == {}
    resumed = Trainer.restore_trainer(str(tmp_path))
    resumed.params.max_steps = 12
    resumed.train()

    assert {"loss", "val_acc"} <= set(logs)
    assert int(resumed.scenario.keras_train_model.optimizer.iterations) == 12
    assert_same_bits(whole, resumed)


def test_max_steps_takes_precedence_over_epochs():
    trainer, _ = train(toy_params(epochs=1, max_steps=12))

    assert trainer.steps_done == 12
    assert trainer.params.learning_rate.epochs == 3
    assert trainer.params.epochs == 1


def test_checkpoints_are_written_when_the_last_is_too_old(tmp_path):
    train(toy_params(tmp_path, epochs=1, save_every_minutes=1e-9, keep=9, steps_per_execution=2))

    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["00001-epoch-1-step-2", "00002-epoch-1-step-4", "00003-epoch-1"]


def test_max_steps_is_exact_with_many_steps_in_a_call():
    trainer, _ = train(toy_params(max_steps=7, steps_per_execution=4))

    assert int(trainer.scenario.keras_train_model.optimizer.iterations) == 7


def test_validating_by_steps_changes_no_result_and_is_logged(tmp_path):
    plain, logs = train(toy_params(ema_decay=0.9))

    by_steps, by_steps_logs = train(toy_params(tmp_path, ema_decay=0.9, val_every_n_steps=4))

    assert_same_bits(plain, by_steps)
    assert logs == by_steps_logs
    lines = [line for line in lines_of(tmp_path) if line["kind"] == "validation"]
    assert [line["step"] for line in lines] == [4, 8, 12]
    assert all("val_acc" in line["metrics"] for line in lines)
    assert [step for step, _ in points_of(tmp_path)["validation/step_acc"]] == [4, 8, 12]


def test_the_best_model_and_early_stopping_follow_validations_by_steps(tmp_path):
    params = toy_params(tmp_path, epochs=9, val_every_n=0, val_every_n_steps=2, export_best=True)
    params.early_stopping.n_to_go = 3
    params.learning_rate.lr = 0.0

    trainer, logs = train(params)

    assert (tmp_path / "best" / "serve" / "saved_model.pb").exists()
    assert trainer.steps_done == 6
    assert "val_acc" in logs


def test_a_checkpoint_within_an_epoch_is_refused_with_another_length_of_it(tmp_path):
    train(toy_params(tmp_path, max_steps=7))
    params, _ = Trainer.parse_trainer_params(str(tmp_path))
    params.max_steps = 0
    params.gen.setup.train.batch_size, params.inexact_resume = 4, True

    with pytest.raises(UsageError, match=r"within an epoch of 5 steps.*has 10"):
        ToyScenario.create_trainer(params, restore=True).train()


def test_a_training_that_stopped_early_goes_on_only_with_more_patience(tmp_path, caplog):
    params = toy_params(tmp_path, epochs=9)
    params.early_stopping.n_to_go, params.early_stopping.current = 2, 2.0  # no accuracy is better
    params.early_stopping.mode, params.early_stopping.monitor = "max", "val_acc"
    train(params)

    resumed = Trainer.restore_trainer(str(tmp_path))
    assert resumed.train() == {}
    assert "has not improved, checked 2 times" in caplog.text
    patient = Trainer.restore_trainer(str(tmp_path))
    patient.params.early_stopping.n_to_go = 4
    patient.train()

    assert resumed.params.current_epoch == 1
    assert patient.params.current_epoch == 3
