"""One in, one out, order kept."""

import os
from collections.abc import Callable, Collection
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, TypeVar

from tfaip.errors import DataError
from tfaip.progress import tqdm_wrapper

In = TypeVar("In")
Out = TypeVar("Out")

_CHUNKS_PER_WORKER = 8  # few enough that a chunk is worth its trip, enough that all workers end together


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
    """
    workers = min(processes if processes > 0 else os.cpu_count() or 1, max(1, len(d)))

    def shown(results: Any) -> list[Out]:
        return list(tqdm_wrapper(results, progress_bar=progress_bar, desc=desc, total=len(d)))

    if workers == 1:
        return shown(map(f, d))
    try:
        with _executor(workers, use_thread_pool, max_tasks_per_child) as executor:
            chunk_size = max(1, len(d) // (workers * _CHUNKS_PER_WORKER))
            return shown(executor.map(f, d, chunksize=chunk_size))
    except BrokenProcessPool as error:
        raise DataError(
            f"one of {workers} worker processes ended before its result arrived"
            f"{f' ({desc})' if desc else ''}. It was killed, often for lack of memory, or its program has no "
            '`if __name__ == "__main__":`. Use fewer processes, or 1 to see the reason here.'
        ) from error


def _executor(workers: int, use_threads: bool, max_tasks_per_child: int | None) -> Executor:
    if use_threads:
        return ThreadPoolExecutor(workers)
    # Never fork: TensorFlow's threads do not survive it.
    return ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), max_tasks_per_child=max_tasks_per_child
    )
