"""What the workers do in the tests of their pool."""

import gc
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfaip.workers.pool import Order, PoolSettings, WorkerPool


@dataclass(frozen=True)
class Calling:
    """Calls the function for each task; `opening` is called first."""

    function: Callable[..., Any]
    opening: Callable[[], Any] = int

    def open(self) -> Callable[..., Any]:
        self.opening()
        return self.function


@contextmanager
def pool_of(
    function: Callable[..., Any],
    num_workers: int = 2,
    *,
    opening: Callable[[], Any] = int,
    **settings: Any,
) -> Iterator[WorkerPool]:
    """Return a pool whose workers call `function(value, desk)`."""
    pool = WorkerPool(Calling(function, opening), PoolSettings("`Testing`", num_workers, **settings))
    with closing(pool):
        yield pool


def one(pool: WorkerPool, value: Any, **kwargs: Any) -> Any:
    """Return the result of one task."""
    return pool.result(pool.submit(Order(value, **kwargs)))


def pids(pool: WorkerPool) -> list[int]:
    assert pool._processes is not None
    return [worker.process.pid for worker in pool._processes.workers]


def square(value: int, _: Any) -> int:
    return value * value


def own_pid(_: Any, __: Any) -> int:
    return os.getpid()


def square_late(value: int, _: Any) -> int:
    time.sleep(random.random() / 50)
    return value * value


def sleep_at_three(value: int, desk: Any) -> int:
    desk.at(value)
    time.sleep(600 if value == 3 else 0)
    return value


def write_slowly(num_bytes: int, desk: Any) -> np.ndarray:
    """Fill an array in the shared memory for a long time."""
    desk.at(3)
    (array,) = desk.empty(((num_bytes,), np.uint8))
    end = time.monotonic() + 600
    while time.monotonic() < end:
        array += 1
    return array


def make_array(num_bytes: int, desk: Any) -> np.ndarray:
    (array,) = desk.empty(((num_bytes,), np.uint8))
    array[:] = num_bytes % 251
    return array


def end(how: str, desk: Any) -> None:
    """End the process in one of many ways."""
    desk.at(3)
    if how == "exit":
        sys.exit(7)
    if how == "_exit":
        os._exit(7)
    if how == "null":
        import ctypes

        ctypes.string_at(0)
    if how == "stack overflow":
        sys.setrecursionlimit(10**9)
        fall()
    os.kill(os.getpid(), signal.SIGKILL)


def fall() -> Any:
    """Recurse through C code until the stack is used up."""
    return sorted([1], key=lambda _: fall())


def end_with_a_child(_: Any, __: Any) -> None:
    """End, while a child goes on that has inherited all descriptors."""
    if os.fork() == 0:
        time.sleep(20)
    os._exit(7)


def sum_of_input(number: int, desk: Any) -> int:
    """Ask for more input so many times."""
    return sum(desk.more_input() for _ in range(number))


def mixed(value: tuple[int, int], desk: Any) -> tuple[int, np.ndarray]:
    """Do everything that a task can do: wait, take input, make arrays in place and elsewhere."""
    seed, num_inputs = value
    rng = random.Random(seed)
    time.sleep(rng.random() / 500)
    total = sum(int(desk.more_input().sum()) for _ in range(num_inputs))
    size = rng.choice([0, 1, 1000, 300_000, 2_000_000])
    if rng.random() < 0.5:
        (array,) = desk.empty(((size,), np.uint8))
    else:
        array = np.empty(size, np.uint8)
    array[:] = seed % 251
    if rng.random() < 0.05:
        raise ValueError(f"seed {seed}")
    return total, array


def fail(value: Any, _: Any) -> None:
    raise ZeroDivisionError(f"at {value}")


def refuse() -> None:
    raise FileNotFoundError("the weights are missing")


@dataclass(frozen=True)
class Noting:
    """Notes each process that is started, then fails."""

    path: str

    def __call__(self) -> None:
        with open(self.path, "a") as file:
            file.write(f"{os.getpid()}\n")
        refuse()


def import_tensorflow(_: Any, __: Any) -> str:
    import tensorflow

    return tensorflow.__name__


def wait_for_end_of(process_ids: list[int], seconds: float = 5) -> bool:
    """Return whether the processes ended in time."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if not any(map(is_alive, process_ids)):
            return True
        time.sleep(0.02)
    return False


def is_alive(process_id: int) -> bool:
    """Return whether there is such a process, zombies not counted."""
    try:
        with open(f"/proc/{process_id}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def children() -> set[int]:
    """Return the processes that this one has started and not waited for."""
    found = set()
    for thread in os.listdir("/proc/self/task"):
        with suppress(FileNotFoundError), open(f"/proc/self/task/{thread}/children") as file:
            found.update(map(int, file.read().split()))
    return found


class Footprint:
    """What may be left behind: children, descriptors, threads, named shared memory."""

    def __init__(self) -> None:
        self._before = _footprint()

    def left_behind(self, seconds: float = 6) -> list[Any]:
        """Return what there is more than at first; wait a while for it to go."""
        end = time.monotonic() + seconds
        while (more := self._more()) and time.monotonic() < end:
            gc.collect()
            time.sleep(0.05)
        return more

    def _more(self) -> list[Any]:
        return [now - before for now, before in zip(_footprint(), self._before, strict=True) if now - before]


def _footprint() -> tuple[Any, ...]:
    gc.collect()
    return children(), set(os.listdir("/proc/self/fd")), set(threading.enumerate()), _named_memory()


def _named_memory() -> set[str]:
    """Return the shared memory that Python programs have named; other programs come and go meanwhile."""
    if not os.path.isdir("/dev/shm"):
        return set()
    return {name for name in os.listdir("/dev/shm") if name.startswith(("tfaip", "tmp", "psm_"))}
