"""The samples of a pipeline on their way through a model, its losses and metrics, and the post-processing."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import keras
import numpy as np

from tfaip.data.pipeline.datapipeline import DataPipeline
from tfaip.data.pipeline.definitions import Sample
from tfaip.data.pipeline.unbatching import unbatch
from tfaip.errors import DataError, UsageError
from tfaip.model.lav_model import LavModel, ValidatedBatch
from tfaip.reporting.benchmark import BenchmarkResults


class ValidatedSamples:
    """Yields each sample with what the model made of it, post-processed, and its losses by name.

    Everything runs where the samples are asked for, so an error in any part is raised there.

    Fields: `benchmark` tells how fast the latest iteration was.
    """

    def __init__(
        self, pipeline: DataPipeline[Any], lav_model: LavModel, *, with_losses: bool = False
    ) -> None:
        """Prepare the samples.

        Args:
            pipeline: Where they come from.
            lav_model: Counts them; it starts anew with each iteration.
            with_losses: Whether to compute the losses of each sample; without, they are empty.
        """
        if with_losses and not pipeline.create_output_pipeline().is_mapping:
            raise UsageError(
                "The losses of each sample were asked for, but `post_proc` of the data has a processor that "
                "makes other samples of them. Remove the processor, or leave out the losses."
            )
        self.benchmark = BenchmarkResults()
        self._pipeline = pipeline
        self._lav_model = lav_model
        self._with_losses = with_losses
        self._losses: deque[dict[str, float]] = deque()

    def __iter__(self) -> Iterator[tuple[Sample, dict[str, float]]]:
        self.benchmark = BenchmarkResults()
        self._lav_model.reset()
        self._losses.clear()
        started = time.perf_counter()
        with ExitStack() as stack:
            batches = stack.enter_context(self._pipeline.generate_input_batches())
            samples = self._pipeline.process_output(self._validated(batches))
            for sample in stack.enter_context(samples):
                yield sample, self._losses_of_next()
        if self._losses:
            raise _not_aligned()
        self.benchmark.finish_epoch(time.perf_counter() - started)

    def _validated(self, batches: Iterable[Any]) -> Iterator[Sample]:
        for batch in batches:
            started = time.perf_counter()
            validated = self._lav_model.validate(batch, with_losses=self._with_losses)
            self.benchmark.finish_batch(validated.num_samples, time.perf_counter() - started)
            yield from self._cut(validated)

    def _cut(self, batch: ValidatedBatch) -> Iterator[Sample]:
        check_batch_axis({"outputs": batch.outputs, "targets": batch.targets}, batch.num_samples)
        samples = unbatch(inputs=batch.inputs, targets=batch.targets, outputs=batch.outputs, meta=batch.meta)
        for row, sample in enumerate(samples):
            if self._with_losses:
                self._losses.append({name: float(values[row]) for name, values in batch.losses.items()})
            yield sample

    def _losses_of_next(self) -> dict[str, float]:
        if not self._with_losses:
            return {}
        if not self._losses:
            raise _not_aligned()
        return self._losses.popleft()


def check_batch_axis(arrays: Any, num_samples: int) -> None:
    """Refuse arrays without a row for each sample.

    Args:
        arrays: Nested dicts and lists of arrays.
        num_samples: The samples of the batch.

    Raises:
        DataError: It names the array and its shape.
    """
    for path, array in keras.tree.flatten_with_path(arrays):
        if np.ndim(array) == 0 or len(array) != num_samples:
            raise DataError(
                f"`{'/'.join(map(str, path))}` must have one row for each of the {num_samples} samples of a "
                f"batch, got the shape {np.shape(array)}. Keep the batch axis in the graph and in "
                "`pre_proc_targets`."
            )


def _not_aligned() -> DataError:
    return DataError(
        "The losses of each sample were asked for, but `post_proc` of the data drops samples, so they can "
        "not be assigned. Keep all samples, or leave out the losses."
    )
