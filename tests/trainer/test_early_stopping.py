import math
import re
from pathlib import Path

import pytest

from tfaip.trainer.callbacks.earlystopping.params import EarlyStoppingParams
from tfaip.trainer.callbacks.earlystopping.tracking import decide
from tfaip.trainer.state import BestState

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "training.md"


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


def documented():
    """Return the rows (n_to_go, frequency, last epoch) of the page's table."""
    rows = re.findall(r"^\| (-?\d+) \| (\d+) \| (\d+|never) \|$", PAGE.read_text(), re.MULTILINE)
    return [(int(n), int(frequency), None if end == "never" else int(end)) for n, frequency, end in rows]


def test_the_page_has_the_cases_that_scenarios_depend_on():
    assert {(3, 2, 4), (4, 1, 4)} < set(documented())
    assert len(documented()) == 7


@pytest.mark.parametrize(("n_to_go", "frequency", "expected"), documented())
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
