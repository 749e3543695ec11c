"""`tfaip-benchmark-input-pipeline` as the shell sees it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tfaip.scripts.benchmark_scenario_input_pipeline import parse_args

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "tfaip.scripts.benchmark_scenario_input_pipeline", "tests.toy"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def test_the_arguments_are_those_of_a_training_and_its_own():
    scenario, params, args = parse_args(
        ["tests.toy", "--train.number", "7", "--time_limit", "5", "--with_train_step"]
    )
    _, _, defaults = parse_args(["tests.toy"])

    assert scenario.__name__ == "ToyScenario"
    assert params.gen.train.number == 7
    assert (args.time_limit, args.with_train_step) == (5.0, True)
    assert (defaults.time_limit, defaults.with_train_step) == (-1.0, False)


def test_it_ends_by_itself_and_tells_what_bounds_the_pipeline(tmp_path):
    ended = subprocess.run(
        [*PROGRAM, "--time_limit", "1.5", "--with_train_step", "--trainer.output_dir", "run"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    live, report = ended.stdout.split("First batch after")
    assert re.search(r"Reading, \d+ samples, [\d.]+ samples/s: [\d.]+ batches/s", live)
    assert re.search(r"Then [\d.]+ samples/s, [\d.]+ batches/s", report)
    for part in ("the generator RawDataGenerator", "the processor Noise", "the batching"):
        assert f"  {part} " in report
    assert re.search(r"Training: [\d.]+ samples/s, .*: it waits for data \d+ % of the time\.", report)
    assert re.search(r"\n(Bound by the|The training does not wait).*\n$", report)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT")
def test_ctrl_c_ends_it_with_the_report(tmp_path):
    running = subprocess.Popen(
        PROGRAM, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    line = running.stdout.readline()
    time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    out, errors = running.communicate(timeout=60)

    assert line.startswith("Reading, ")
    assert running.returncode == 0, errors
    assert "Then " in out
    assert "Traceback" not in errors
