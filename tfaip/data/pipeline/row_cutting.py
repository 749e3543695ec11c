"""Cuts the rows that workers stacked into the batches that `Cutter` cuts without workers.

When no sample of a task is dropped and a batch takes all of them, the arrays that a worker wrote are the
batch, and nothing is copied. Otherwise rows are cut and joined here, which gives the same.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np

from tfaip.data.databaseparams import DataPipelineParams
from tfaip.data.pipeline.batching import Batch
from tfaip.data.pipeline.cutting import StreamPosition, pass_starts
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.data.pipeline.finiteness import FinitenessReport
from tfaip.data.pipeline.passes import Passes
from tfaip.data.pipeline.processor.parallel import note_failed, raise_failure
from tfaip.data.pipeline.processor.stages import Numbered
from tfaip.data.pipeline.row_workers import Piece, RowOrder, RowWorkers, Span

_TASK_SECONDS = 0.008  # several small batches share a trip of 0.1 ms
_PIECE_SECONDS = 0.25  # a batch that takes longer is shared by workers
_MOST_BATCHES = 16
_TASK_BYTES = 1 << 20  # a task of several batches is no larger

PositionedBatch = tuple[Batch, tuple[int, int, int]]


class ParallelCutter:
    """The batches of one or of endless passes, built by workers."""

    def __init__(
        self,
        passes: Passes,
        workers: RowWorkers,
        params: DataPipelineParams,
        report: FinitenessReport,
        *,
        auto_repeat: bool,
    ) -> None:
        """Prepare to cut.

        Args:
            passes: The samples.
            workers: Who processes and stacks them.
            params: Batch size, remainder.
            report: What is done about values that are not finite.
            auto_repeat: Whether pass follows pass without end.
        """
        self._passes = passes
        self._workers = workers
        self._params = params
        self._report = report
        self._auto_repeat = auto_repeat

    def cut(self, start: StreamPosition) -> Iterator[PositionedBatch]:
        """Yield the batches from `start` on, each with the start of the next."""
        rows = _Rows(self._workers, self._report, start)
        if self._passes.generator.yields_batches():
            return self._ready_made(rows, start)
        return self._in_sequence(rows, start)

    def _in_sequence(self, rows: "_Rows", start: StreamPosition) -> Iterator[PositionedBatch]:
        size = self._params.batch_size
        sizes = _TaskSizes(self._workers, rows, self._params)
        for piece in self._workers.pieces(self._orders(sizes, start)):
            rows.add(piece)
            while len(rows) >= size:
                yield rows.take(size)
            self._end(piece, rows)
        if len(rows) and not self._params.batch_drop_remainder:
            yield rows.take(len(rows))

    def _ready_made(self, rows: "_Rows", start: StreamPosition) -> Iterator[PositionedBatch]:
        """Make one batch of each list of a generator that yields lists."""
        for piece in self._workers.pieces(self._orders_of_lists(start)):
            rows.add(piece)
            if len(rows):
                yield rows.take(len(rows))
            self._end(piece, rows)

    def _orders(self, sizes: "_TaskSizes", start: StreamPosition) -> Iterator[RowOrder]:
        """Yield tasks of as many samples as are wanted, across the ends of passes."""
        passes = self._passes
        spans: list[Span] = []
        lacking = sizes.next()
        for pass_index, raw_done, done in pass_starts(start, self._auto_repeat):
            seeds, tolerance = passes.seeds(pass_index), passes.tolerance()
            is_empty = done == 0
            samples: list[Numbered] = []
            try:
                for numbered in passes.raw_samples(pass_index, skip=raw_done, tolerance=tolerance):
                    samples.append(numbered)
                    is_empty = False
                    if len(samples) == lacking:
                        yield sizes.order([*spans, Span(pass_index, samples, seeds, tolerance)])
                        spans, samples = [], []
                        lacking = sizes.next()
            except Exception:
                # What came before the error is not lost.
                yield sizes.order([*spans, Span(pass_index, samples, seeds, tolerance)])
                raise
            spans.append(Span(pass_index, samples, seeds, tolerance, is_end=True))
            lacking -= len(samples)
            if is_empty:
                yield sizes.order(spans)
                self._require_valid(0)
                spans, lacking = [], sizes.next()
        yield sizes.order(spans)

    def _orders_of_lists(self, start: StreamPosition) -> Iterator[RowOrder]:
        """Yield a task for each list."""
        passes = self._passes
        for pass_index, raw_done, done in pass_starts(start, self._auto_repeat):
            seeds, tolerance = passes.seeds(pass_index), passes.tolerance()
            is_empty = done == 0
            for index, samples in passes.raw_batches(pass_index, skip=raw_done, tolerance=tolerance):
                is_empty = False
                seeds_of_list = seeds and seeds.of_batch(index)
                span = Span(pass_index, list(samples), seeds_of_list, tolerance, next_raw=index + 1)
                yield RowOrder.of([span])
            yield RowOrder.of([Span(pass_index, [], seeds, tolerance, is_end=True)])
            if is_empty:
                self._require_valid(0)

    def _end(self, piece: Piece, rows: "_Rows") -> None:
        """Raise what went wrong in the samples of a piece, or in the passes that end with it."""
        for span, failed in zip(piece.order.spans, piece.failed, strict=False):
            note_failed(failed, span.tolerance, piece.task)
        raise_failure(piece.failure, piece.task)
        for span in piece.order.spans:
            if span.is_end:
                span.tolerance.complete()
                self._require_valid(rows.number_of_pass(span.pass_index))

    def _require_valid(self, number: int) -> None:
        """Refuse to repeat a pass that gives nothing, for it would never end."""
        if self._auto_repeat:
            self._passes.require_valid(number)


class _Rows:
    """Rows that wait for a batch, and how many of their passes were delivered."""

    def __init__(self, workers: RowWorkers, report: FinitenessReport, start: StreamPosition) -> None:
        self._builder = workers.builder
        self._report = report
        self._pieces: deque[Piece] = deque()
        self._number = 0
        self._pass_index = start.pass_index
        self._delivered = start.sample_index
        self._numbers = {start.pass_index: start.sample_index}

    def __len__(self) -> int:
        return self._number

    def add(self, piece: Piece) -> None:
        """Add rows at the end."""
        for pass_index, number in piece.numbers_of_passes():
            self._numbers[pass_index] = self._numbers.get(pass_index, 0) + number
        if len(piece):
            self._pieces.append(piece)
            self._number += len(piece)

    def number_of_pass(self, pass_index: int) -> int:
        """Return how many rows of a complete pass came, and forget it."""
        return self._numbers.pop(pass_index, 0)

    def take(self, number: int) -> PositionedBatch:
        """Return the next `number` rows as a batch, and where the next one starts."""
        taken: list[tuple[Piece, int, int]] = []
        lacking = number
        while lacking:
            piece = self._pieces[0]
            start = piece.start
            lacking -= self._count(piece, min(lacking, len(piece)))
            taken.append((piece, start, piece.start))
            if not len(piece):
                self._pieces.popleft()
        self._number -= number
        batch = self._joined(taken)
        self._report_spots(taken)
        return batch, (self._pass_index, taken[-1][0].next_raw(), self._delivered)

    def _count(self, piece: Piece, number: int) -> int:
        """Take so many rows off a piece, and note how many of which pass they are."""
        for pass_index, taken in piece.advance(number):
            if pass_index != self._pass_index:
                self._pass_index, self._delivered = pass_index, 0
            self._delivered += taken
        return number

    def _joined(self, taken: list[tuple[Piece, int, int]]) -> Batch:
        return tuple(
            {key: self._column(taken, number, key) for key in part}
            for number, part in enumerate(taken[0][0].batch)
        )

    def _column(self, taken: list[tuple[Piece, int, int]], part: int, key: str) -> np.ndarray:
        """Return the rows of one key; rows that were padded to others are padded to those of the batch."""
        arrays = [piece.rows(part, key, start, end) for piece, start, end in taken]
        if len(arrays) == 1:
            return arrays[0]
        if len({array.shape[1:] for array in arrays}) == 1:
            return np.concatenate(arrays)
        longest = tuple(max(sizes) for sizes in zip(*(a.shape[1:] for a in arrays), strict=True))
        joined = np.empty((sum(map(len, arrays)), *longest), arrays[0].dtype)
        joined[...] = self._builder.padding_value(part, key)
        first = 0
        for array in arrays:
            joined[(slice(first, first + len(array)), *map(slice, array.shape[1:]))] = array
            first += len(array)
        return joined

    def _report_spots(self, taken: list[tuple[Piece, int, int]]) -> None:
        for piece, start, end in taken:
            spots = [spot for spot in piece.spots if start <= spot.row < end]
            if spots:
                self._report.add(spots, piece.name_of_row)


class _TaskSizes:
    """Decides how many samples travel together."""

    def __init__(self, workers: RowWorkers, rows: _Rows, params: DataPipelineParams) -> None:
        self._workers = workers
        self._rows = rows
        self._batch_size = params.batch_size
        # Whoever waits for a prediction may not send more samples before it arrives.
        self._may_group = not workers.builder.is_padding and params.mode != PipelineMode.PREDICTION

    def order(self, spans: list[Span]) -> RowOrder:
        """Return the task for some spans."""
        return RowOrder.of(spans)

    def next(self) -> int:
        """Return how many samples the next task should have.

        They end with a batch, if no sample is dropped; so after a drop the next tasks fit again.
        """
        size, wanted = self._batch_size, self._wanted()
        lacking = size - (len(self._rows) + self._workers.num_under_way) % size
        return min(wanted, lacking) if wanted <= size else wanted - size + lacking

    def _wanted(self) -> int:
        size, workers = self._batch_size, self._workers
        known = workers.pace.seconds_per_sample
        if known is None:  # all workers share the first batches
            return -(-size // workers.num_workers)
        if known * size > _PIECE_SECONDS:
            return workers.pace.samples_in(_PIECE_SECONDS, size)
        if not self._may_group:
            return size
        most = max(1, min(_MOST_BATCHES, _TASK_BYTES // (workers.row_bytes * size)))
        return size * max(1, workers.pace.samples_in(_TASK_SECONDS, most * size) // size)
