"""Batches of samples of similar length."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tfaip.data.databaseparams import DataPipelineParams
from tfaip.data.pipeline.definitions import describe_sample
from tfaip.data.pipeline.processor.stages import Numbered
from tfaip.errors import DataError, TfaipError

LengthFn = Callable[[Mapping[str, Any]], Any]


def bucket_batch_sizes(params: DataPipelineParams) -> list[int]:
    """Return the batch size of each bucket, one more than there are boundaries.

    By default bucket `i` of `n` gets `batch_size * boundary_n / boundary_i`, rounded down: a batch holds
    about the same number of steps in each bucket. The last bucket, of all longer samples, repeats the size
    before.
    """
    sizes = params.bucket_batch_sizes
    if not sizes:
        longest = params.bucket_boundaries[-1]
        sizes = [max(1, params.batch_size * longest // boundary) for boundary in params.bucket_boundaries]
    is_complete = len(sizes) == len(params.bucket_boundaries) + 1
    return list(sizes) if is_complete else [*sizes, sizes[-1]]


def in_buckets(
    samples: Iterable[Numbered],
    length_fn: LengthFn,
    boundaries: Sequence[int],
    batch_sizes: Sequence[int],
    *,
    drop_remainder: bool = False,
) -> Iterator[list[Numbered]]:
    """Yield lists of samples of similar length: `boundary_(i-1) <= length < boundary_i`.

    A list is given as soon as its bucket is full; what is left at the end follows, shortest first.

    Args:
        samples: The samples of one pass, with their indices.
        length_fn: Returns the length of a sample, given its inputs.
        boundaries: Increasing lengths.
        batch_sizes: Samples in a list of each bucket.
        drop_remainder: Whether to drop what is left at the end.
    """
    buckets: list[list[Numbered]] = [[] for _ in batch_sizes]
    for index, sample in samples:
        bucket = bisect_right(boundaries, _length(length_fn, sample, index))
        buckets[bucket].append((index, sample))
        if len(buckets[bucket]) == batch_sizes[bucket]:
            yield buckets[bucket]
            buckets[bucket] = []
    if not drop_remainder:
        yield from filter(None, buckets)


def _length(length_fn: LengthFn, sample: Any, index: int) -> float:
    try:
        length = np.asarray(length_fn(sample.inputs))
    except TfaipError:
        raise
    except Exception as error:
        raise DataError(
            f"`element_length_fn` failed at {describe_sample(sample, index)} with "
            f"{type(error).__name__}: {error}. It gets the inputs as a dict of arrays."
        ) from error
    if length.size != 1:
        raise DataError(
            f"`element_length_fn` must return one number, got {length!r} for "
            f"{describe_sample(sample, index)}."
        )
    return float(length.flat[0])
