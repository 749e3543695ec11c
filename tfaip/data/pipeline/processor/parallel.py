"""How groups of processors run in worker processes.

Mapping processors: samples go to the workers in chunks and come back in order. Each is seeded by its index,
so it does not matter which worker gets it, nor in which company.

A generating processor sees all samples of a pass, so one worker runs it; what it takes and what it gives
cross in chunks as well.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

import numpy as np

from tfaip.data.pipeline.definitions import Sample, describe_sample
from tfaip.data.pipeline.packing import Packed, pack, unpack
from tfaip.data.pipeline.processor.dataprocessor import SequenceProcessor
from tfaip.data.pipeline.processor.stages import (
    GeneratingGroup,
    MappingGroup,
    Numbered,
    ProcessorGroup,
    Step,
    WorkerSettings,
    generating_step,
    stage_seeds,
)
from tfaip.data.pipeline.processor.tolerance import PassTolerance
from tfaip.data.pipeline.seeding import PassSeeds
from tfaip.errors import DataError
from tfaip.workers.failures import Failure
from tfaip.workers.ordered_map import Order, ordered_results
from tfaip.workers.pool import PoolSettings, Task, WorkerPool
from tfaip.workers.worker import Desk

logger = logging.getLogger(__name__)

_CHUNK_SECONDS = 0.004  # of work: a trip takes 0.1 ms, and a longer chunk would make others wait
_LARGEST_CHUNK = 64
_FEED_SECONDS = 0.005  # a chunk is not held back longer when samples come slowly
_CHUNK_BYTES = 1 << 20
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class Processed:
    """What became of some samples: those that are left, those that failed, and the error that was the end."""

    packed: Packed
    failed: Sequence[tuple[str, Failure]] = ()
    failure: Failure | None = None
    is_complete: bool = False


class MappingWork:
    """The mapping processors of some groups, created where they run."""

    def __init__(self, groups: Sequence[MappingGroup], first_stage: int, skips: bool) -> None:
        self.sequences: list[SequenceProcessor] = [group.create_processor_fn() for group in groups]
        self._mode = groups[0].mode
        self._first_stage = first_stage
        self._skips = skips

    def process(
        self, samples: Iterable[Numbered], seeds: PassSeeds | None, desk: Desk
    ) -> tuple[list[Numbered], list[tuple[str, Failure]], Failure | None]:
        """Return the processed samples, what failed and was skipped, and the error that was the end."""
        steps = [(s, stage_seeds(seeds, n)) for n, s in enumerate(self.sequences, start=self._first_stage)]
        done: list[Numbered] = []
        failed: list[tuple[str, Failure]] = []
        mode = self._mode
        for index, sample in samples:
            desk.at(index)
            processed: Sample | None = sample
            try:
                for sequence, seeded in steps:
                    if seeded is not None:
                        seeded.seed(index)
                    processed = sequence.apply_numbered(processed, index)
                    if processed is None or not processed.is_valid(mode):
                        break
                else:
                    done.append((index, processed))
            except Exception as error:  # noqa: BLE001 - raised in the parent
                if not self._skips:
                    return done, failed, Failure.of(error)
                failed.append((describe_sample(sample, index), Failure.of(error)))
        return done, failed, None


@dataclass(frozen=True)
class MappingJob:
    """Applies the processors of mapping groups to chunks of samples."""

    groups: tuple[MappingGroup, ...]
    first_stage: int
    skips: bool

    def open(self) -> Callable[[Any, Desk], Any]:
        """Create the processors; return what applies them to a chunk."""
        work = MappingWork(self.groups, self.first_stage, self.skips)

        def run(value: tuple[PassSeeds | None, Packed], desk: Desk) -> Processed:
            seeds, packed = value
            done, failed, failure = work.process(unpack(packed), seeds, desk)
            return Processed(pack(done), failed, failure)

        return run


class ParallelMapping:
    """Mapping groups that run in workers, as one stage."""

    def __init__(self, groups: Sequence[MappingGroup], first_stage: int, skips: bool) -> None:
        self._pool = WorkerPool(
            MappingJob(tuple(groups), first_stage, skips), pool_settings(groups, groups[0].workers)
        )
        self._pace = Pace()

    def run(
        self, samples: Iterable[Numbered], seeds: PassSeeds | None, tolerance: PassTolerance
    ) -> Iterator[Numbered]:
        """Yield the samples of one pass, processed, in order."""
        for task, processed in ordered_results(self._pool, self._orders(samples, seeds)):
            self._pace.note(task)
            note_failed(processed.failed, tolerance, task)
            yield from unpack(processed.packed)
            raise_failure(processed.failure, task)

    def close(self) -> None:
        """Stop the workers."""
        self._pool.close()

    def _orders(self, samples: Iterable[Numbered], seeds: PassSeeds | None) -> Iterator[Order]:
        for chunk in in_chunks(samples, lambda: self._pace.samples_in(_CHUNK_SECONDS, _LARGEST_CHUNK)):
            yield Order((seeds, pack(chunk)), len(chunk), names_of(chunk))


@dataclass(frozen=True)
class GeneratingJob:
    """Runs a generating processor, pass after pass; a task is the next chunk of what it gives."""

    group: GeneratingGroup
    stage: int

    def open(self) -> Callable[[Any, Desk], Any]:
        """Create the processor; return what gives its next samples."""
        work = _GeneratingWork(generating_step(self.group), self.stage)
        return work.run


class _GeneratingWork:
    """A generating processor and the pass it is in."""

    def __init__(self, step: Step, stage: int) -> None:
        self._step = step
        self._stage = stage
        self._pass = -1
        self._given: Iterator[Numbered] = iter(())
        self._desk: Desk | None = None

    def run(self, value: tuple[int, PassSeeds | None], desk: Desk) -> Processed:
        """Return the next samples of a pass, which begins with its first task."""
        number, seeds = value
        self._desk = desk
        if number != self._pass:
            self._begin(number, seeds)
        found: list[Numbered] = []
        try:
            is_complete = self._collect(found)
        except Exception as error:  # noqa: BLE001 - raised in the parent
            return Processed(pack(found), (), Failure.of(error), True)
        return Processed(pack(found), is_complete=is_complete)

    def _begin(self, number: int, seeds: PassSeeds | None) -> None:
        close = getattr(self._given, "close", None)
        if close is not None:
            close()
        self._pass = number
        self._given = self._step(self._taken(), stage_seeds(seeds, self._stage), PassTolerance())

    def _collect(self, found: list[Numbered]) -> bool:
        """Take samples for one chunk; return whether the pass is at its end."""
        end, num_bytes = time.monotonic() + _FEED_SECONDS, 0
        for numbered in self._given:
            found.append(numbered)
            num_bytes += _num_bytes(numbered[1])
            if len(found) >= _LARGEST_CHUNK or num_bytes > _CHUNK_BYTES or time.monotonic() > end:
                return False
        return True

    def _taken(self) -> Iterator[Numbered]:
        while True:
            assert self._desk is not None  # noqa: S101 - a task runs
            fed = self._desk.more_input()
            if fed is None:  # nobody wants this pass any more
                return
            packed, error_text = fed
            for index, sample in unpack(packed):
                self._desk.at(index)
                yield index, sample
            if error_text is not None:
                raise DataError(error_text)
            if not packed[1]:
                return


class ParallelGenerating:
    """A generating processor that runs in a worker."""

    def __init__(self, group: GeneratingGroup, stage: int) -> None:
        settings = _pool_settings(f"`{group.generating.cls().__name__}`", group.workers, num_workers=1)
        # A successor could not go on in the middle of a pass.
        self._pool = WorkerPool(GeneratingJob(group, stage), replace(settings, max_items=0))
        self._pass = 0

    def run(
        self, samples: Iterable[Numbered], seeds: PassSeeds | None, tolerance: PassTolerance
    ) -> Iterator[Numbered]:
        """Yield what the processor gives in one pass, in order."""
        self._pass += 1
        self._pool.stop_if_grown()
        feed = _Feed(samples)
        order = Order((self._pass, seeds), _LARGEST_CHUNK, feed.describe, feed.next)
        for task, processed in ordered_results(self._pool, repeat(order)):
            yield from unpack(processed.packed)
            if feed.error is not None and processed.is_complete:
                raise feed.error
            raise_failure(processed.failure, task)
            if processed.is_complete:
                return

    def close(self) -> None:
        """Stop the worker."""
        self._pool.close()


class _Feed:
    """What a generating processor takes, chunk after chunk."""

    def __init__(self, samples: Iterable[Numbered]) -> None:
        self.error: Exception | None = None
        self._chunks = in_chunks(samples, lambda: _LARGEST_CHUNK)
        self._latest: list[Numbered] = []

    def next(self) -> tuple[Packed, str | None]:
        """Return the next samples; none at the end. An error is kept, and its text passed on."""
        try:
            self._latest = next(self._chunks, [])
        except Exception as error:  # noqa: BLE001 - raised when the processor has dealt with it
            self.error = error
            return pack([]), str(error)
        return pack(self._latest), None

    def describe(self, index: int) -> str:
        """Return how a message names the sample of this index."""
        return names_of(self._latest)(index) + ", the last it took"


class Pace:
    """How fast samples are processed, which decides how many travel together."""

    def __init__(self) -> None:
        self.seconds_per_sample: float | None = None

    def note(self, task: Task) -> None:
        """Take the time of a task into account."""
        seconds = task.seconds / max(1, task.weight)
        known = self.seconds_per_sample
        self.seconds_per_sample = seconds if known is None else 0.8 * known + 0.2 * seconds

    def samples_in(self, seconds: float, most: int) -> int:
        """Return how many samples take about so long, up to `most`; 1 as long as nothing is known."""
        known = self.seconds_per_sample
        return 1 if known is None else max(1, min(most, int(seconds / max(known, 1e-9))))


def in_chunks(samples: Iterable[Numbered], size: Callable[[], int]) -> Iterator[list[Numbered]]:
    """Yield the samples in lists of `size()`, shorter ones when samples come slowly or are large.

    An error of `samples` is raised after what came before it.
    """
    source = iter(samples)
    error: Exception | None = None
    while error is None:
        chunk: list[Numbered] = []
        wanted, num_bytes, end = size(), 0, time.monotonic() + _FEED_SECONDS
        try:
            for numbered in source:
                chunk.append(numbered)
                if len(chunk) >= wanted:
                    break
                num_bytes += _num_bytes(numbered[1])
                if num_bytes > _CHUNK_BYTES or time.monotonic() > end:
                    break
            else:
                error = StopIteration()
        except Exception as raised:  # noqa: BLE001 - raised below
            error = raised
        if chunk:
            yield chunk
    if not isinstance(error, StopIteration):
        raise error


def pool_settings(groups: Sequence[ProcessorGroup], workers: WorkerSettings) -> PoolSettings:
    """Return how the workers of mapping groups run."""
    names = [f"`{p.cls().__name__}`" for g in groups if isinstance(g, MappingGroup) for p in g.processors]
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
    return _pool_settings(shown, workers, num_workers=workers.num_workers)


def names_of(chunk: Sequence[Numbered]) -> Callable[[int], str]:
    """Return a function from the index of one of the samples to how a message names it."""

    def name(index: int) -> str:
        return describe_sample(next((sample for i, sample in chunk if i == index), None), index)

    return name


def note_failed(failed: Sequence[tuple[str, Failure]], tolerance: PassTolerance, task: Task) -> None:
    """Count the samples of a task that failed."""
    for sample_text, failure in failed:
        tolerance.note(sample_text, failure.to_error(task.worker.text))


def raise_failure(failure: Failure | None, task: Task) -> None:
    """Raise the error that ended a task, if one did, with the traceback of the worker in the log."""
    if failure is not None:
        logger.error("Traceback of %s:\n%s", task.worker.text, failure.traceback)
        raise failure.to_error(task.worker.text)


def _pool_settings(name: str, workers: WorkerSettings, *, num_workers: int) -> PoolSettings:
    return PoolSettings(name, num_workers, workers.max_samples, workers.timeout_seconds, workers.in_memory)


def _num_bytes(sample: Any) -> int:
    """Return the size of the arrays in a sample, roughly."""
    total = 0
    for part in (sample.inputs, sample.outputs, sample.targets):
        values = part.values() if type(part) is dict else (part,)
        total += sum(value.nbytes for value in values if type(value) is np.ndarray)
    return total
