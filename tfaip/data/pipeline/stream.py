"""Batches as NumPy arrays, and the position from which the next one comes."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType

from tfaip.data.pipeline.batching import Batch
from tfaip.data.pipeline.cutting import StreamPosition as StreamPosition
from tfaip.workers.pool import PoolClosedError

_PATIENCE_SECONDS = 0.2  # most batches are done by then
_CLOSE_TIMEOUT_SECONDS = 5  # a batch under way ends first; a processor that hangs is left alone

Positioned = tuple[Batch, tuple[int, int, int]]  # a batch, and where the next one starts


class BatchStream:
    """The batches of a pipeline from one position on.

    Each iteration begins at `start` anew; `with` gives an iterator that is closed at the end of the block. It
    may be read by another thread, such as that of a `tf.data.Dataset`, and ahead of what is used.

    Fields: `start` is the position of the first batch; `error` is what ended the latest iteration early;
    `stop` ends what runs in other processes.
    """

    def __init__(
        self,
        open_batches: Callable[[StreamPosition], Iterator[Positioned]],
        start: StreamPosition,
        *,
        keep_positions: bool = True,
        stop: Callable[[], None] | None = None,
    ) -> None:
        """Prepare the stream.

        Args:
            open_batches: Returns the batches from a position on, each with the start of the next.
            start: The position of the first batch.
            keep_positions: Whether `position_after` will be asked.
            stop: Ends what runs for the batches in other processes; may be called while one is waited for.
        """
        self.stop = stop or _nothing
        self.start = start
        self.error: Exception | None = None
        self._open_batches = open_batches
        self._keep_positions = keep_positions
        self._latest: BatchIterator | None = None

    def __iter__(self) -> "BatchIterator":
        self.error = None
        self._latest = BatchIterator(self, self._open_batches(self.start), self._keep_positions)
        return self._latest

    def __enter__(self) -> "BatchIterator":
        """Return an iterator that ends with the block."""
        return iter(self)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Close the latest iteration."""
        self.close()

    def close(self) -> None:
        """End the latest iteration and what runs for it."""
        if self._latest is not None:
            self._latest.close()

    def paused(self) -> AbstractContextManager[object]:
        """Return a block in which nothing is read: a batch under way ends first, other readers wait."""
        return nullcontext() if self._latest is None else self._latest.paused()

    def position_after(self, num_batches: int) -> StreamPosition:
        """Return where the batch after the first `num_batches` of the latest iteration starts.

        Earlier positions are forgotten then; ask in ascending order.
        """
        if num_batches == 0:
            return self.start
        if self._latest is None:
            raise ValueError(f"no batch was read yet, there is no position after {num_batches}")
        return StreamPosition(*self._latest.next_start_after(num_batches))


class BatchIterator:
    """One iteration of a stream; safe for a reader in another thread."""

    def __init__(self, stream: BatchStream, batches: Iterator[Positioned], keep_positions: bool) -> None:
        self._stream = stream
        self._batches = batches
        self._keep_positions = keep_positions
        self._lock = threading.Lock()
        self._is_closed = False
        self._error: Exception | None = None
        self._count = 0
        self._next_starts: dict[int, tuple[int, int, int]] = {}

    def __iter__(self) -> "BatchIterator":
        return self

    def __next__(self) -> Batch:
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._is_closed:
                raise StopIteration
            try:
                batch, next_start = next(self._batches)
            except StopIteration:
                raise
            except PoolClosedError:
                if self._is_closed:
                    raise StopIteration from None
                raise
            except Exception as error:
                self._error = self._stream.error = error
                raise
            self._count += 1
            if self._keep_positions:
                self._next_starts[self._count] = next_start
            return batch

    def next_start_after(self, num_batches: int) -> tuple[int, int, int]:
        """Return where the batch after the first `num_batches` starts, and forget earlier starts."""
        with self._lock:
            if num_batches not in self._next_starts:
                raise ValueError(
                    f"the position after {num_batches} batches is not known: {self._count} were read, and "
                    "earlier positions are forgotten when a later one is asked for"
                )
            for number in [n for n in self._next_starts if n < num_batches]:
                del self._next_starts[number]
            return self._next_starts[num_batches]

    def paused(self) -> AbstractContextManager[object]:
        """Return a block in which nothing is read."""
        return self._lock

    def close(self) -> None:
        """End the iteration; a batch under way is finished first, unless it takes long."""
        self._is_closed = True
        if not self._lock.acquire(timeout=_PATIENCE_SECONDS):
            self._stream.stop()  # whoever waits for a worker goes on
            if not self._lock.acquire(timeout=_CLOSE_TIMEOUT_SECONDS):
                return
        try:
            close = getattr(self._batches, "close", None)
            if close is not None:
                close()
        finally:
            self._lock.release()


def _nothing() -> None:
    pass
