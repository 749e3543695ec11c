"""The program of a worker process: it creates its job, then does task after task until nobody asks more."""

import os
import pickle
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tfaip.workers.channel import Inbox, Kind, Message, send
from tfaip.workers.context import HeavyImports, import_main, settle
from tfaip.workers.failures import Failure
from tfaip.workers.payload import Bench, read
from tfaip.workers.shared_memory import Block, SharedView

STATUS_SLOTS = 256
STATUS_BYTES = 16  # for each worker: what it works on, and how often that changed
STATUS = struct.Struct("2q")


class Job(Protocol):
    """What the workers of a pool do. It is sent to them, so it holds params only."""

    def open(self) -> "Callable[[Any, Desk], Any]":
        """Return the function that does a task; called once in each worker."""
        ...


class Desk:
    """What a task may use beside its input."""

    def __init__(self, connection: "_Connection", bench: Bench, task: int) -> None:
        self.empty = bench.empty
        self._connection = connection
        self._task = task

    def at(self, index: int) -> None:
        """Say which item is worked on, for messages in case that the process ends."""
        self._connection.at(index)

    def more_input(self) -> Any:
        """Return the next input for a task that goes on; waits for it."""
        return self._connection.more_input(self._task)


def main(given: Mapping[str, Any]) -> None:
    """Work until the parent closes the pipe of tasks."""
    connections = settle(given)
    imports = HeavyImports()
    imports.install()
    connection = _Connection(
        SharedView(connections.memory), Inbox(connections.tasks), connections.results, given["serial"]
    )
    connection.serve(imports)


class _Connection:
    """The worker's end of everything that it shares with its parent."""

    def __init__(self, memory: SharedView, inbox: Inbox, results: int, serial: int) -> None:
        self._memory = memory
        self._inbox = inbox
        self._results = results
        self._serial = serial
        self._status = memory.block(0, STATUS_SLOTS * STATUS_BYTES).memory
        self._status_offset = serial % STATUS_SLOTS * STATUS_BYTES
        self._changes = 0
        self._run: Callable[[Any, Desk], Any] | None = None

    def serve(self, imports: HeavyImports) -> None:
        for message in self._inbox:
            started = time.perf_counter()
            bench = Bench(self._block(message), lambda size, task=message.task: self._larger(task, size))
            try:
                kind, result = self._answer(message, bench)
                place = bench.put((result, imports.take()))
                del result
            except Exception as error:  # noqa: BLE001 - reported to the parent, with its traceback
                kind, place = Kind.FAILED, bench.put((Failure.of(error), imports.take()))
            block, start, used = place
            micros = int((time.perf_counter() - started) * 1e6)
            send(
                self._results,
                Message(kind, self._serial, message.task, block.offset, block.size, used, start, micros),
            )
            del bench

    def at(self, index: int) -> None:
        self._changes += 1
        STATUS.pack_into(self._status, self._status_offset, index, self._changes)

    def more_input(self, task: int) -> Any:
        send(self._results, Message(Kind.WANTED, self._serial, task))
        message = self._answer_of(Kind.FED)
        return read(self._block(message), message.start)

    def _answer(self, message: Message, bench: Bench) -> tuple[Kind, Any]:
        value = read(self._block(message), message.start)
        if message.kind == Kind.START:
            self._run = open_job(*value)
            return Kind.READY, None
        self.at(-1)
        if self._run is None:
            raise RuntimeError("a task came before the job")
        return Kind.DONE, self._run(value, Desk(self, bench, message.task))

    def _larger(self, task: int, size: int) -> Block:
        send(self._results, Message(Kind.NEEDED, self._serial, task, used=size))
        return self._block(self._answer_of(Kind.GRANTED))

    def _answer_of(self, kind: Kind) -> Message:
        message = self._inbox.next_of(kind)
        if message is None:  # the pool was closed
            os._exit(0)
        return message

    def _block(self, message: Message) -> Block:
        return self._memory.block(message.offset, message.size)


def open_job(job: bytes, main: tuple[str, str] | None) -> Callable[[Any, Desk], Any]:
    """Return the function that does the tasks of a pickled job.

    Args:
        job: The job.
        main: How to import the script that was started; None if the job needs nothing of it.
    """
    if main is not None:
        import_main(*main)
    loaded: Job = pickle.loads(job)
    return loaded.open()
