"""One in, one out, order kept."""

import os
import pickle
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from tfaip.progress import tqdm_wrapper
from tfaip.workers.failures import Failure, WorkerError
from tfaip.workers.pool import Order, PoolSettings, Task, WorkerPool
from tfaip.workers.worker import Desk

In = TypeVar("In")
Out = TypeVar("Out")

_CHUNKS_PER_WORKER = 8  # few enough that a chunk is worth its trip, enough that all workers end together


def ordered_results(
    pool: WorkerPool, orders: Iterable[Order], *, in_place: bool = False
) -> Iterator[tuple[Task, Any]]:
    """Yield each task with its result, in the order of `orders`, while others are under way.

    An error of `orders` is raised after the results of those that came before it.

    Args:
        pool: Who does the tasks.
        orders: The tasks; so many are read ahead that all workers have something to do.
        in_place: See `WorkerPool.result`.
    """
    source = iter(orders)
    waiting: deque[Task] = deque()
    error: Exception | None = None
    is_complete = False
    try:
        while True:
            while not is_complete and len(waiting) < pool.capacity:
                try:
                    order = next(source, None)
                except Exception as raised:  # noqa: BLE001 - raised below, after what came before it
                    order, error = None, raised
                if order is None:
                    is_complete = True
                else:
                    waiting.append(pool.submit(order))
            if not waiting:
                break
            task = waiting.popleft()
            yield task, pool.result(task, in_place=in_place)
    finally:
        for task in waiting:
            pool.discard(task)
    if error is not None:
        raise error


def parallel_map(
    f: Callable[[In], Out],
    d: Collection[In],
    *,
    desc: str = "",
    processes: int = 1,
    progress_bar: bool = False,
    use_thread_pool: bool = False,
    max_tasks_per_child: int | None = None,
) -> list[Out]:
    """Return `[f(x) for x in d]`, computed by several workers.

    Args:
        f: The function; processes need one that can be pickled, as their arguments and results.
        d: The arguments.
        desc: What a progress bar says.
        processes: Workers; 0 or less takes all cores, 1 computes in this process.
        progress_bar: Whether to show how far it is.
        use_thread_pool: Threads instead of spawned processes.
        max_tasks_per_child: Arguments after which a process is replaced by a new one; None keeps it.

    Raises:
        DataError: if a process ended before its result arrived.
        Exception: what `f` raised, if it can be pickled; otherwise a `DataError` with its text.
    """
    workers = min(processes if processes > 0 else os.cpu_count() or 1, max(1, len(d)))

    def shown(results: Iterable[Out]) -> list[Out]:
        return list(tqdm_wrapper(results, progress_bar=progress_bar, desc=desc, total=len(d)))

    if workers == 1:
        return shown(map(f, d))
    if use_thread_pool:
        with ThreadPoolExecutor(workers) as executor:
            return shown(executor.map(f, d))
    settings = PoolSettings(desc or "the parallel map", workers, max_items=max_tasks_per_child or 0)
    return shown(mapped(partial(_itself, f), d, settings))


def mapped(
    create: Callable[[], Callable[[In], Out]], items: Collection[In], settings: PoolSettings
) -> Iterator[Out]:
    """Yield the results for all items in order, computed by worker processes.

    Args:
        create: Returns the function from an item to its result; called once in each worker.
        items: The items.
        settings: How the workers run.
    """
    chunk_size = max(1, len(items) // (settings.num_workers * _CHUNKS_PER_WORKER))
    with closing(WorkerPool(_MapJob(create), settings)) as pool:
        for _, (results, error) in ordered_results(pool, _chunks(items, chunk_size)):
            yield from results
            if error is not None:
                raise _as_raised(error)


@dataclass(frozen=True)
class _MapJob:
    """Creates a function, then applies it to chunk after chunk of items."""

    create: Callable[[], Callable[[Any], Any]]

    def open(self) -> Callable[[Any, Desk], Any]:
        return partial(_apply_to_all, self.create())


def _apply_to_all(function: Callable[[Any], Any], chunk: Any, desk: Desk) -> Any:
    """Return the results of a chunk, up to the first error, and that."""
    first, items = chunk
    results: list[Any] = []
    for number, item in enumerate(items, start=first):
        desk.at(number)
        try:
            results.append(function(item))
        except Exception as error:  # noqa: BLE001 - raised in the parent
            return results, (_sendable(error), Failure.of(error))
    return results, None


def _chunks(items: Iterable[Any], size: int) -> Iterator[Order]:
    source, first = iter(items), 0
    while chunk := list(islice(source, size)):
        yield Order((first, chunk), len(chunk))
        first += len(chunk)


def _sendable(error: Exception) -> Exception | None:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - any reason is one
        return None
    return error


def _as_raised(sent: tuple[Exception | None, Failure]) -> Exception:
    error, failure = sent
    if error is None:
        return failure.to_error("a worker")
    error.__cause__ = WorkerError(failure.traceback)
    return error


def _itself(function: Callable[[In], Out]) -> Callable[[In], Out]:
    return function
