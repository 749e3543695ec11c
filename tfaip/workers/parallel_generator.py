"""A stream of results of worker processes, whatever they compute."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, repeat
from types import TracebackType
from typing import Any

from tfaip.workers.ordered_map import ordered_results
from tfaip.workers.pool import Order, PoolSettings, WorkerPool
from tfaip.workers.worker import Desk


class DataWorker(ABC):
    """What a worker process does; created in it."""

    @abstractmethod
    def initialize_thread(self) -> None:
        """Load what is needed; called once, before the first input."""
        raise NotImplementedError

    @abstractmethod
    def process(self, *args: Any, **kwargs: Any) -> Any:
        """Return the result for an input, or yield several results."""
        raise NotImplementedError


class ParallelGenerator(ABC):
    """`with generator as results: for result in results: ...`, the results computed by worker processes.

    They come in the order of the inputs. An error in a worker, or its end, is raised where results are read.

    Fields: `limit` is the number of results at most, -1 for all; `processes` and `num_processes` are how many
    processes run.
    """

    def __init__(
        self,
        processes: int,
        limit: int = -1,
        auto_repeat_input: bool = False,
        max_tasks_per_child: int = 250,
        run_parallel: bool = True,
        max_in_samples: int = -1,
        max_out_samples: int = -1,
        use_shared_memory_queues: bool = True,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            processes: Worker processes.
            limit: Results at most; -1 gives all.
            auto_repeat_input: Whether `generate_input` is called again when it ends, for ever.
            max_tasks_per_child: Inputs after which a process is replaced by a new one.
            run_parallel: False does all of it in this process.
            max_in_samples: Kept for older programs; inputs are read as workers need them.
            max_out_samples: Kept for older programs; results wait in the workers' memory.
            use_shared_memory_queues: Whether results cross in memory, or in a temporary file.
        """
        self.limit = limit
        self.processes = self.num_processes = processes
        self.auto_repeat_input = auto_repeat_input
        self.run_parallel = run_parallel
        self._settings = PoolSettings(
            f"`{type(self).__name__}`", processes, max_tasks_per_child, in_memory=use_shared_memory_queues
        )
        self._results: Generator[Any, None, None] | None = None

    @abstractmethod
    def create_worker_func(self) -> Callable[[], DataWorker]:
        """Return the function, or the class, that creates a worker; it is sent to each process."""
        raise NotImplementedError

    @abstractmethod
    def generate_input(self) -> Iterable[Any]:
        """Return the inputs; each is the argument of one call of `DataWorker.process`."""
        raise NotImplementedError

    def is_running(self) -> bool:
        """Return whether the block of results was entered and not left."""
        return self._results is not None

    def join(self) -> None:
        """Stop the processes; there are no more results."""
        results, self._results = self._results, None
        if results is not None:
            results.close()

    def __enter__(self) -> Iterator[Any]:
        """Return an iterator over the results."""
        self._results = self._generate()
        return self._results

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Stop the processes."""
        self.join()

    def _generate(self) -> Generator[Any, None, None]:
        with self._workers() as run:
            yield from islice(
                chain.from_iterable(run(self._inputs())), self.limit if self.limit > 0 else None
            )

    @contextmanager
    def _workers(self) -> Iterator[Callable[[Iterable[Any]], Iterable[list[Any]]]]:
        """Give a function from inputs to the results of each."""
        job = _WorkerJob(self.create_worker_func())
        if not self.run_parallel:
            yield partial(map, partial(job.open(), desk=None))
            return
        with closing(WorkerPool(job, self._settings)) as pool:
            yield lambda inputs: (result for _, result in ordered_results(pool, map(Order, inputs)))

    def _inputs(self) -> Iterator[Any]:
        for _ in repeat(None) if self.auto_repeat_input else range(1):
            is_empty = True
            for value in self.generate_input():
                is_empty = False
                yield value
            if is_empty:
                return


@dataclass(frozen=True)
class _WorkerJob:
    """Creates a worker and lets it process one input after another."""

    create: Callable[[], DataWorker]

    def open(self) -> Callable[..., list[Any]]:
        worker = self.create()
        worker.initialize_thread()
        return partial(_process, worker)


def _process(worker: DataWorker, value: Any, desk: Desk | None) -> list[Any]:
    result = worker.process(value)
    return list(result) if isinstance(result, Iterator) else [result]
