"""A service that predicts one input at a time, for long."""

import resource
import threading
import time

import numpy as np
import pytest

from tests.predict.toys import PoisonParams, SumParams, inputs, toy_predictor
from tfaip.errors import DataError

CALLS = 100_000
POISON_EVERY = 1_000
MEBIBYTE = 2**20


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_calls_with_poison_stay_fast_and_small():
    ok, poison = inputs(2)
    poisoned, seconds, threads, before = [], np.zeros(CALLS), threading.active_count(), 0

    with toy_predictor(pre=[PoisonParams(raises=1)], post=[SumParams()]).raw() as call:
        for number in range(CALLS):
            is_poison = number % POISON_EVERY == POISON_EVERY - 1
            start = time.perf_counter()
            try:
                assert call(poison if is_poison else ok).outputs["sum"] == 0
            except DataError:
                poisoned.append(number)
            seconds[number] = time.perf_counter() - start
            if number % 10_000 == 0:
                time.sleep(0.5)  # a slow consumer
            if number == CALLS // 10:
                before = resident_bytes()
        grown = resident_bytes() - before

    assert poisoned == list(range(POISON_EVERY - 1, CALLS, POISON_EVERY))
    assert threading.active_count() == threads
    assert grown < 50 * MEBIBYTE
    early, late = (np.percentile(part, 99) for part in (seconds[1000:20_000], seconds[-20_000:]))
    assert late < 3 * early
