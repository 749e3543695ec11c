"""The batches that a training reads, and where it stands in them."""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Optional

import tensorflow as tf

from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.data.pipeline.stream import StreamPosition
from tfaip.errors import UsageError
from tfaip.trainer.params import TrainerParams

if TYPE_CHECKING:
    from tfaip.data.data import DataBase
    from tfaip.data.pipeline.stream import BatchStream


class TrainingBatches:
    """Opens the training pipeline at a position and tells positions that follow."""

    def __init__(self, params: TrainerParams):
        self._params = params
        self._stream: Optional[BatchStream] = None
        self.few: Optional[tf.data.Dataset] = None

    @contextlib.contextmanager
    def open(
        self, data: "DataBase", start: StreamPosition, *, steps_per_epoch: int, steps_into_epoch: int
    ) -> Iterator[tf.data.Dataset]:
        """Give the batches from `start` on, without an end.

        With `overfit_batches` each epoch has the same, which are also in `few`.

        An error in the pipeline leaves the block as itself; TensorFlow passes on its text only.
        """
        pipeline: Any = data.pipeline_by_mode(PipelineMode.TRAINING)
        stream = pipeline.batch_stream(auto_repeat=True, random_seed=self._params.random_seed, start=start)
        with stream:
            self._stream = stream
            try:
                yield self._repeated(pipeline.dataset_of_stream(stream), steps_per_epoch, steps_into_epoch)
            except tf.errors.OpError as error:
                raise self._reason(data, stream, error) or error from error
            finally:
                self._stream = None

    def position_after(self, num_batches: int, start: StreamPosition) -> StreamPosition:
        """Return where the batch after the first `num_batches` starts; `start` if none are open."""
        if self._stream is None or self._params.overfit_batches > 0:
            return start
        return self._stream.position_after(num_batches)

    def _repeated(self, batches: tf.data.Dataset, per_epoch: int, into_epoch: int) -> tf.data.Dataset:
        if self._params.overfit_batches <= 0:
            return batches
        self.few = batches.take(per_epoch).cache()
        return self.few.repeat().skip(into_epoch)

    def paused(self) -> AbstractContextManager[Any]:
        """Return a block in which no training samples are read, in no thread."""
        return contextlib.nullcontext() if self._stream is None else self._stream.paused()

    def _reason(
        self, data: "DataBase", stream: "BatchStream", error: tf.errors.OpError
    ) -> Optional[Exception]:
        validation = data.pipeline_by_mode(PipelineMode.EVALUATION)
        in_validation = None if validation is None else validation.stream_error
        return stream.error or in_validation or self._reason_of_xla(error)

    def _reason_of_xla(self, error: tf.errors.OpError) -> Optional[Exception]:
        """Return what to do about operations that XLA does not know; `None` if that is not the reason."""
        if not self._params.jit_compile or "XLA" not in str(error):
            return None
        lines = [line.strip() for line in str(error).splitlines() if "XLA" in line]
        return UsageError(
            f"XLA cannot compile the training step: {lines[0][:400]} Leave out `--trainer.jit_compile True`."
        )
