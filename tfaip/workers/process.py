"""The processes of a pool and what connects them with it."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
import time
import weakref
from collections import deque
from collections.abc import Collection
from typing import Any

from tfaip.workers.channel import MOST_AT_ONCE, Kind, Message, receive, send
from tfaip.workers.context import DUMP_SIGNAL, Connections, start_process
from tfaip.workers.shared_memory import Block, SharedMemory, open_nameless
from tfaip.workers.worker import STATUS, STATUS_BYTES, STATUS_SLOTS

_GRACE_SECONDS = 1.0  # for the item under way, when the workers are stopped
_DUMP_WAIT_SECONDS = 0.5  # in which a worker writes its stack
_LONGEST_REPORT = 20_000  # bytes
_CONSIDER_SECONDS = 0.25  # between two thoughts about renewing the same worker


class WorkerProcess:
    """A worker as its parent sees it.

    Fields: its `number` for users, its `serial` for messages, the descriptor `inbox` of its messages and
    the socket `life`, which ends with it; its `tasks`, the first of which it works on; the items that it was
    `given`, and the times that it was fed; its `predecessor` and `successor` if it is renewed; blocks that
    are used while it starts.
    """

    def __init__(
        self,
        number: int,
        serial: int,
        process: subprocess.Popen[bytes],
        inbox: int,
        life: socket.socket,
        status: Any,
    ) -> None:
        self.number = number
        self.serial = serial
        self.process = process
        self.inbox = inbox
        self.life = life
        self.tasks: deque[Any] = deque()
        self.given = 0
        self.num_fed = 0
        self.predecessor: WorkerProcess | None = None
        self.successor: WorkerProcess | None = None
        self.start_block: Block | None = None
        self.extra_block: Block | None = None
        self.is_ready = False
        self.is_retiring = False
        self._status = status
        self._started = self._ready = time.monotonic()
        self._considered = 0.0
        self._resident_at_first = 0

    @property
    def text(self) -> str:
        """How messages name it."""
        return f"worker {self.number} (pid {self.process.pid})"

    @property
    def takes_tasks(self) -> bool:
        """Whether it may be given tasks; a successor has to be ready first."""
        return not self.is_retiring and (self.is_ready or self.predecessor is None)

    @property
    def start_seconds(self) -> float:
        """The time from its start until it was ready."""
        return self._ready - self._started

    def age_seconds(self) -> float:
        """Return how long it has been ready."""
        return time.monotonic() - self._ready

    def is_due(self) -> bool:
        """Return whether its renewal may be considered; looking at its memory takes 0.5 ms."""
        now = time.monotonic()
        is_due = now - self._considered >= _CONSIDER_SECONDS
        if is_due:
            self._considered = now
        return is_due

    def become_ready(self) -> None:
        """Take note that it has created its job."""
        self.is_ready = True
        self._ready = time.monotonic()
        self._resident_at_first = self.resident_bytes()

    def retire(self) -> None:
        """Give it no more tasks, and let it end after those it has."""
        self.is_retiring = True
        if not self.tasks:
            self.close_inbox()

    def close_inbox(self) -> None:
        """Let it end as soon as it waits for a task."""
        if self.inbox >= 0:
            os.close(self.inbox)
            self.inbox = -1

    def close(self) -> None:
        """Close what connects with it."""
        self.close_inbox()
        self.life.close()

    def current(self) -> int:
        """Return the index that it said it works on; -1 if none."""
        return self._read_status()[0]

    def progress(self) -> tuple[Any, ...]:
        """Return something that changes whenever it gets on."""
        return (self.is_ready, len(self.tasks), self.num_fed, *self._read_status())

    def resident_bytes(self) -> int:
        """Return the memory that it holds; 0 if the system does not say."""
        try:
            with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
                _, resident, shared = file.read().split()[:3]
        except (OSError, ValueError):
            return 0
        return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")

    def grown_bytes(self) -> int:
        """Return the memory that it took since it was ready."""
        return self.resident_bytes() - self._resident_at_first

    def _read_status(self) -> tuple[int, int]:
        return STATUS.unpack_from(self._status, self.serial % STATUS_SLOTS * STATUS_BYTES)  # type: ignore[return-value]


class Processes:
    """The workers of a pool, their pipes and their memory; everything that has to end with the pool."""

    def __init__(self, memory: SharedMemory, *, in_memory: bool = True) -> None:
        self.memory = memory
        self.workers: list[WorkerProcess] = []
        self._status = memory.allocate(STATUS_SLOTS * STATUS_BYTES).memory
        self._results, self._results_end = os.pipe()
        os.set_blocking(self._results, False)
        self._reports = open_nameless(in_memory=in_memory)
        self._reports_read = 0
        self._folder = os.getcwd()
        self._serials = 0
        self._poll = select.poll()
        self._poll.register(self._results, select.POLLIN)
        self._owner = os.getpid()
        self._closing = threading.Lock()
        _all_processes.add(self)

    # Starting

    def may_start(self) -> bool:
        """Return whether one more may start now; many at once would all be late."""
        starting = sum(not worker.is_ready for worker in self.workers)
        return starting < 2 * (os.cpu_count() or 1)

    def start(self, number: int, predecessor: WorkerProcess | None = None) -> WorkerProcess:
        """Start a worker."""
        serial, self._serials = self._serials, self._serials + 1
        STATUS.pack_into(self._status, serial % STATUS_SLOTS * STATUS_BYTES, -1, 0)
        tasks, inbox = os.pipe()
        life, its_life = socket.socketpair()
        try:
            connections = Connections(
                memory=self.memory.descriptor,
                tasks=tasks,
                results=self._results_end,
                life=its_life.fileno(),
                reports=self._reports,
            )
            process = start_process(number, serial, connections, self._folder)
        except BaseException:
            os.close(inbox)
            life.close()
            raise
        finally:
            os.close(tasks)
            its_life.close()
        worker = WorkerProcess(number, serial, process, inbox, life, self._status)
        worker.predecessor = predecessor
        self.workers.append(worker)
        self._poll.register(life, 0)
        return worker

    # Listening

    def wait(self, seconds: float) -> list[int]:
        """Wait until there is a message or a worker has ended; return the descriptors to look at."""
        return [descriptor for descriptor, _ in self._poll.poll(seconds * 1000)]

    def messages(self) -> list[Message]:
        """Return all messages that are there."""
        found: list[Message] = []
        with contextlib.suppress(BlockingIOError):
            while len(found) % MOST_AT_ONCE == 0:
                found += receive(self._results)
        return found

    def wake(self) -> None:
        """Wake whoever waits."""
        with self._closing, contextlib.suppress(OSError):
            send(self._results_end, Message(Kind.WAKE, worker=-1))

    def by_serial(self, serial: int) -> WorkerProcess | None:
        """Return the worker with this serial number."""
        return next((w for w in self.workers if w.serial == serial), None)

    def ended(self, ready: Collection[int]) -> list[WorkerProcess]:
        """Return the workers that have ended.

        Args:
            ready: What `wait` returned. If it is empty, the processes are asked: a child of a worker may hold
                its end of the socket after it.
        """
        if ready:
            return [w for w in self.workers if w.life.fileno() in ready]
        return [w for w in self.workers if w.process.poll() is not None]

    def new_reports(self) -> str:
        """Return the stacks that were written since the last call."""
        data = os.pread(self._reports, 1 << 20, self._reports_read)
        self._reports_read += len(data)
        return data[-_LONGEST_REPORT:].decode(errors="replace").strip()

    def stack_of(self, worker: WorkerProcess) -> str:
        """Return the stacks of the threads of a worker, which goes on."""
        self.new_reports()
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.process.pid, DUMP_SIGNAL)
        time.sleep(_DUMP_WAIT_SECONDS)
        return self.new_reports()

    # Ending

    def remove(self, worker: WorkerProcess) -> int:
        """Forget a worker that has ended and return its exit code, negative for a signal."""
        self.workers.remove(worker)
        self._poll.unregister(worker.life)
        worker.close()
        try:
            return worker.process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:  # it closed its descriptors, but lives
            worker.process.kill()
            return worker.process.wait()

    def stop(self) -> None:
        """End all workers; those that do not end in time are killed. Close everything."""
        if self._owner == os.getpid():
            self._end_workers()
            self._close()

    def leave_to_parent(self) -> None:
        """Close everything in a forked copy of the parent, lest it keep the workers alive."""
        if self._owner >= 0:
            self._close()

    def _close(self) -> None:
        self._owner = -1
        for worker in self.workers:
            worker.close()
            worker.tasks.clear()  # they refer to it, and to memory that could go at once
            worker.predecessor = worker.successor = None
        self.workers.clear()
        with self._closing:
            for descriptor in (self._results, self._results_end, self._reports):
                os.close(descriptor)
            self._results_end = -1
        self.memory.close()

    def _end_workers(self) -> None:
        for worker in self.workers:
            worker.close_inbox()
        end = time.monotonic() + _GRACE_SECONDS
        for worker in self.workers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                # Not `Popen.wait`, which looks every 50 ms only.
                _wait_for_end(worker, max(0.0, end - time.monotonic()))
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGKILL)
        for worker in self.workers:
            worker.process.wait()


def _wait_for_end(worker: WorkerProcess, seconds: float) -> None:
    waiting = select.poll()
    waiting.register(worker.life, 0)
    if waiting.poll(seconds * 1000):
        worker.process.wait(1)


_all_processes: "weakref.WeakSet[Processes]" = weakref.WeakSet()


def _leave_all_to_parent() -> None:
    for processes in list(_all_processes):
        processes.leave_to_parent()


os.register_at_fork(after_in_child=_leave_all_to_parent)
