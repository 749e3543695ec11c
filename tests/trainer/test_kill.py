"""Real processes, real signals: a killed training is resumed by the command line."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.reliability.oracle import assert_same, fingerprint
from tests.reliability.recorder import CALLBACK, LOG_VARIABLE

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).parents[2]
_FLAGS = ["--trainer.epochs", "6", "--trainer.random_seed", "5", "--trainer.callbacks", CALLBACK]
_TIMEOUT_SECONDS = 180


def start(folder, script, *args):
    env = {
        **os.environ,
        "PYTHONPATH": str(_ROOT),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        LOG_VARIABLE: str(folder / "samples"),
    }
    command = [sys.executable, "-m", f"tfaip.scripts.{script}", *args]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start_training(folder, *flags):
    return start(folder, "train", "tests.toy", "--trainer.output_dir", str(folder / "run"), *_FLAGS, *flags)


def resume(folder):
    assert start(folder, "resume_training", str(folder / "run")).wait(_TIMEOUT_SECONDS) == 0


def kill_when(process, file, text):
    """Send SIGKILL as soon as the file holds the pattern `text`."""
    end = time.monotonic() + _TIMEOUT_SECONDS
    while not holds(file, text):
        assert process.poll() is None, "the training ended before it was killed"
        assert time.monotonic() < end
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait(_TIMEOUT_SECONDS) == -signal.SIGKILL


def holds(file, text):
    try:
        return re.search(text, file.read_text()) is not None
    except OSError:  # a folder is being exchanged
        return False


def found(folder):
    return fingerprint(folder / "run", folder / "samples")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    assert start_training(folder).wait(_TIMEOUT_SECONDS) == 0
    return found(folder)


def test_a_run_killed_in_epoch_3_of_6_and_resumed_is_the_same(tmp_path, unbroken):
    process = start_training(tmp_path)
    kill_when(process, tmp_path / "run" / "train.log", "Start of epoch    3")

    resume(tmp_path)

    assert_same(unbroken, found(tmp_path))
    assert (tmp_path / "run" / "export" / "serve" / "saved_model.pb").exists()


def test_a_run_killed_after_a_step_checkpoint_goes_on_from_that_step_and_is_the_same(tmp_path, unbroken):
    process = start_training(
        tmp_path, "--trainer.save_every_n_steps", "3", "--trainer.steps_per_execution", "1"
    )
    state = tmp_path / "run" / "variables" / "state.json"
    kill_when(process, state, r'"epoch": [1-4],\s+"step": [1-4]')

    resume(tmp_path)

    assert "Going on in epoch" in (tmp_path / "run" / "train.log").read_text()
    assert_same(unbroken, found(tmp_path))
