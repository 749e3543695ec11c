"""Short messages between processes: a pipe carries numbers only, everything else is in shared memory."""

import os
import struct
from collections import deque
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

_FORMAT = struct.Struct("8q")
MOST_AT_ONCE = 64  # messages
_READ_BYTES = MOST_AT_ONCE * _FORMAT.size


class Kind(IntEnum):
    """What a message is about."""

    # To a worker.
    START = 1  # create what does the work; the job is in the block
    TASK = 2  # do it; the task is in the block, and the result goes there, too
    GRANTED = 3  # the larger block that was asked for
    FED = 4  # the input that was asked for, in a block of its own

    # From a worker.
    READY = 11  # it is created
    DONE = 12  # the result is in the block
    FAILED = 13  # what went wrong is in the block
    NEEDED = 14  # the block is too small; `used` is the size that is needed
    WANTED = 15  # more input is wanted for a task

    # From the process to itself.
    WAKE = 21  # somebody else closed the pool


class Message(NamedTuple):
    """A message.

    Fields: the number of the `worker` and of the `task`; of a block its `offset` and `size`, how much of it
    is `used`, and the `start` of what is described there; `micros` that the work took.
    """

    kind: int
    worker: int = 0
    task: int = 0
    offset: int = 0
    size: int = 0
    used: int = 0
    start: int = 0
    micros: int = 0


def send(descriptor: int, message: Message) -> None:
    """Write a message; it is short enough for the system to write it as a whole or not at all."""
    os.write(descriptor, _FORMAT.pack(*message))


def receive(descriptor: int) -> list[Message]:
    """Return the messages that are there, once there is one; none if nobody can write any more."""
    data = os.read(descriptor, _READ_BYTES)
    return [Message(*numbers) for numbers in _FORMAT.iter_unpack(data)]


class Inbox:
    """The messages for a worker, in order."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: deque[Message] = deque()

    def __iter__(self) -> Iterator[Message]:
        """Yield message after message, until nobody can write any more."""
        while self._waiting or self._fill():
            yield self._waiting.popleft()

    def next_of(self, kind: Kind) -> Message | None:
        """Return the next message of this kind, others keep waiting; None if nobody can write any more."""
        while True:
            for message in self._waiting:
                if message.kind == kind:
                    self._waiting.remove(message)
                    return message
            if not self._fill():
                return None

    def _fill(self) -> bool:
        messages = receive(self._descriptor)
        self._waiting.extend(messages)
        return bool(messages)
