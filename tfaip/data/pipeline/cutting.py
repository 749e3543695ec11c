"""Which samples share a batch: cuts pass after pass into lists of samples, from any position."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import count, islice
from typing import NamedTuple

from tfaip.data.databaseparams import DataPipelineParams
from tfaip.data.pipeline.bucketing import LengthFn, bucket_batch_sizes, in_buckets
from tfaip.data.pipeline.passes import Passes
from tfaip.data.pipeline.processor.stages import Numbered

Transform = Callable[[Iterable[Numbered]], Iterable[Numbered]]


@dataclass(frozen=True)
class StreamPosition:
    """Where the next batch starts.

    Fields: `pass_index` counts passes over the generator, `sample_index` the processed samples of that pass
    that are in earlier batches, `raw_index` the generated ones that need not be processed again. It is 0
    where the pass has to be run again from its start: with generating processors, a shuffle buffer or
    buckets.
    """

    pass_index: int = 0
    raw_index: int = 0
    sample_index: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return the position as a dict of numbers."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, int]) -> "StreamPosition":
        """Return the position that `to_dict` wrote."""
        return StreamPosition(**values)


class Cut(NamedTuple):
    """The samples of one batch, and where the next one starts (the fields of a `StreamPosition`)."""

    samples: list[Numbered]
    next_start: tuple[int, int, int]


class Cutter:
    """Cuts the samples of one or of endless passes into batches."""

    def __init__(
        self,
        passes: Passes,
        params: DataPipelineParams,
        *,
        auto_repeat: bool,
        transform: Transform | None = None,
        length_fn: LengthFn | None = None,
    ) -> None:
        """Prepare to cut.

        Args:
            passes: The samples.
            params: Batch size, shuffling, buckets.
            auto_repeat: Whether pass follows pass without end.
            transform: Changes the processed samples of a pass as a whole.
            length_fn: Returns the length of a sample; needed for buckets only.
        """
        self._passes = passes
        self._params = params
        self._auto_repeat = auto_repeat
        self._transform = transform
        self._length_fn = length_fn

    def cut(self, start: StreamPosition) -> Iterator[Cut]:
        """Yield the batches from `start` on, the same that came there when nothing was skipped."""
        if self._passes.generator.yields_batches():
            return self._ready_made(start)
        return self._in_sequence(start) if self._length_fn is None else self._in_buckets(start)

    def _in_sequence(self, start: StreamPosition) -> Iterator[Cut]:
        """Cut at every `batch_size` samples; a batch may begin in one pass and end in the next."""
        size = self._params.batch_size
        skips = self._can_skip
        samples: list[Numbered] = []
        pass_index = delivered = 0
        for pass_index, raw_done, done in pass_starts(start, self._auto_repeat):
            delivered = done
            for numbered in self._rest_of_pass(pass_index, raw_done, done):
                samples.append(numbered)
                delivered += 1
                if len(samples) == size:
                    raw_index = numbered[0] + 1 if skips else 0
                    yield Cut(samples, (pass_index, raw_index, delivered))
                    samples = []
            self._require_progress(delivered)
        if samples and not self._params.batch_drop_remainder:
            raw_index = samples[-1][0] + 1 if skips else 0
            yield Cut(samples, (pass_index, raw_index, delivered))

    def _in_buckets(self, start: StreamPosition) -> Iterator[Cut]:
        """Cut by length; what is left in the buckets is given at the end of each pass."""
        params = self._params
        for pass_index, _, done in pass_starts(start, self._auto_repeat):
            delivered = 0
            for samples in in_buckets(
                self._whole_pass(pass_index),
                self._length_fn,  # type: ignore[arg-type] - checked in `cut`
                params.bucket_boundaries,
                bucket_batch_sizes(params),
                drop_remainder=params.batch_drop_remainder,
            ):
                delivered += len(samples)
                if delivered > done:
                    yield Cut(samples, (pass_index, 0, delivered))
            self._require_progress(delivered)

    def _ready_made(self, start: StreamPosition) -> Iterator[Cut]:
        """Take the lists of a generator that yields batches as they are."""
        for pass_index, raw_done, done in pass_starts(start, self._auto_repeat):
            delivered = done
            for index, samples in self._passes.batches(pass_index, skip=raw_done):
                delivered += len(samples)
                yield Cut(samples, (pass_index, index + 1, delivered))
            self._require_progress(delivered)

    def _rest_of_pass(self, pass_index: int, raw_done: int, done: int) -> Iterable[Numbered]:
        if self._can_skip:
            return self._passes.samples(pass_index, skip=raw_done)
        return islice(self._whole_pass(pass_index), done, None)

    def _whole_pass(self, pass_index: int) -> Iterable[Numbered]:
        samples: Iterable[Numbered] = self._passes.samples(pass_index)
        if self._transform is not None:
            samples = self._transform(samples)
        size, seeds = self._params.shuffle_buffer_size, self._passes.seeds(pass_index)
        if size > 1:
            samples = shuffled(samples, size, random.Random(seeds and seeds.shuffle()))
        return self._limited(samples)

    def _limited(self, samples: Iterable[Numbered]) -> Iterable[Numbered]:
        """Keep the limit also where processors make more samples: as many batches as it has."""
        limit, size = self._params.limit, self._params.batch_size
        if self._auto_repeat or limit <= 0:
            return samples
        return islice(samples, -(-limit // size) * size)

    @property
    def _can_skip(self) -> bool:
        """Whether generated samples of earlier batches need not be processed again."""
        is_shuffled = self._params.shuffle_buffer_size > 1
        return self._passes.is_mapping and self._transform is None and not is_shuffled

    def _require_progress(self, delivered: int) -> None:
        """Refuse to repeat a pass that gives nothing, for it would never end."""
        if self._auto_repeat:
            self._passes.require_valid(delivered)


def pass_starts(start: StreamPosition, auto_repeat: bool) -> Iterator[tuple[int, int, int]]:
    """Yield for each pass its index, and what of it is done: generated and processed samples."""
    yield start.pass_index, start.raw_index, start.sample_index
    if auto_repeat:
        for pass_index in count(start.pass_index + 1):
            yield pass_index, 0, 0


def shuffled(samples: Iterable[Numbered], buffer_size: int, generator: random.Random) -> Iterator[Numbered]:
    """Yield the samples in random order, each from a buffer of `buffer_size` that is refilled in turn."""
    samples = iter(samples)
    buffer = list(islice(samples, buffer_size))
    for sample in samples:
        position = generator.randrange(len(buffer))
        yield buffer[position]
        buffer[position] = sample
    generator.shuffle(buffer)
    yield from buffer
