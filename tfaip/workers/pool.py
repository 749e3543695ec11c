"""Worker processes: start, watch, renew and stop them, and give them tasks.

A dead, hanging or failing worker is an error of whoever waits for a result; nobody waits for ever, and no
process, memory or descriptor is left behind.
"""

import contextlib
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tfaip.errors import DataError
from tfaip.workers.channel import Kind, Message, send
from tfaip.workers.context import require_guard
from tfaip.workers.failures import Failure, how_it_ended
from tfaip.workers.payload import Payload, read, read_in_place
from tfaip.workers.pickles import cannot_be_sent, main_module, needs_main, pickled
from tfaip.workers.process import Processes, WorkerProcess
from tfaip.workers.shared_memory import Block, SharedMemory, in_mib
from tfaip.workers.worker import Job

logger = logging.getLogger(__name__)

# Tasks of a worker under way: one is worked on, the next lies ready, the last one is on its way back. There
# are more of short ones, for on a busy machine any process may have to wait 50 ms for its turn.
_LEAST_DEPTH = 3
_MOST_DEPTH = 16
_AHEAD_SECONDS = 0.1
_LOOK_SECONDS = 1.0  # between two looks at a worker that somebody waits for
_DUMP_SECONDS = 30.0  # without progress, until the stack of the worker is logged
_AHEAD_BYTES = 1 << 30  # results under way; samples of 200 MB shall not fill the memory
_IN_PLACE_BYTES = 1 << 18  # above, a result is used where it is; copying less is faster than giving it back
_MOST_IN_PLACE = 64
_ANSWER_BYTES = 1 << 16
_RENEWAL_SHARE = 0.03  # of its time that a worker may spend on starting
_LEAK_BYTES = 100 << 20  # that a worker may have grown before it is renewed all the same

_START = -1  # the number of the task that creates the job


@dataclass(frozen=True)
class PoolSettings:
    """How the workers of a pool run.

    Fields: `name` of what they do, for messages; how many there are; the items after which one is renewed (0
    or less: never); the seconds that one may take for an item (0 or less: for ever); whether results are
    handed over in memory or in a temporary file.
    """

    name: str
    num_workers: int
    max_items: int = 0
    timeout_seconds: float = 0
    in_memory: bool = True


class PoolClosedError(RuntimeError):
    """Somebody closed the pool while a result was waited for."""


@dataclass(frozen=True)
class Order:
    """What is asked of a pool: its input, the items in it, their names for messages, further input."""

    value: Any
    weight: int = 1
    describe: Callable[[int], str] = "item {}".format
    feed: Callable[[], Any] | None = None


@dataclass(eq=False)
class Task:
    """A task under way."""

    number: int
    order: Order
    worker: WorkerProcess
    blocks: list[Block]
    message: Message | None = None
    fed: Block | None = None
    is_discarded: bool = False

    @property
    def is_done(self) -> bool:
        """Whether the result is there."""
        return self.message is not None

    @property
    def weight(self) -> int:
        """How many items are in it."""
        return self.order.weight

    @property
    def num_bytes(self) -> int:
        """The size of the result, once it is done."""
        return self.message.used if self.message else 0

    @property
    def seconds(self) -> float:
        """The time that the worker took, once it is done."""
        return self.message.micros / 1e6 if self.message else 0.0


@dataclass
class _Leases:
    """Results that are used where they are."""

    blocks: dict[int, tuple[Block, Any]] = field(default_factory=dict)
    num_bytes: int = 0
    ended: deque[int] = field(default_factory=deque)

    def add(self, block: Block, owner: Any) -> None:
        ended, key = self.ended, block.offset
        self.blocks[key] = block, weakref.ref(owner, lambda _: ended.append(key))
        self.num_bytes += block.size

    def take_ended(self) -> list[Block]:
        blocks = [self.blocks.pop(self.ended.popleft())[0] for _ in range(len(self.ended))]
        self.num_bytes -= sum(block.size for block in blocks)
        return blocks


class WorkerPool:
    """Processes that do tasks; each is created from the same job.

    Workers start when there is something to do for them. One thread at a time submits and waits; any thread
    may close the pool.
    """

    def __init__(self, job: Job, settings: PoolSettings) -> None:
        """Prepare the pool; no process is started yet.

        Args:
            job: What the workers do.
            settings: How they run.

        Raises:
            UsageError: if the job cannot be sent to another process.
        """
        require_guard()
        self.settings = settings
        self._job = pickled(job, settings.name)
        self._processes: Processes | None = None
        self._stop_processes: Callable[[], Any] = lambda: None
        self._lock = threading.RLock()
        self._is_closing = False
        self._error: Exception | None = None
        self._tasks: dict[int, Task] = {}
        self._next_number = 0
        self._leases = _Leases()
        self._estimate = _ANSWER_BYTES
        self._depth = 1  # the first results tell how large they are
        self._noted_renewal = self._noted_import = False

    # What is asked of a pool

    @property
    def capacity(self) -> int:
        """How many tasks may be under way so that all workers have something to do."""
        return max(1, min(self._depth * self.settings.num_workers, _AHEAD_BYTES // self._estimate))

    def submit(self, order: Order) -> Task:
        """Give a task to the worker that has the least to do."""
        with self._lock:
            self._require_open()
            processes = self._started()
            payload = _payload(order.value, "sample")
            block = self._allocate(max(payload.size, self._estimate))
            worker = self._choose(processes)
            task = Task(self._next_number, order, worker, [block])
            self._next_number += 1
            self._tasks[task.number] = task
            worker.given += order.weight
            worker.tasks.append(task)
            self._send(worker, Kind.TASK, task.number, block, payload.write(block))
            return task

    def result(self, task: Task, *, in_place: bool = False) -> Any:
        """Wait for a task and return its result.

        Args:
            task: A task that was submitted; it is forgotten then.
            in_place: Whether large arrays may be used where the worker wrote them. Their place is given back
                when the last of them is gone.

        Raises:
            DataError: what went wrong in a worker, or that a worker ended or hangs.
            PoolClosedError: if the pool is closed meanwhile.
        """
        with self._lock:
            self._wait_for(task)
            del self._tasks[task.number]
            message = task.message
            assert message is not None  # noqa: S101 - it was waited for
            if message.kind == Kind.FAILED:
                failure: Failure = self._read(task, message)
                raise self._reported(failure, task)
            if in_place and self._may_lease(message):
                return self._lease(task, message)
            return self._read(task, message)

    def stop_if_grown(self) -> None:
        """Stop the workers if one of them holds much more memory than at first; the next task starts others.

        Only for whoever has no task under way that counts.
        """
        with self._lock:
            grown = [w.grown_bytes() for w in self._processes.workers] if self._processes else []
            if max(grown, default=0) >= _LEAK_BYTES:
                self._note_renewal(max(grown))
                self._stop()

    def discard(self, task: Task) -> None:
        """Forget a task whose result nobody wants any more."""
        with self._lock:
            if self._tasks.pop(task.number, None) is None or self._processes is None:
                return
            if task.is_done:
                self._free(task.blocks)
            else:
                task.is_discarded = True

    def close(self) -> None:
        """Stop the workers; whoever waits for a result gets a `PoolClosedError`."""
        self._is_closing = True
        if self._processes is not None:
            self._processes.wake()
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        """Stop the workers and forget what they had to do; the next task starts others."""
        self._stop_processes()
        self._processes = None
        self._tasks.clear()
        self._leases = _Leases()  # blocks of other memory do not belong to that of the next workers

    # Starting and choosing workers

    def _started(self) -> Processes:
        if self._processes is None:
            require_guard()
            in_memory = self.settings.in_memory
            processes = Processes(SharedMemory(in_memory=in_memory), in_memory=in_memory)
            self._processes = processes
            self._stop_processes = weakref.finalize(self, processes.stop)
            self._hint_at_cores()
        return self._processes

    def _choose(self, processes: Processes) -> WorkerProcess:
        """Return the worker with the least to do; start one more if all have something."""
        free = [w for w in processes.workers if w.takes_tasks]
        is_full = len(free) >= self.settings.num_workers
        if not free or (not is_full and all(w.tasks for w in free) and processes.may_start()):
            used = {w.number for w in free}
            number = next(n for n in range(self.settings.num_workers) if n not in used)
            return self._start_worker(processes, number)
        chosen = min(free, key=lambda w: len(w.tasks))
        if 0 < self.settings.max_items <= chosen.given and chosen.is_ready:
            self._renew(processes, chosen)
        return chosen

    def _start_worker(
        self, processes: Processes, number: int, predecessor: WorkerProcess | None = None
    ) -> WorkerProcess:
        main = main_module() if needs_main(self._job) else None
        payload = Payload((self._job, main))
        block = self._allocate(max(payload.size, _ANSWER_BYTES))
        worker = processes.start(number, predecessor)
        worker.start_block = block
        self._send(worker, Kind.START, _START, block, payload.write(block))
        return worker

    def _renew(self, processes: Processes, worker: WorkerProcess) -> None:
        """Start a successor of a worker, unless starting takes too large a share of the time."""
        if worker.successor is not None or not worker.is_due():
            return
        worker.given = 0
        grown = worker.grown_bytes()
        if grown < _LEAK_BYTES and worker.start_seconds > _RENEWAL_SHARE * worker.age_seconds():
            return
        self._note_renewal(grown)
        worker.successor = self._start_worker(processes, worker.number, worker)

    def _note_renewal(self, grown: int) -> None:
        if not self._noted_renewal:
            self._noted_renewal = True
            logger.info(
                "A worker of %s, grown by %s, is replaced (`max_tasks_per_process`). Others follow without a "
                "message.",
                self.settings.name,
                in_mib(grown),
            )

    def _hint_at_cores(self) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if self.settings.num_workers > 2 * cores:
            logger.info(
                "%d processes of %s share %d cores; more than cores do not make it faster (`num_processes`).",
                self.settings.num_workers,
                self.settings.name,
                cores,
            )

    # Waiting

    def _wait_for(self, task: Task) -> None:
        self._require_open()
        if self._processes is None or task.number not in self._tasks:
            raise PoolClosedError("the workers were stopped")
        try:
            self._listen(self._processes, task)
        except Exception:
            raise
        except BaseException:
            # Ctrl-C may have come between a message and its answer, which a worker would wait for in vain.
            self._stop()
            raise

    def _listen(self, processes: Processes, task: Task) -> None:
        """Deal with what the workers say until a task is done."""
        if task.is_done:
            return
        watch = _Watch(task.worker)
        looked = time.monotonic()
        while not task.is_done:
            self._handle(processes, processes.wait(_LOOK_SECONDS))
            if self._is_closing:
                raise PoolClosedError("the pool was closed")
            now = time.monotonic()
            if now - looked >= _LOOK_SECONDS:
                looked = now
                self._look_at(processes, task, watch)

    def _handle(self, processes: Processes, ready: list[int]) -> None:
        """Deal with what came: first with messages, for a worker may have ended after its last one."""
        for message in processes.messages():
            self._on_message(processes, message)
        for worker in processes.ended(ready):
            self._on_end(processes, worker)

    def _on_message(self, processes: Processes, message: Message) -> None:
        worker = processes.by_serial(message.worker)
        if worker is None:  # the message wakes whoever waits, or its sender was stopped
            return
        if message.task == _START:
            self._on_start(worker, message)
            return
        task = worker.tasks[0]
        if message.kind == Kind.NEEDED:
            block = self._allocate(message.used)
            task.blocks.append(block)
            self._send(worker, Kind.GRANTED, task.number, block, 0)
        elif message.kind == Kind.WANTED:
            self._feed(task)
        else:
            self._on_result(task, message)

    def _on_start(self, worker: WorkerProcess, message: Message) -> None:
        """Take note that a worker is ready, or of what kept it from being so."""
        block = worker.start_block
        if message.kind == Kind.NEEDED:
            worker.extra_block = self._allocate(message.used)
            self._send(worker, Kind.GRANTED, _START, worker.extra_block, 0)
            return
        if message.offset != (block and block.offset):
            block = worker.extra_block
        assert block is not None  # noqa: S101 - it was sent
        failure, culprit = read(block, message.start)
        self._free([b for b in (worker.start_block, worker.extra_block) if b is not None])
        worker.start_block = worker.extra_block = None
        self._warn_of_import(worker, culprit)
        if failure is not None:
            self._break(failure.to_error(worker.text, f"creating {self.settings.name}"))
        worker.become_ready()
        if worker.predecessor is not None:
            worker.predecessor.retire()
            worker.predecessor.successor = worker.predecessor = None

    def _on_result(self, task: Task, message: Message) -> None:
        worker = task.worker
        worker.tasks.popleft()
        task.message = message
        self._free_fed(task)
        self._depth = max(_LEAST_DEPTH, min(_MOST_DEPTH, int(_AHEAD_SECONDS / max(1e-6, task.seconds))))
        self._estimate = max(message.used, int(self._estimate * 0.99), _ANSWER_BYTES)
        if task.is_discarded:
            self._free(task.blocks)
        if worker.is_retiring:
            worker.retire()

    def _feed(self, task: Task) -> None:
        self._free_fed(task)
        feed = None if task.is_discarded else task.order.feed
        value = None if feed is None else feed()
        task.worker.num_fed += 1
        try:
            payload = _payload(value, "sample")
        except DataError as error:
            self._break(error)
            raise
        task.fed = self._allocate(payload.size)
        self._send(task.worker, Kind.FED, task.number, task.fed, payload.write(task.fed))

    def _on_end(self, processes: Processes, worker: WorkerProcess) -> None:
        exit_code = processes.remove(worker)
        if worker.is_retiring and not worker.tasks:
            return
        reports = processes.new_reports()
        if reports:
            logger.error("Stack of %s:\n%s", worker.text, reports)
        self._break(DataError(self._end_text(worker, exit_code)))

    def _end_text(self, worker: WorkerProcess, exit_code: int) -> str:
        text = f"{worker.text} of {self.settings.name} {how_it_ended(exit_code)}; {self._doing(worker)}"
        return (
            f"{text}. Use fewer processes (`num_processes`) if memory is short; with `run_parallel` false "
            "the same happens in the main process, where a debugger sees it."
        )

    def _doing(self, worker: WorkerProcess) -> str:
        """Return what a worker was doing, for a message."""
        if not worker.is_ready:
            return "it was starting"
        if not worker.tasks:
            return "it had nothing to do"
        index = worker.current()
        return worker.tasks[0].order.describe(index) if index >= 0 else "it was at no sample yet"

    # Watching

    def _look_at(self, processes: Processes, task: Task, watch: "_Watch") -> None:
        """Log the stack of a worker that makes no progress, and give it up when its time is over."""
        worker = task.worker
        still = watch.seconds_still()
        limit = self.settings.timeout_seconds
        if 0 < limit <= still:
            stack = worker.is_ready and processes.stack_of(worker)
            if stack:
                logger.error("Stack of %s:\n%s", worker.text, stack)
            self._break(
                DataError(
                    f"{worker.text} of {self.settings.name} made no progress for {still:.0f} s; "
                    f"{self._doing(worker)}. Its stack is in the log. If it may take that long, set "
                    "`worker_timeout` higher; 0 waits for ever."
                )
            )
        if still >= _DUMP_SECONDS and not watch.was_dumped and worker.is_ready:
            watch.was_dumped = True
            logger.warning(
                "%s of %s has made no progress for %.0f s; %s. Its stack:\n%s",
                worker.text.capitalize(),
                self.settings.name,
                still,
                self._doing(worker),
                processes.stack_of(worker),
            )

    def _break(self, error: Exception) -> None:
        """End the pool because of `error`, which whoever asks from now on gets."""
        self._error = error
        self._stop()
        raise error

    def _require_open(self) -> None:
        if self._error is not None:
            raise self._error
        if self._is_closing:
            raise PoolClosedError("the pool is closed")

    # Memory

    def _allocate(self, size: int) -> Block:
        assert self._processes is not None  # noqa: S101 - who needs memory has started
        self._free(self._leases.take_ended())
        try:
            return self._processes.memory.allocate(size)
        except DataError as error:
            self._break(error)
            raise

    def _free(self, blocks: list[Block]) -> None:
        if self._processes is not None:
            for block in blocks:
                self._processes.memory.free(block)

    def _free_fed(self, task: Task) -> None:
        if task.fed is not None:
            self._free([task.fed])
            task.fed = None

    def _may_lease(self, message: Message) -> bool:
        self._free(self._leases.take_ended())
        leases = self._leases
        is_room = len(leases.blocks) < _MOST_IN_PLACE and leases.num_bytes + message.size <= _AHEAD_BYTES
        return message.used >= _IN_PLACE_BYTES and is_room

    def _lease(self, task: Task, message: Message) -> Any:
        block = _block_of(task, message)
        (value, culprit), owner = read_in_place(block, message.start)
        self._leases.add(block, owner)
        self._free([b for b in task.blocks if b is not block])
        self._warn_of_import(task.worker, culprit)
        return value

    def _read(self, task: Task, message: Message) -> Any:
        value, culprit = read(_block_of(task, message), message.start)
        self._free(task.blocks)
        self._warn_of_import(task.worker, culprit)
        return value

    # Messages

    def _send(self, worker: WorkerProcess, kind: Kind, task: int, block: Block, start: int) -> None:
        # A worker that has ended is noticed when its result is waited for.
        with contextlib.suppress(BrokenPipeError):
            send(worker.inbox, Message(kind, worker.serial, task, block.offset, block.size, start=start))

    def _reported(self, failure: Failure, task: Task) -> Exception:
        logger.error("Traceback of %s:\n%s", task.worker.text, failure.traceback)
        return failure.to_error(task.worker.text, self.settings.name)

    def _warn_of_import(self, worker: WorkerProcess, culprit: str | None) -> None:
        if culprit and not self._noted_import:
            self._noted_import = True
            logger.warning(
                "The workers of %s load TensorFlow, because `%s` imports it: each takes some 300 MiB more "
                "and starts 3 s later (worker %d holds %s). Import it only where a model is built, or set "
                "`run_parallel` to false.",
                self.settings.name,
                culprit,
                worker.number,
                in_mib(worker.resident_bytes()),
            )


class _Watch:
    """How long a worker has made no progress while somebody waits for it."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.was_dumped = False
        self._worker = worker
        self._seen = worker.progress()
        self._since = time.monotonic()

    def seconds_still(self) -> float:
        """Return the seconds since the last progress."""
        now, seen = time.monotonic(), self._worker.progress()
        if seen != self._seen:
            self._seen, self._since, self.was_dumped = seen, now, False
        return now - self._since


def _payload(value: Any, name: str) -> Payload:
    """Return what is sent to a worker; raise a `DataError` that names what cannot be sent."""
    try:
        return Payload(value)
    except Exception as error:
        raise DataError(
            f"{cannot_be_sent(value, name, error)} Let the generator yield what can be pickled and make the "
            "rest in a processor, or set `run_parallel` to false."
        ) from error


def _block_of(task: Task, message: Message) -> Block:
    return next(block for block in task.blocks if block.offset == message.offset)
