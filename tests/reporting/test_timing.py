import time

import pytest

from tfaip.reporting import timing
from tfaip.reporting.timing import (
    MeasureTime,
    ProfileScope,
    enable_profiling,
    format_profiling,
    print_profiling,
    profile,
)


@pytest.fixture(autouse=True)
def nothing_measured(monkeypatch):
    monkeypatch.setattr(timing, "_scopes", {})
    monkeypatch.setattr(timing, "_settings", timing._Settings(enabled=False, seconds_format="<9.3"))


@profile
def work(x, *, y):
    """Do something."""
    return x + y


def printed():
    lines = []
    print_profiling(lines.append)
    return lines


def test_stopwatch_measures_the_block():
    with MeasureTime() as watch:
        time.sleep(0.01)
        till_now = watch.duration_till_now()

    assert 0.01 <= till_now <= watch.duration < 1


def test_nothing_is_counted_or_printed_unless_enabled():
    assert work(1, y=2) == 3

    assert printed() == []
    enable_profiling(True)
    assert len(printed()) == 1


def test_calls_and_scopes_are_summed_up_by_name():
    enable_profiling(True)

    assert work(1, y=2) == 3
    work(1, y=2)
    with ProfileScope("mine"):
        time.sleep(0.01)

    _, longest, shortest = printed()
    assert longest.split()[:2] == ["mine", "1"]
    assert shortest.split()[0].endswith("work")
    assert shortest.split()[1] == "2"


def test_seconds_are_printed_in_the_given_format():
    enable_profiling(True)
    format_profiling(">8.1f")

    with ProfileScope("mine"):
        pass

    assert printed()[1].split()[2] == "0.0"


def test_profiled_function_keeps_its_name():
    assert work.__name__ == "work"
    assert work.__doc__ == "Do something."
