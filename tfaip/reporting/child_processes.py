"""The processes that this one has started, and their memory; Linux tells, elsewhere there are none."""

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_HELPERS = (b"resource_tracker", b"forkserver")  # Python starts these for its own use


@dataclass(frozen=True)
class ChildProcess:
    """A process and the bytes of memory that nobody else uses."""

    pid: int
    own_bytes: int


def child_processes() -> list[ChildProcess]:
    """Return the processes that this one has started and that still run, without Python's helpers."""
    found = []
    for folder in _PROC.glob("[0-9]*"):
        try:
            if _parent(folder) == os.getpid() and not _is_helper(folder):
                found.append(ChildProcess(int(folder.name), _own_bytes(folder)))
        except (OSError, ValueError, IndexError):  # it ended meanwhile
            continue
    return found


def _parent(folder: Path) -> int:
    # The name of the program comes before, in brackets, and may hold anything.
    return int((folder / "stat").read_text().rpartition(")")[2].split()[1])


def _is_helper(folder: Path) -> bool:
    command = (folder / "cmdline").read_bytes()
    return not command or any(name in command for name in _HELPERS)


def _own_bytes(folder: Path) -> int:
    lines = (folder / "smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
