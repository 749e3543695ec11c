"""`run_info.json`: what a run was made with, for whoever wants to repeat it."""

import importlib.metadata
import logging
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tfaip.files import parse_json, write_json
from tfaip.trainer.params import TrainerParams
from tfaip.version import __version__

RUN_INFO = "run_info.json"

_PACKAGES = ("tensorflow", "keras", "numpy")
_GIT_SECONDS = 5  # a large repository on a network drive may not hold up the training
_DIFF_LINES = 50

logger = logging.getLogger(__name__)


def write_run_info(folder: Path, params: TrainerParams, *, is_resumed: bool, devices: list[str]) -> None:
    """Write what this run is made with; a resume adds an entry to `starts`. It never raises.

    Args:
        folder: The output folder of the training.
        params: Those of the training.
        is_resumed: Keep the entries that are there.
        devices: The devices on which it computes.
    """
    try:
        path = Path(folder) / RUN_INFO
        earlier = _earlier_starts(path) if is_resumed else []
        write_json(path, {"starts": [*earlier, _start(params, devices)]})
    except Exception as error:  # noqa: BLE001 - a training is worth more than its description
        logger.warning("`%s` was not written: %s", RUN_INFO, error)


def _earlier_starts(path: Path) -> list[Any]:
    try:
        return list(parse_json(path.read_text(encoding="utf-8"))["starts"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _start(params: TrainerParams, devices: list[str]) -> dict[str, Any]:
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "working_dir": os.getcwd(),
        "epoch": params.current_epoch,
        "random_seed": params.random_seed,
        "versions": _versions(),
        "hardware": {
            "machine": platform.machine(),
            "system": platform.platform(),
            "cpus": os.cpu_count(),
            "memory_bytes": _or_none(lambda: os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
            "devices": devices,
        },
        "git": git_state(Path.cwd()),
    }


def _versions() -> dict[str, Any]:
    found: dict[str, Any] = {"python": platform.python_version(), "tfaip": __version__}
    for package in _PACKAGES:
        found[package] = _or_none(lambda package=package: importlib.metadata.version(package))
    return found


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return commit, branch and changes of the repository that `folder` is in; `None` without one."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    status = _git(folder, "status", "--porcelain") or ""
    diff = (_git(folder, "diff", "HEAD", "--stat") or "").splitlines()
    return {
        "commit": commit,
        "branch": _git(folder, "rev-parse", "--abbrev-ref", "HEAD"),
        "is_dirty": bool(status),
        "diff_summary": diff if len(diff) <= _DIFF_LINES else [*diff[: _DIFF_LINES - 1], "...", diff[-1]],
    }


def _git(folder: Path, *words: str) -> str | None:
    def run() -> str | None:
        command = ["git", "-C", str(folder), "--no-optional-locks", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_GIT_SECONDS, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else None

    return _or_none(run)


def _or_none(function: Callable[[], Any]) -> Any:
    """Return what `function` returns, `None` if this machine does not tell."""
    try:
        return function()
    except (OSError, ValueError, AttributeError, subprocess.SubprocessError, ImportError):
        return None
