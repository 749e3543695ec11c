import logging
import math
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from tfaip.errors import UsageError
from tfaip.trainer.scheduler.reduce_on_plateau_params import ReduceOnPlateauParams

LENGTH: dict[str, Any] = {"epochs": 100, "steps_per_epoch": 5}


def rates(schedule, values, monitor="loss/mean_epoch"):
    """Return the rate of the epoch after each value."""
    found = []
    for epoch, value in enumerate(values):
        schedule.epoch_finished(epoch, {monitor: value})
        found.append(float(schedule(epoch * 5)))
    return found


def rates_of_keras(p, values):
    callback = keras.callbacks.ReduceLROnPlateau(
        monitor="v",
        mode=p.monitor_mode,
        factor=p.factor,
        patience=p.patience,
        min_delta=p.min_delta,
        cooldown=p.cooldown,
        min_lr=p.min_lr,
    )
    callback.set_model(SimpleNamespace(optimizer=keras.optimizers.SGD(p.lr)))  # type: ignore[arg-type]
    callback.on_train_begin()
    found = []
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"v": value})
        found.append(float(callback.model.optimizer.learning_rate))  # type: ignore[union-attr]
    return found


def test_a_flat_loss_halves_the_rate_after_patience_epochs():
    schedule = ReduceOnPlateauParams(lr=0.8, patience=3, **LENGTH).create()

    assert rates(schedule, [1.0] * 8) == pytest.approx([0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2])


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"patience": 1, "factor": 0.1, "min_lr": 0.01},
        {"patience": 2, "cooldown": 3},
        {"patience": 2, "cooldown": 1, "min_delta": 0.3},
        {"patience": 3, "monitor_mode": "max"},
    ],
    ids=str,
)
def test_the_rule_is_that_of_keras(fields):
    params = ReduceOnPlateauParams(lr=0.5, **{**fields, **LENGTH})
    values = [*np.random.default_rng(1).uniform(size=60), math.nan, 0.0, 0.5, 0.5]

    assert rates(params.create(), values) == pytest.approx(rates_of_keras(params, values))


def test_a_restored_schedule_goes_on():
    params = ReduceOnPlateauParams(patience=2, cooldown=1, **LENGTH)
    values = list(np.random.default_rng(2).uniform(size=30))
    unbroken = rates(params.create(), values)

    first, second = params.create(), params.create()
    begin = rates(first, values[:13])
    second.restore(first.state())

    assert begin + rates(second, values[13:]) == unbroken


def test_a_value_that_is_not_finite_is_not_the_best():
    schedule = ReduceOnPlateauParams(patience=2, **LENGTH).create()

    rates(schedule, [math.nan, 3.0])

    assert schedule.state()["best"] == 3.0


def test_epochs_of_the_offset_do_not_count():
    schedule = ReduceOnPlateauParams(lr=1.0, patience=1, offset_epochs=3, **LENGTH).create()

    assert rates(schedule, [1.0] * 5) == [1.0, 1.0, 1.0, 1.0, 0.5]


def test_a_monitor_that_is_never_logged_is_reported_once(caplog):
    schedule = ReduceOnPlateauParams(monitor="los", **LENGTH).create()

    with caplog.at_level(logging.WARNING):
        rates(schedule, [1.0, 1.0])

    assert caplog.text.count("`los`, by which the learning rate is reduced, is not logged") == 1


def test_an_epoch_without_validation_is_no_mistake(caplog):
    schedule = ReduceOnPlateauParams(monitor="val_loss", patience=1, **LENGTH).create()

    with caplog.at_level(logging.WARNING):
        rates(schedule, [1.0, 1.0])

    assert caplog.text == ""
    assert schedule.state()["best"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("factor", 1.0), ("patience", 0), ("monitor_mode", "low"), ("min_delta", -1.0), ("cooldown", -1)],
)
def test_numbers_out_of_range_are_refused(field, value):
    with pytest.raises(UsageError, match=f"--learning_rate.{field}"):
        ReduceOnPlateauParams(**dict[str, Any]({field: value}))
