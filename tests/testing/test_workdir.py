import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfaip.testing.workdir import call_in_root, workdir_path, workdir_path_with_path

ROOT = str(Path(__file__).resolve().parents[2])


def test_a_program_finds_the_packages_of_the_repository_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = "import os, scenarios; open('found', 'w').write(os.environ['PYTHONPATH'])"

    assert call_in_root([sys.executable, "-P", "-c", program], env={"PYTHONPATH": "first"}) == 0

    assert (tmp_path / "found").read_text() == f"first{os.pathsep}{ROOT}"


def test_a_program_that_fails_raises():
    with pytest.raises(subprocess.CalledProcessError, match="3"):
        call_in_root([sys.executable, "-c", "raise SystemExit(3)"])


def test_work_folders_are_beside_a_test_or_in_a_scenario():
    assert workdir_path("/a/test_b.py", "c", "d.png") == "/a/workdir/c/d.png"
    assert workdir_path_with_path("/a/test_b.py", "task", "d.png") == "/a/task/workdir/d.png"
