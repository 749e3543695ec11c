"""Workers that stack: raw samples go in, rows of whole arrays come out in shared memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfaip.data.pipeline.batching import Batch, BatchBuilder, Sizes
from tfaip.data.pipeline.finiteness import Spot, find_non_finite
from tfaip.data.pipeline.packing import Packed, pack, unpack
from tfaip.data.pipeline.processor.parallel import (
    MappingWork,
    Pace,
    names_of,
    pool_settings,
)
from tfaip.data.pipeline.processor.stages import MappingGroup, Numbered
from tfaip.data.pipeline.processor.tolerance import PassTolerance
from tfaip.data.pipeline.seeding import PassSeeds
from tfaip.workers.failures import Failure
from tfaip.workers.ordered_map import ordered_results
from tfaip.workers.pool import Order, Task, WorkerPool
from tfaip.workers.worker import Desk


@dataclass(frozen=True)
class Rows:
    """What a worker made of its samples: stacked arrays, and the indices of the samples in them by span.

    Further the sizes of padded rows, where rows are not finite, what failed and was skipped, and the error
    that was the end.
    """

    batch: Batch
    indices: list[Sequence[int]]
    sizes: Sizes
    spots: list[Spot]
    failed: list[list[tuple[str, Failure]]]
    failure: Failure | None


@dataclass(frozen=True)
class RowsJob:
    """Applies mapping processors to samples and stacks what is left."""

    groups: tuple[MappingGroup, ...]
    builder: BatchBuilder
    skips: bool
    looks: bool

    def open(self) -> Callable[[Any, Desk], Any]:
        """Create the processors; return what makes rows of samples."""
        work = MappingWork(self.groups, 0, self.skips)

        def run(spans: list[tuple[PassSeeds | None, Packed]], desk: Desk) -> Rows:
            return self._rows(work, spans, desk)

        return run

    def _rows(self, work: MappingWork, spans: list[tuple[PassSeeds | None, Packed]], desk: Desk) -> Rows:
        done: list[Numbered] = []
        indices: list[Sequence[int]] = []
        all_failed: list[list[tuple[str, Failure]]] = []
        failure: Failure | None = None
        for seeds, packed in spans:
            processed, failed, failure = work.process(unpack(packed), seeds, desk)
            done += processed
            indices.append([index for index, _ in processed])
            all_failed.append(failed)
            if failure is not None:
                break
        batch, sizes, wrong = self._build(done, desk)
        if wrong is not None:
            good, failure = wrong
            indices = _first_of_all(indices, good)
        spots = find_non_finite(batch) if self.looks else []
        return Rows(batch, indices, sizes, spots, all_failed, failure)

    def _build(self, samples: list[Numbered], desk: Desk) -> tuple[Batch, Sizes, tuple[int, Failure] | None]:
        """Return the rows; if a sample is wrong, those before it, their number, and what is wrong."""
        if not samples:
            return (), {}, None
        try:
            return *self.builder.build_rows(samples, desk.empty), None
        except Exception as error:  # noqa: BLE001 - raised in the parent, after the rows before it
            good = self._num_good(samples)
            batch, sizes = self.builder.build_rows(samples[:good]) if good else ((), {})
            return batch, sizes, (good, Failure.of(error))

    def _num_good(self, samples: list[Numbered]) -> int:
        for number, sample in enumerate(samples):
            try:
                self.builder.build([sample])
            except Exception:  # noqa: BLE001 - it was raised for the batch as well
                return number
        return 0


@dataclass(frozen=True)
class Span:
    """Samples of one pass in a task.

    Fields: the index of the pass; the samples; their seeds; what counts the failing ones of the pass; whether
    they are its last; where the generator goes on, if that is not behind the last sample.
    """

    pass_index: int
    samples: list[Numbered]
    seeds: PassSeeds | None
    tolerance: PassTolerance
    is_end: bool = False
    next_raw: int | None = None


@dataclass(frozen=True)
class RowOrder(Order):
    """A task, with the spans of samples that are in it."""

    spans: list[Span] = field(default_factory=list)

    @staticmethod
    def of(spans: list[Span]) -> "RowOrder":
        """Return the task for some spans."""
        samples = [numbered for span in spans for numbered in span.samples]
        value = [(span.seeds, pack(span.samples)) for span in spans]
        return RowOrder(value, len(samples), names_of(samples), spans=spans)


class Piece:
    """Rows that came from a worker, from which batches are cut at the front.

    Fields: the `order` and the `task` they are of; the `batch` of all rows; the `spots` where they are not
    finite; what `failed`, and the `failure` behind the last row; the `start` of the rows that are left.
    """

    def __init__(self, rows: Rows, order: RowOrder, task: Task) -> None:
        self.order = order
        self.task = task
        self.batch = rows.batch
        self.spots = rows.spots
        self.failed = rows.failed
        self.failure = rows.failure
        self.start = 0
        self._sizes = rows.sizes
        self._spans = list(zip(order.spans, rows.indices, strict=False))
        self._num_rows = sum(len(indices) for indices in rows.indices)

    def __len__(self) -> int:
        return self._num_rows - self.start

    def numbers_of_passes(self) -> Iterator[tuple[int, int]]:
        """Yield how many rows each pass has here."""
        for span, indices in self._spans:
            yield span.pass_index, len(indices)

    def advance(self, number: int) -> Iterator[tuple[int, int]]:
        """Take `number` rows off; yield of which pass how many are."""
        first, end = self.start, self.start + number
        self.start = end
        for span, indices in self._spans:
            taken = min(end, len(indices)) - max(first, 0)
            if taken > 0:
                yield span.pass_index, taken
            first -= len(indices)
            end -= len(indices)

    def next_raw(self) -> int:
        """Return where the generator goes on behind the rows that were taken."""
        span, index = self._place(self.start - 1)
        return index + 1 if span.next_raw is None else span.next_raw

    def name_of_row(self, row: int) -> str:
        """Return how a message names the sample of a row."""
        return self.order.describe(self._place(row)[1])

    def rows(self, part: int, key: str, start: int, end: int) -> np.ndarray:
        """Return rows of one key, cut to the longest of them if they were padded."""
        array = self.batch[part][key]
        if start == 0 and end == len(array):
            return array
        sizes = self._sizes.get((part, key))
        if sizes is None:
            return array[start:end]
        longest = sizes[start:end].max(axis=0)
        return array[(slice(start, end), *(slice(int(size)) for size in longest))]

    def _place(self, row: int) -> tuple[Span, int]:
        for span, indices in self._spans:
            if row < len(indices):
                return span, indices[row]
            row -= len(indices)
        raise IndexError(row)


class RowWorkers:
    """A pool that makes rows out of samples.

    Fields: the number of workers; the `builder` of batches; the `pace` and the size of a row so far; how many
    samples are under way.
    """

    def __init__(
        self, groups: Sequence[MappingGroup], builder: BatchBuilder, *, skips: bool, looks: bool
    ) -> None:
        settings = pool_settings(groups, groups[0].workers)
        self.num_workers = settings.num_workers
        self.builder = builder
        self.pace = Pace()
        self.row_bytes = 1
        self.num_under_way = 0
        self._pool = WorkerPool(RowsJob(tuple(groups), builder, skips, looks), settings)

    def pieces(self, orders: Iterable[RowOrder]) -> Iterator[Piece]:
        """Yield the rows of each task, in order."""
        self.num_under_way = 0
        for task, rows in ordered_results(self._pool, self._counted(orders), in_place=True):
            order = task.order
            assert isinstance(order, RowOrder)  # noqa: S101 - there are no others
            self.num_under_way -= order.weight
            if order.weight:
                self.pace.note(task)
                self.row_bytes = max(1, task.num_bytes // order.weight)
            yield Piece(rows, order, task)

    def close(self) -> None:
        """Stop the workers."""
        self._pool.close()

    def _counted(self, orders: Iterable[RowOrder]) -> Iterator[RowOrder]:
        for order in orders:
            self.num_under_way += order.weight
            yield order


def _first_of_all(spans: list[Sequence[int]], number: int) -> list[Sequence[int]]:
    """Return the first `number` of all indices, by span."""
    kept: list[Sequence[int]] = []
    for span in spans:
        kept.append(span[: max(0, number)])
        number -= len(span)
    return kept
