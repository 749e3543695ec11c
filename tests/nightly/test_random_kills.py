"""Trainings that are killed at random times, and given again by the same command until they are done."""

import json
import os
import random
import signal
import time

import pytest

from tests.reliability.oracle import differences, fingerprint
from tests.reliability.recorder import CALLBACK, LOG_VARIABLE
from tests.reliability.zygote import Zygote

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(7200)]

KILLS = int(os.environ.get("RANDOM_KILLS", "40"))
SEED = int(os.environ.get("RANDOM_KILLS_SEED", "0"))
COMMAND = [
    *("tests.toy", "--trainer.epochs", "5", "--trainer.random_seed", "3", "--trainer.resume", "auto"),
    *("--trainer.ema_decay", "0.9", "--trainer.save_every_n_steps", "3", "--trainer.lav_every_n", "2"),
    *("--early_stopping.n_to_go", "4", "--trainer.callbacks", CALLBACK, "--scenario.print_eval_limit", "0"),
]


def start(zygote, folder):
    env = {LOG_VARIABLE: str(folder / "samples")}
    return zygote.start(folder, "train", *COMMAND, "--trainer.output_dir", folder / "run", env=env)


def finish(zygote, folder):
    training = start(zygote, folder)
    assert training.wait() == 0, training.stderr
    return fingerprint(folder / "run", folder / "samples")


def kill_after(training, seconds):
    """Return whether the training was still alive."""
    time.sleep(seconds)
    training.send(signal.SIGKILL)
    return training.wait() == -signal.SIGKILL


def test_after_any_kill_the_same_command_ends_with_the_same_bits(tmp_path):
    zygote, times = Zygote(), random.Random(SEED)
    start(zygote, tmp_path / "warm").wait()
    begin = time.monotonic()
    expected = finish(zygote, tmp_path / "unbroken")
    life = time.monotonic() - begin
    failures, hits = [], 0
    for number in range(KILLS):
        folder = tmp_path / str(number)
        # Spread over the whole life and a bit more; every third training is killed once more.
        moments = [1.05 * life * (number + times.random()) / KILLS]
        moments += [life * times.random()] if number % 3 == 2 else []
        for seconds in moments:
            hits += kill_after(start(zygote, folder), seconds)
        found = differences(expected, finish(zygote, folder))
        leftovers = [*folder.rglob("*.incomplete"), *folder.rglob("*.tmp"), *folder.rglob(".*.new*")]
        if found or leftovers:
            failures.append((number, moments, found, leftovers))
    zygote.close()
    print(  # noqa: T201 - what such a run is for
        f"life {life:.1f} s, {hits} kills in {KILLS} trainings, {KILLS - len(failures)} of {KILLS} equal"
    )
    assert not failures, json.dumps(failures, default=str)
    assert hits > 0.7 * KILLS
