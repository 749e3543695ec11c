"""One training writes to a folder: a lock that names its holder, and is taken over after a crash."""

import contextlib
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from tfaip.errors import StorageError, UsageError
from tfaip.files import parse_json, remove_temporary, write_json

logger = logging.getLogger(__name__)

LOCK = ".training.lock"
_held: set[Path] = set()
_WRITTEN = ("trainer_params.json", "metrics.jsonl", "run_info.json")  # whole or not at all, by a training


@dataclass(frozen=True)
class Holder:
    """A process that trains.

    Attributes:
        host: Where it runs.
        boot: Which start of that machine; empty if it is not known.
        pid: Its number.
        process: When it started, in the machine's own count, as numbers are used again; empty if not known.
        since: When it took the folder, for people.
    """

    host: str
    boot: str
    pid: int
    process: str
    since: str

    @classmethod
    def me(cls) -> "Holder":
        """Return this process."""
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        return cls(socket.gethostname(), _boot_id(), os.getpid(), _start_of(os.getpid()), since)

    def is_same(self, other: "Holder") -> bool:
        """Return whether both are one process."""
        return (self.host, self.boot, self.pid, self.process) == (
            other.host,
            other.boot,
            other.pid,
            other.process,
        )

    def has_ended(self) -> bool:
        """Return whether the process is known to be gone; of another machine nothing is known."""
        if self.host != socket.gethostname():
            return False
        return self.boot != _boot_id() or not _is_running(self.pid) or self.process != _start_of(self.pid)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep `folder`, which is created, for this process while the block runs.

    The same process may lock it again inside. A folder that was created and stays empty is removed.

    Raises:
        UsageError: Another process holds it.
    """
    folder = Path(folder).absolute()
    new_folders = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    is_taken = _take(folder)
    if is_taken:
        _held.add(folder)
        for name in (LOCK, *_WRITTEN):
            remove_temporary(folder / name)
    try:
        yield
    finally:
        if is_taken:
            _held.discard(folder)
            release(folder)
            _remove_empty(new_folders)


def _take(folder: Path) -> bool:
    """Write the lock; return false if this process holds it already."""
    lock, me = folder / LOCK, Holder.me()
    with _alone(folder):
        holder = _read(lock)
        if holder is not None and holder.is_same(me):
            return False
        if holder is not None and not holder.has_ended():
            raise UsageError(_held_by(holder, folder))
        if lock.exists():
            ended = f"process {holder.pid} of {holder.since}" if holder else "nobody that could be read"
            logger.warning("`%s` was locked by %s, which has ended; it is taken over.", folder, ended)
        write_json(lock, asdict(me))
    return True


def _held_by(holder: Holder, folder: Path) -> str:
    what = "Wait until it ends, or choose another folder."
    if holder.host != socket.gethostname():
        what += f" If you know that it has ended, remove `{folder / LOCK}`."
    return (
        f"`--trainer.output_dir {folder}` is in use: process {holder.pid} on {holder.host} has trained into "
        f"it since {holder.since}. {what}"
    )


def check_still_held(folder: Path) -> None:
    """Raise if this process had locked `folder`, and the lock is gone: the folder was removed or unmounted.

    Raises:
        StorageError: So nothing more may be written there.
    """
    folder = Path(folder).absolute()
    if folder in _held and not (folder / LOCK).exists():
        raise StorageError(
            f"`{folder}` was removed, or unmounted, while a training wrote to it. Nothing more is written."
        )


def release(folder: Path) -> None:
    """Unlock `folder`, if this process holds it."""
    folder = Path(folder).absolute()
    holder = _read(folder / LOCK)
    if holder is not None and holder.is_same(Holder.me()):
        (folder / LOCK).unlink(missing_ok=True)


def _remove_empty(new_folders: list[Path]) -> None:
    for path in new_folders:
        with contextlib.suppress(OSError):
            path.rmdir()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let no other process look at the lock at the same time, where the file system can do that."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _read(lock: Path) -> Holder | None:
    try:
        return Holder(**parse_json(lock.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _boot_id() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _start_of(pid: int) -> str:
    """Return when a process started; the name of its program may hold any characters."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    return ""


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
