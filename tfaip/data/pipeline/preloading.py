"""Process samples once, as far as that is allowed, and keep them in memory."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from tfaip.data.pipeline.datagenerator import DataGenerator, count_samples
from tfaip.data.pipeline.definitions import Sample
from tfaip.data.pipeline.passes import Passes
from tfaip.data.pipeline.processor.dataprocessor import DataProcessorBase, processor_failure
from tfaip.data.pipeline.processor.pipeline import DataProcessorPipeline
from tfaip.errors import UsageError
from tfaip.progress import tqdm_wrapper


def preload_samples(
    generator: DataGenerator[Any],
    processors: Sequence[DataProcessorBase[Any]],
    *,
    num_processes: int = 1,
    progress_bar: bool = False,
) -> list[Sample]:
    """Return all samples of one pass, after the `preload` of each processor in order.

    Args:
        generator: The source of samples.
        processors: What is applied to them.
        num_processes: Processes that each processor may use.
        progress_bar: Whether to show how far it is.
    """
    if generator.yields_batches():
        raise UsageError(
            f"the generator `{type(generator).__name__}` yields batches, which cannot be preloaded. "
            "Set `--trainer.preload_data False`."
        )
    samples = _read(generator, progress_bar)
    for processor in processors:
        samples = _preloaded(processor, samples, num_processes, progress_bar)
    return samples


def _read(generator: DataGenerator[Any], progress_bar: bool) -> list[Sample]:
    samples = Passes(generator, DataProcessorPipeline([], generator.mode)).samples(0)
    number = count_samples(generator)
    shown: Iterable[Any] = tqdm_wrapper(
        islice(samples, number) if generator.is_endless() else samples,
        progress_bar=progress_bar,
        desc="Loading samples",
        total=number,
    )
    return [sample for _, sample in shown]


def _preloaded(
    processor: DataProcessorBase[Any], samples: list[Sample], num_processes: int, progress_bar: bool
) -> list[Sample]:
    try:
        return list(processor.preload(samples, num_processes, True, progress_bar))
    except Exception as error:
        raise processor_failure(processor, "the samples to preload", error) from error
