"""What a user sees when the workers of a training fail, and what is left."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKER = r"worker \d \(pid \d+\)"


@pytest.mark.slow
def test_a_failing_worker_ends_the_training_with_code_3_and_the_checkpoint_stays(tmp_path):
    expected = {
        "raise": rf"`Fault` failed at sample .* with ZeroDivisionError: nothing to divide by \(in {WORKER}\)",
        "kill": rf"{WORKER} of `Noise`, `Fault` killed by signal 9, often out of memory; sample ",
    }
    running = {how: start(tmp_path / how, how) for how in expected}  # beside each other, to save time

    for how, message in expected.items():
        _, errors = running[how].communicate(timeout=200)
        last = errors.strip().splitlines()[-1]
        assert running[how].returncode == 3, errors
        assert re.match(rf"tfaip: error: .*{message}", last), last
        assert list((tmp_path / how / "checkpoints").glob("0*-epoch-*/manifest.json"))
        assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and belongs_to(pid, tmp_path / how)]

    assert "raise ZeroDivisionError" in (tmp_path / "raise" / "train.log").read_text()


def start(folder, how):
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "tfaip.scripts.train", "tests.scripts.faulty_scenario:FaultyScenario"),
            *("--trainer.output_dir", str(folder)),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "FAULT": how,
            "FAULT_AFTER": str(folder / "checkpoints" / "00001-epoch-1"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def belongs_to(pid, folder):
    try:
        return f"FAULT_AFTER={folder}/" in Path(f"/proc/{pid}/environ").read_bytes().decode()
    except OSError:
        return False
