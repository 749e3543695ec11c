"""One pass after another over the data: what the generator yields, processed, with its position."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import Any

from tfaip.data.pipeline.batching import BatchBuilder
from tfaip.data.pipeline.datagenerator import DataGenerator
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.pipeline.processor.pipeline import DataProcessorPipeline, RunningProcessors
from tfaip.data.pipeline.processor.stages import Numbered
from tfaip.data.pipeline.processor.tolerance import PassTolerance
from tfaip.data.pipeline.row_workers import RowWorkers
from tfaip.data.pipeline.seeding import PassSeeds
from tfaip.errors import DataError, TfaipError

logger = logging.getLogger(__name__)

_PARKING_SECONDS = 3.0


class Passes:
    """Yields the processed samples of a generator, pass by pass.

    The processors are created once, when the first pass begins. With a random seed a pass depends on the seed
    and its index only, so that any pass can be run again.
    """

    def __init__(
        self,
        generator: DataGenerator[Any],
        processors: DataProcessorPipeline,
        *,
        limit: int = -1,
        random_seed: int | None = None,
        read_ahead: int = 1,
    ) -> None:
        """Prepare the passes.

        Args:
            generator: The source of samples.
            processors: What is applied to them.
            limit: Samples of each pass that are used; 0 or less uses all.
            random_seed: What random numbers are derived from; None leaves them as they are.
            read_ahead: Samples that are taken from the generator at a time, if there is a random seed.
        """
        self.generator = generator
        self._processors = processors
        self._limit = limit
        self._random_seed = random_seed
        self._read_ahead = read_ahead
        self._running: RunningProcessors | None = None
        self._row_workers: RowWorkers | None = None
        self._parking = _Parking()
        self._warned = False

    @property
    def mode(self) -> PipelineMode:
        """What the samples are for."""
        return self._processors.mode

    @property
    def is_mapping(self) -> bool:
        """Whether a processed sample has the index of the one it was made of."""
        return self._processors.is_mapping

    def seeds(self, pass_index: int) -> PassSeeds | None:
        """Return the seeds of a pass, None without a random seed."""
        return None if self._random_seed is None else PassSeeds(self._random_seed, pass_index)

    def samples(self, pass_index: int, *, skip: int = 0) -> Iterator[Numbered]:
        """Yield the processed samples of a pass with their indices, after the first `skip` generated ones."""
        seeds, tolerance = self.seeds(pass_index), self.tolerance()
        raw = self.raw_samples(pass_index, skip=skip, tolerance=tolerance)
        return tolerance.checked(self._start().run(raw, seeds, tolerance))

    def batches(self, pass_index: int, *, skip: int = 0) -> Iterator[tuple[int, list[Numbered]]]:
        """Yield the lists of processed samples of a pass with their indices, if the generator yields lists.

        Lists that are empty after processing are dropped; the first `skip` generated ones are not processed.
        """
        seeds = self.seeds(pass_index)
        running, tolerance = self._start(), self.tolerance()
        for index, samples in self.raw_batches(pass_index, skip=skip, tolerance=tolerance):
            processed = list(running.run(samples, seeds and seeds.of_batch(index), tolerance))
            if processed:
                yield index, processed
        tolerance.complete()

    def raw_samples(self, pass_index: int, *, skip: int = 0, tolerance: PassTolerance) -> Iterator[Numbered]:
        """Yield the samples of a pass before they are processed, after the first `skip`."""
        mode = self.mode
        for index, sample in self._generated(self.seeds(pass_index), skip, self._limit):
            tolerance.num_generated = index + 1
            if not isinstance(sample, Sample):
                raise self._wrong_item(sample, index, "a Sample")
            if sample.is_valid(mode):
                yield index, sample

    def raw_batches(
        self, pass_index: int, *, skip: int = 0, tolerance: PassTolerance
    ) -> Iterator[tuple[int, Iterable[Numbered]]]:
        """Yield the lists of samples of a pass before they are processed, after the first `skip` lists."""
        first = 0
        for index, samples in self._generated(self.seeds(pass_index), 0, -1):
            if 0 < self._limit <= first:
                break
            if not isinstance(samples, Sequence):
                raise self._wrong_item(samples, index, "a list of samples")
            used = samples if self._limit <= 0 else samples[: self._limit - first]
            if index >= skip:
                yield index, self._valid(enumerate(used, start=first))
            first += len(used)
            tolerance.num_generated = first

    def row_workers(self, builder: BatchBuilder, *, looks: bool) -> RowWorkers | None:
        """Return workers that process and stack; None unless all processors map and run in processes.

        Args:
            builder: Stacks samples.
            looks: Whether the workers look for values that are not finite.
        """
        groups = self._processors.parallel_mapping_groups()
        if groups and self._row_workers is None:
            skips = self._processors.tolerance.skips
            self._row_workers = RowWorkers(groups, builder, skips=skips, looks=looks)
        return self._row_workers

    def tolerance(self) -> PassTolerance:
        """Return what counts the failing samples of one pass."""
        return self._processors.tolerance.of_pass(self._num_expected())

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the processes while somebody reads, and a little longer for whoever reads anew."""
        self._parking.leave()
        try:
            yield
        finally:
            has_processes = self._row_workers is not None or self._running is not None
            self._parking.enter(self.close if has_processes else None)

    def close(self) -> None:
        """Stop the processes, if there are any."""
        self._parking.cancel()
        running, self._running = self._running, None
        row_workers, self._row_workers = self._row_workers, None
        for processes in (running, row_workers):
            if processes is not None:
                processes.close()

    def require_valid(self, number: int) -> None:
        """Refuse to repeat a pass that gave `number` = 0 samples, for it would never end."""
        if number == 0:
            raise DataError(
                "no valid sample in a full pass: all samples of the generator "
                f"`{type(self.generator).__name__}` were dropped in mode {self.mode}. Look at the generator "
                "and at the processors in `pre_proc` that mark samples as invalid."
            )

    def _start(self) -> RunningProcessors:
        if self._running is None:
            self._running = self._processors.start()
        return self._running

    def _generated(self, seeds: PassSeeds | None, skip: int, limit: int) -> Iterator[tuple[int, Any]]:
        """Yield what the generator yields with its index; errors name the generator and the index."""
        index = skip
        try:
            for item in self._items(seeds, skip, limit):
                yield index, item
                index += 1
        except TfaipError:
            raise
        except Exception as error:
            raise DataError(
                f"the generator `{type(self.generator).__name__}` failed at sample {index} with "
                f"{type(error).__name__}: {error}"
            ) from error
        self._warn_if_short(index)

    def _valid(self, generated: Iterable[tuple[int, Any]]) -> Iterator[Numbered]:
        mode = self.mode
        for index, sample in generated:
            if not isinstance(sample, Sample):
                raise self._wrong_item(sample, index, "a Sample")
            if sample.is_valid(mode):
                yield index, sample

    def _wrong_item(self, item: Any, index: int, expected: str) -> DataError:
        return DataError(
            f"the generator `{type(self.generator).__name__}` yielded {type(item).__name__} as number "
            f"{index}, {expected} is expected. Lists are for generators whose `yields_batches` returns true."
        )

    def _items(self, seeds: PassSeeds | None, skip: int, limit: int) -> Iterator[Any]:
        randomness = nullcontext() if seeds is None else seeds.generator()
        with randomness:
            items = iter(self.generator.generate())
            deque(islice(items, skip), maxlen=0)
        if limit > 0:
            items = islice(items, max(0, limit - skip))
        return items if seeds is None else _in_chunks(items, randomness, self._read_ahead)

    def _warn_if_short(self, number: int) -> None:
        """Say once that the generator yields fewer samples than it promised."""
        generator = self.generator
        if self._warned or generator.yields_batches():
            return
        expected = self._num_expected()
        if expected is not None and number < expected:
            self._warned = True
            logger.warning(
                "The generator %s yielded %d of %d samples in mode %s. Let its `__len__` return the number "
                "of samples of one pass.",
                type(generator).__name__,
                number,
                expected,
                self.mode,
            )

    def _num_expected(self) -> int | None:
        """Return how many samples a pass should have; None if the generator does not know."""
        try:
            promised = len(self.generator)
        except Exception:  # noqa: BLE001 - only who needs the length complains about it
            return None
        return min(promised, self._limit) if self._limit > 0 else promised


class _Parking:
    """Closes what nobody uses for some seconds.

    A validation reads its samples once an epoch. If epochs are short, starting processes for each would take
    longer than reading; if they are long, the processes would only take memory in between.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._num_users = 0
        self._is_wanted: threading.Event | None = None

    def leave(self) -> None:
        """Take note of a user."""
        with self._lock:
            self._num_users += 1
            self.cancel()

    def enter(self, close: Callable[[], None] | None) -> None:
        """Take note that a user has left, and close in some seconds if nobody else comes."""
        with self._lock:
            self._num_users -= 1
            if self._num_users == 0 and close is not None:
                self._is_wanted = threading.Event()
                # Not a Timer, which asks for the current thread: Python keeps those of TensorFlow for ever.
                threading.Thread(target=self._expire, args=[self._is_wanted, close], daemon=True).start()

    def cancel(self) -> None:
        """Close nothing later."""
        is_wanted, self._is_wanted = self._is_wanted, None
        if is_wanted is not None:
            is_wanted.set()

    def _expire(self, is_wanted: threading.Event, close: Callable[[], None]) -> None:
        if is_wanted.wait(_PARKING_SECONDS):
            return
        with self._lock:
            if self._num_users == 0 and not is_wanted.is_set():
                close()


def _in_chunks(items: Iterator[Any], randomness: AbstractContextManager[None], size: int) -> Iterator[Any]:
    """Yield the items, taken `size` at a time, so that the random state is exchanged less often."""
    while True:
        chunk: list[Any] = []
        error: Exception | None = None
        with randomness:
            try:
                chunk.extend(islice(items, size))
            except Exception as raised:  # noqa: BLE001 - raised below, after what came before it
                error = raised
        yield from chunk
        if error is not None:
            raise error
        if len(chunk) < size:
            return
