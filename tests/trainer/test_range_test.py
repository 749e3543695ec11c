import logging
import math
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.toy.scenario import ToyScenario
from tfaip.trainer.checkpoints import named_tensors
from tfaip.trainer.range_test import TriedRate, kept_state, range_test, suggested_rate
from tfaip.trainer.range_test_params import RangeTestParams


def new_trainer(**kwargs):
    params = ToyScenario.default_trainer_params()
    params.scenario.print_eval_limit = 0
    for name, value in kwargs.items():
        setattr(params, name, value)
    return ToyScenario.create_trainer(params)


def curve(losses, lowest=1e-4, factor=2.0):
    return [TriedRate(lowest * factor**i, loss, loss) for i, loss in enumerate(losses)]


def test_the_rates_rise_by_the_same_factor():
    params = RangeTestParams(lowest=1e-3, highest=0.1, updates=21, stop_factor=1e9)

    rates = [one.rate for one in range_test(new_trainer(), params)]

    assert rates == pytest.approx(list(np.geomspace(1e-3, 0.1, 21)), rel=1e-4)


def test_the_smoothed_loss_is_a_running_mean():
    tried = range_test(new_trainer(), RangeTestParams(updates=10, smoothing=0.5))

    mean = 0.0
    for i, one in enumerate(tried, start=1):
        mean = 0.5 * mean + 0.5 * one.loss
        assert one.smoothed == pytest.approx(mean / (1 - 0.5**i))


@pytest.mark.parametrize("fields", [{}, {"train_accum_steps": 2, "ema_decay": 0.9}], ids=str)
def test_weights_optimizer_and_averages_are_as_before(fields):
    trainer = new_trainer(**fields)
    trainer.prepare()
    model: Any = trainer.scenario.keras_train_model
    before = {name: v.numpy() for name, v in named_tensors(model).items()}

    tried = range_test(trainer, RangeTestParams(updates=12, highest=0.1))

    assert tried[0].loss != tried[-1].loss
    model = trainer.scenario.keras_train_model
    after = {name: v.numpy() for name, v in named_tensors(model).items()}
    np.testing.assert_equal(after, before)


def test_state_comes_back_after_an_error():
    trainer = new_trainer()
    trainer.prepare()
    model: Any = trainer.scenario.keras_train_model
    before = [w.numpy() for w in model.root.weights]

    def fail():
        with kept_state(model):
            model.root.weights[0].assign(keras.ops.ones_like(model.root.weights[0]))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    for one, other in zip(before, model.root.weights, strict=True):
        np.testing.assert_array_equal(one, other.numpy())


def test_the_test_ends_when_the_loss_explodes(caplog):
    with caplog.at_level(logging.INFO):
        tried = range_test(new_trainer(), RangeTestParams(highest=1e6, updates=60))

    assert len(tried) < 60
    assert "The loss explodes at a learning rate of" in caplog.text


def test_the_test_ends_when_the_loss_is_not_finite(caplog, monkeypatch):
    def explode(self, inputs, targets, outputs):
        return {"a": tf.exp(tf.reduce_sum(outputs["logits"] ** 2) * 1e6)}

    monkeypatch.setattr("tests.toy.model.ToyModel._loss", explode)
    monkeypatch.setattr("tests.toy.model.ToyModel._loss_weights", lambda self: None)

    with caplog.at_level(logging.INFO):
        tried = range_test(new_trainer(), RangeTestParams(updates=20))

    assert all(math.isfinite(one.loss) for one in tried)
    assert "The loss is not finite at a learning rate of 1e-06" in caplog.text


def test_the_suggestion_is_where_the_loss_falls_fastest_before_its_minimum():
    losses = [3.0, 3.0, 2.9, 2.5, 1.5, 1.0, 0.9, 0.95, 3.0, 1.0, 9.0]

    assert suggested_rate(curve(losses)) == pytest.approx(1e-4 * 2**4)


@pytest.mark.parametrize("losses", [[], [1.0], [1.0] * 20, [1.0 + i for i in range(20)]])
def test_without_a_fall_there_is_no_suggestion(losses):
    assert suggested_rate(curve(losses)) is None


def test_a_suggestion_trains_better_than_a_tenth_and_the_tenfold():
    losses = {}
    rate = suggested_rate(range_test(new_trainer(random_seed=5), RangeTestParams(updates=80))) or 0.0
    for factor in (0.1, 1, 10):
        trainer = new_trainer(random_seed=5, epochs=6)
        trainer.params.learning_rate.lr = rate * factor
        losses[factor] = trainer.train()["loss/mean_epoch"]

    assert losses[1] < losses[0.1]
    assert losses[1] < losses[10] * 1.2
