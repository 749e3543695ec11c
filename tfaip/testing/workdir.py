"""Where tests find files, and how they start programs."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_WORKDIR = "workdir"


def call_in_root(args: Sequence[str], env: Mapping[str, str] | None = None) -> int:
    """Run a program that finds the packages beside tfaip, in the current folder; return its exit code 0.

    Args:
        args: The program and its arguments.
        env: The environment; None is that of this process.

    Raises:
        subprocess.CalledProcessError: The program ended with another code.
    """
    environment = dict(os.environ if env is None else env)
    paths = [environment["PYTHONPATH"]] if environment.get("PYTHONPATH") else []
    environment["PYTHONPATH"] = os.pathsep.join([*paths, str(_ROOT)])
    return subprocess.check_call(list(args), env=environment)


def workdir_path(name: str, *args: str) -> str:
    """Return a path below the folder `workdir` beside a test.

    Args:
        name: The `__file__` of the test.
        args: The parts of the path below `workdir`.
    """
    return workdir_path_with_path(name, "", *args)


def workdir_path_with_path(name: str, scenario_dir: str, *args: str) -> str:
    """Return a path below the folder `workdir` of a scenario.

    Args:
        name: The `__file__` of the test.
        scenario_dir: The folder of the scenario, seen from that of the test.
        args: The parts of the path below `workdir`.
    """
    return os.path.join(os.path.dirname(os.path.abspath(name)), scenario_dir, _WORKDIR, *args)
