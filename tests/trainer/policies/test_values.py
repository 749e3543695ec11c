from typing import Any

import pytest

from tfaip.errors import UsageError
from tfaip.trainer.policies import Constant, Exponential, Lambda, Linear, OnPlateau, Schedule, Switch


def square(time):
    return time**2


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (Constant(3), [3, 3, 3, 3]),
        (Exponential(10, 0.5), [10, 5, 2.5, 1.25]),
        (Exponential(10, 0.5, every=2), [10, 10, 5, 5]),
        (Schedule([1, 2, 4]), [1, 2, 4, 4]),
        (Schedule([1, 2], every=3), [1, 1, 1, 2]),
        (Switch(1, starts=[1, 3], values=[7, 9]), [1, 7, 7, 9]),
        (Linear(0, 6, start=0, end=3), [0, 2, 4, 6]),
        (Linear(1, 0, start=1, end=2), [1, 1, 0, 0]),
        (Lambda("tests.trainer.policies.test_values:square"), [0, 1, 4, 9]),
    ],
    ids=lambda x: str(x)[:60],
)
@pytest.mark.parametrize("by", ["epoch", "step"])
def test_values_follow_their_closed_form(params, expected, by):
    params.by = by
    policy: Any = params.create()

    clock = {"epoch": 99, "step": 99}
    values = [policy.value(**{**clock, by: time}) for time in range(4)]

    assert values == expected


def test_a_plateau_changes_the_value_and_stays_within_its_limit():
    policy: Any = OnPlateau(8, 0.5, patience=2, monitor="val_loss", limit=3).create()

    values = []
    for epoch, loss in enumerate([5, 6, float("nan"), 4, 4, 4, 4, 4]):
        policy.epoch_finished(epoch, train_losses={}, metrics={"val_loss": loss})
        values.append(policy.value(epoch=epoch + 1, step=0))

    assert values == [8, 8, 4, 4, 4, 3, 3, 3]


def test_a_plateau_goes_on_after_a_resume():
    first: Any
    second: Any
    first, second = (OnPlateau(8, 0.5, patience=2, monitor="loss").create() for _ in range(2))
    for epoch in range(2):
        first.epoch_finished(epoch, train_losses={"loss": 1.0}, metrics={})

    second.set_state(first.get_state())
    second.epoch_finished(2, train_losses={"loss": 1.0}, metrics={})

    assert second.value(epoch=3, step=0) == 4


@pytest.mark.parametrize(
    ("create", "telling"),
    [
        (lambda: Exponential(1, 0.5, every=0), r"policies\.N\.every"),
        (lambda: Schedule([]), "at least one value"),
        (lambda: Switch(1, starts=[3, 1], values=[1, 2]), "must rise"),
        (lambda: Linear(start=3, end=3), r"policies\.N\.end"),
        (lambda: Constant(1, by="hour"), "'epoch', 'step'"),
        (lambda: OnPlateau(by="step"), "must be `epoch`"),
        (lambda: Lambda("nowhere").create(), "module:name"),
        (lambda: Lambda("math:squareroot").create(), "no function `squareroot`"),
    ],
)
def test_mistakes_are_refused(create, telling):
    with pytest.raises(UsageError, match=telling):
        create()
