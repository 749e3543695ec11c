"""An iterator that runs in a thread of its own, a bounded number of items ahead of whoever reads it."""

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")

_JOIN_SECONDS = 5.0  # what is under way ends first; code of a user that hangs is left alone


class ReadAhead(Generic[T]):
    """Reads `items` in a thread while the results so far are used.

    `with ReadAhead(items, max_items=8) as ahead: for item in ahead: ...`. The thread starts with the first
    item that is asked for and has ended when the block is left, whatever the reason. An error of `items` is
    raised here, after all items that came before it.
    """

    def __init__(
        self,
        items: Iterable[T],
        *,
        max_items: int,
        max_size: float = float("inf"),
        size_of: Callable[[T], float] = lambda _: 0,
    ) -> None:
        """Prepare to read.

        Args:
            items: What is read; only the thread touches it.
            max_items: Items that wait at most.
            max_size: The size of all waiting items at most; one may always wait.
            size_of: Returns the size of an item.
        """
        self._buffer: _Buffer[T] = _Buffer(max_items, max_size, size_of)
        # A daemon, and ended at exit: the program may stop while somebody holds a prediction half done.
        self._thread = threading.Thread(
            target=_fill, args=(self._buffer, items), name="tfaip-read-ahead", daemon=True
        )
        self._end = weakref.finalize(self, _stop, self._buffer, self._thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Stop reading."""
        self.close()

    def __iter__(self) -> Iterator[T]:
        """Yield the items."""
        for group in self.groups(1):
            yield from group

    def groups(self, largest: int) -> Iterator[list[T]]:
        """Yield the items in lists: all that are there, up to `largest`, and at least one."""
        if not self._thread.is_alive() and self._thread.ident is None:
            self._thread.start()
        while group := self._buffer.take(largest):
            yield group

    def cancel(self) -> None:
        """Let the thread stop after the item it works on; whoever waits for an item gets none."""
        self._buffer.cancel()

    def close(self) -> None:
        """Stop the thread and wait for its end."""
        self._end()


class _Buffer(Generic[T]):
    """Hands items from one thread to another."""

    def __init__(self, max_items: int, max_size: float, size_of: Callable[[T], float]) -> None:
        self._max_items = max_items
        self._max_size = max_size
        self._size_of = size_of
        self._changed = threading.Condition()
        self._items: deque[tuple[T, float]] = deque()
        self._size = 0.0
        self._is_complete = False
        self._is_cancelled = False
        self._error: BaseException | None = None

    def put(self, item: T) -> bool:
        """Add an item once there is room; return whether more are wanted."""
        size = self._size_of(item)
        with self._changed:
            self._changed.wait_for(lambda: self._is_cancelled or self._has_room(size))
            if not self._is_cancelled:
                self._items.append((item, size))
                self._size += size
                self._changed.notify_all()
            return not self._is_cancelled

    def complete(self, error: BaseException | None) -> None:
        """Say that no item will follow, and why."""
        with self._changed:
            self._is_complete, self._error = True, error
            self._changed.notify_all()

    def take(self, largest: int) -> list[T]:
        """Return up to `largest` items once there is one; none at the end. Raise what ended them early."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._is_complete or self._is_cancelled)
            taken = [self._items.popleft() for _ in range(min(largest, len(self._items)))]
            self._size -= sum(size for _, size in taken)
            self._changed.notify_all()
            if not taken and self._error is not None and not self._is_cancelled:
                raise self._error
            return [item for item, _ in taken]

    def cancel(self) -> None:
        with self._changed:
            self._is_cancelled = True
            self._items.clear()
            self._changed.notify_all()

    def _has_room(self, size: float) -> bool:
        return not self._items or (len(self._items) < self._max_items and self._size + size <= self._max_size)


def _fill(buffer: _Buffer[T], items: Iterable[T]) -> None:
    error: BaseException | None = None
    try:
        iterator = iter(items)
        try:
            for item in iterator:
                if not buffer.put(item):
                    break
                del item  # it may be large, and the next one may be long in coming
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()  # here, for a generator can not be closed from outside while it runs
    except BaseException as raised:  # noqa: BLE001 - raised where the items are read
        error = raised
    buffer.complete(error)


def _stop(buffer: _Buffer[T], thread: threading.Thread) -> None:
    buffer.cancel()
    if thread.ident is not None and thread is not threading.current_thread():
        thread.join(_JOIN_SECONDS)
