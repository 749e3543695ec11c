"""Faults at the n-th call by which a program changes files: its end, or an error of the system."""

import contextlib
import errno
import io
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from typing import Any

CHANGES = ("fsync", "rename", "replace", "symlink", "mkdir", "unlink", "rmdir", "link")
_MUCH = 10**6


def number_of_changes(work: Callable[[], object]) -> int:
    """Return how many changes `work` makes; it is done in a child."""
    reading, writing = os.pipe()
    with _child() as is_child:
        if is_child:
            count = _faulty(_MUCH, lambda: None)
            work()
            os.write(writing, str(count()).encode())
    os.close(writing)
    with os.fdopen(reading) as pipe:
        return int(pipe.read())


def die_at(number: int, work: Callable[[], object]) -> None:
    """Do `work` in a child that is killed right before its change `number`."""
    with _child() as is_child:
        if is_child:
            _faulty(number, lambda: os.kill(os.getpid(), signal.SIGKILL))
            work()


@contextlib.contextmanager
def fail_at(number: int, code: int = errno.EIO) -> Iterator[None]:
    """Let the change `number` in the block fail with a code of `errno`."""

    def fail() -> None:
        raise OSError(code, os.strerror(code))

    before = {name: getattr(os, name) for name in CHANGES}, io.open
    _faulty(number, fail)
    try:
        yield
    finally:
        for name, function in before[0].items():
            setattr(os, name, function)
        io.open = before[1]


def _faulty(number: int, fault: Callable[[], None]) -> Callable[[], int]:
    """Let `fault` happen before the change `number` of this process; return what counts them."""
    count = 0

    def counted(function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            is_change = function is not opened or _writes(*args, **kwargs)
            count += is_change
            if is_change and count == number:
                fault()
            return function(*args, **kwargs)

        return call

    opened = io.open
    for name in CHANGES:
        setattr(os, name, counted(getattr(os, name)))
    io.open = counted(opened)
    return lambda: count


def _writes(file: Any, mode: str = "r", *_: Any, **__: Any) -> bool:
    return "r" not in mode


@contextlib.contextmanager
def _child() -> Iterator[bool]:
    """Give true in a child, which ends with the block, and false here, after the child has ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads, of which it uses none
        pid = os.fork()
    if pid:
        yield False
        os.waitpid(pid, 0)
        return
    try:
        yield True
    finally:
        os._exit(0)
