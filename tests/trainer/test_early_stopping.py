import math

import pytest

from tfaip.trainer.callbacks.earlystopping.params import EarlyStoppingParams
from tfaip.trainer.callbacks.earlystopping.tracking import decide
from tfaip.trainer.state import BestState


def run(values, *, mode="max", **params):
    """Return after which epoch, counted from 1, training stops (None: never), and the last state."""
    params = EarlyStoppingParams(**params)
    best = BestState(mode=mode, monitor="val_acc")
    for epoch, value in enumerate(values):
        decision = decide(best, value, epoch, params)
        best = decision.best
        if decision.stop_reason:
            return epoch + 1, best
    return None, best


@pytest.mark.parametrize(
    ("n_to_go", "frequency", "expected"),
    [(3, 2, 4), (4, 1, 4), (2, 1, 2), (3, 1, 3), (2, 3, 3), (-1, 1, None), (3, 0, None)],
)
def test_without_improvement_training_ends_after_the_documented_epoch(n_to_go, frequency, expected):
    stopped, _ = run([0.5] * 20, n_to_go=n_to_go, frequency=frequency)

    assert stopped == expected


def test_a_better_value_starts_the_count_anew():
    stopped, best = run([0.5, 0.5, 0.6, 0.6, 0.6, 0.6], n_to_go=3)

    assert stopped == 5
    assert best.current == 0.6


def test_an_equal_value_is_not_better():
    stopped, best = run([0.5, 0.5], mode="min", n_to_go=2)

    assert stopped == 2
    assert best.n == 2


def test_the_goal_stops_at_once_and_equality_is_enough():
    assert run([0.5, 0.99, 1.0], upper_threshold=0.99)[0] == 2
    assert run([0.5, 0.01, 0.0], mode="min", lower_threshold=0.01)[0] == 2


def test_the_gate_holds_back_the_count():
    assert run([0.3] * 6, n_to_go=3, lower_threshold=0.5)[0] is None
    assert run([2.0] * 6, mode="min", n_to_go=3, upper_threshold=1.0)[0] is None
    assert run([0.3, 0.5, 0.5, 0.5], n_to_go=3, lower_threshold=0.5)[0] == 4


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_never_better(bad):
    for mode in ("min", "max"):
        _, best = run([bad, 0.5, bad], mode=mode)

        assert best.current == 0.5
