import os
import subprocess
import sys
import time
from itertools import count

import numpy as np
import pytest

from tfaip.reporting.child_processes import child_processes
from tfaip.reporting.input_speed import InputSpeed, measure_speed

BATCH = ({"x": np.zeros((8, 2))}, {"y": np.zeros((8, 1))})


def slow_batches():
    time.sleep(0.1)
    for _ in count():
        yield BATCH
        time.sleep(0.01)


def test_the_first_batch_is_told_apart():
    speed = measure_speed(slow_batches(), time_limit=0.3)

    assert speed.first_seconds >= 0.1
    assert speed.seconds > 0
    assert speed.num_samples == 8 * speed.num_batches
    assert speed.batches_per_second == pytest.approx(speed.num_batches / speed.seconds)
    assert 0 < speed.samples_per_second <= 800


def test_it_ends_with_the_batches_and_shows_each():
    seen = []

    speed = measure_speed([BATCH] * 4, time_limit=-1, watch=lambda speed: seen.append(speed.num_samples))

    assert speed.num_batches == 3
    assert seen == [0, 8, 16, 24]


def test_ctrl_c_ends_it_with_what_was_measured():
    def interrupted():
        yield BATCH
        yield BATCH
        raise KeyboardInterrupt

    assert measure_speed(interrupted(), time_limit=-1).num_batches == 1


def test_without_batches_there_is_no_speed():
    speed = measure_speed([], time_limit=1)

    assert (speed.num_batches, speed.samples_per_second, speed.batches_per_second) == (0, 0, 0)
    assert speed == InputSpeed(0, 0, 0.0, 0.0)


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="only Linux tells")
def test_processes_that_were_started_for_the_batches_are_named_with_their_memory():
    program = "x = bytearray(30 << 20); print('ready', flush=True); input()"

    def batches():
        child = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        child.stdout.readline()
        pids.append(child.pid)
        with child:
            yield BATCH
            yield BATCH

    pids: list[int] = []
    source = batches()
    speed = measure_speed(source, time_limit=0)

    (worker,) = speed.workers
    assert worker.pid == pids[0]
    assert 30 < worker.own_bytes / 2**20 < 60
    source.close()
    assert pids[0] not in [child.pid for child in child_processes()]
