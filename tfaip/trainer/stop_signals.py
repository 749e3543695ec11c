"""SIGTERM, Ctrl-C and SIGHUP ask a training to save and leave; then it has a limited time for that.

Python runs signal handlers only between two of its own instructions, which may be minutes apart while
TensorFlow computes. So a thread is told of each signal, too: it ends the process when the time is over, and
soon after a second signal.
"""

import contextlib
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Protocol

from tfaip.errors import StoppedBySignal

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_AFTER_SECOND = 1.0  # seconds: enough for a small checkpoint that is being written


class Request(Protocol):
    """What a training in its steps looks at, see `StopRequest`."""

    def set(self) -> None:
        """Ask the training to leave."""
        ...

    def check(self) -> None:
        """Raise if it is to leave."""
        ...


class StopSignals:
    """What the signals of this process do while a training is prepared, runs, and is exported.

    Attributes:
        number: The first signal that came.
    """

    def __init__(self, grace_seconds: float, last_words: Callable[[], str]):
        self.number: int | None = None
        self._grace = grace_seconds
        self._last_words = last_words
        self._request: Request | None = None
        self._can_break_off = False

    @contextlib.contextmanager
    def installed(self, *, is_program: bool) -> Iterator[None]:
        """Handle signals while the block runs; those that were ignored stay so.

        If one came, a program keeps handling them until its end, which it is about to reach.
        """
        handled = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        watch = threading.Thread(target=self._watch, args=(reading,), name="stop-signals", daemon=True)
        wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        before = {number: signal.signal(number, self._handle) for number in handled}
        watch.start()
        try:
            yield
        finally:
            if self.number is None or not is_program:
                for number, handler in before.items():
                    signal.signal(number, handler)
                signal.set_wakeup_fd(wakeup)
                os.close(writing)
                watch.join()
                os.close(reading)

    @contextlib.contextmanager
    def requesting(self, request: Request) -> Iterator[None]:
        """Set `request` instead of raising while the block runs, in which a training saves by itself."""
        self._request = request
        try:
            yield
        finally:
            self._request = None

    @contextlib.contextmanager
    def breaking_off(self) -> Iterator[None]:
        """Break off what runs in the block, as it can be repeated."""
        self._can_break_off = True
        try:
            if self._request is not None:
                self._request.check()
            yield
        finally:
            self._can_break_off = False

    def check(self) -> None:
        """Leave, if a signal came.

        Raises:
            KeyboardInterrupt: One did.
        """
        if self.number is not None:
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """Called by Python in the main thread, between two instructions."""
        is_first, self.number = self.number is None, self.number or number
        if self._request is None:
            if is_first:
                raise KeyboardInterrupt
            return
        self._request.set()
        if is_first and self._can_break_off:
            self._request.check()

    def _watch(self, reading: int) -> None:
        """Run in a thread: count signals, and end the process when it takes too long to leave."""
        first, deadline = 0, float("inf")
        while True:
            left = None if deadline == float("inf") else max(0.0, deadline - time.monotonic())
            if not select.select([reading], [], [], left)[0]:
                self._end(first)
            received = os.read(reading, 64)
            if not received:
                return
            for number in received:
                if number in _SIGNALS:
                    patience = _AFTER_SECOND if first else self._grace
                    deadline = min(deadline, time.monotonic() + patience)
                    first = first or number

    def _end(self, number: int) -> None:
        with contextlib.suppress(Exception):
            name = signal.Signals(number).name
            sys.stderr.write(f"tfaip: error: {name}: ended at once; {self._last_words()}\n")
            sys.stderr.flush()
        os._exit(128 + number)


_active: StopSignals | None = None


@contextlib.contextmanager
def handled(
    grace_seconds: float, last_words: Callable[[], str], *, is_program: bool = False
) -> Iterator[StopSignals]:
    """Handle signals while the block runs; inside such a block, or in another thread, nothing changes.

    Args:
        grace_seconds: Seconds between the first signal and a hard end.
        last_words: Called before such an end; returns what is said of it.
        is_program: The process ends after the block.

    Raises:
        StoppedBySignal: A signal came where nobody else could say what is saved.
    """
    global _active
    if _active is not None or threading.current_thread() is not threading.main_thread():
        yield _active or StopSignals(grace_seconds, last_words)
        return
    _active = StopSignals(grace_seconds, last_words)
    try:
        with _active.installed(is_program=is_program):
            yield _active
    except StoppedBySignal:
        raise
    except KeyboardInterrupt as error:
        if _active.number is None:
            raise
        raise StoppedBySignal(_active.number, last_words()) from error
    finally:
        _active = None


def breaking_off() -> contextlib.AbstractContextManager[Any]:
    """Return a block that a signal may break off, if signals are handled: it is repeated on a resume."""
    return contextlib.nullcontext() if _active is None else _active.breaking_off()
