"""Real processes, real signals: a killed training is resumed by the command line."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

_ROOT = Path(__file__).parents[2]
_EPOCHS = ["--trainer.epochs", "6", "--trainer.random_seed", "5"]
_TIMEOUT_SECONDS = 120


def start(script, *args):
    env = {**os.environ, "PYTHONPATH": str(_ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", f"tfaip.scripts.{script}", *args]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run(script, *args):
    assert start(script, *args).wait(_TIMEOUT_SECONDS) == 0


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


def metrics(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(line["step"], line["rates"], line["metrics"]) for line in lines]


def tensors(folder):
    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


@pytest.mark.slow
def test_a_run_killed_in_epoch_3_of_6_and_resumed_ends_with_the_same_bits(tmp_path):
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    run("train", "tests.toy", "--trainer.output_dir", str(unbroken), *_EPOCHS)
    process = start("train", "tests.toy", "--trainer.output_dir", str(broken), *_EPOCHS)
    kill_when(process, broken / "train.log", "Start of epoch    3")

    run("resume_training", str(broken))

    expected, got = tensors(unbroken), tensors(broken)
    assert set(expected) == set(got)
    for name, value in expected.items():
        np.testing.assert_array_equal(value, got[name], err_msg=name)
    assert (broken / "export" / "serve" / "saved_model.pb").exists()


@pytest.mark.slow
def test_a_run_killed_after_a_step_checkpoint_goes_on_from_that_step_with_the_same_bits(tmp_path):
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    steps = ["--trainer.save_every_n_steps", "3", "--trainer.steps_per_execution", "1"]
    run("train", "tests.toy", "--trainer.output_dir", str(unbroken), *_EPOCHS)
    process = start("train", "tests.toy", "--trainer.output_dir", str(broken), *_EPOCHS, *steps)
    kill_when(process, broken / "variables" / "state.json", r'"epoch": [1-4],\s+"step": 3')

    run("resume_training", str(broken))

    expected, got = tensors(unbroken), tensors(broken)
    assert "Going on in epoch" in (broken / "train.log").read_text()
    assert set(expected) == set(got)
    for name, value in expected.items():
        np.testing.assert_array_equal(value, got[name], err_msg=name)
    assert metrics(unbroken) == metrics(broken)
