"""How fast a training is, with its input pipeline and without."""

import contextlib
import time
from typing import Any, Optional

import keras

from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.reporting.input_report import TrainingSpeed
from tfaip.trainer.trainer import Trainer

_NUM_BATCHES = 8  # kept in memory, to be trained on again and again
_STEPS = 1_000_000_000  # the clock ends the epoch


def measure_training_speed(trainer: Trainer, *, seconds: float) -> TrainingSpeed:
    """Train for a while, then again on batches that are ready; the weights are of no use afterwards.

    Args:
        trainer: A new trainer; its params are changed so that it neither validates nor writes.
        seconds: How long each of both takes, beside the start.
    """
    params = trainer.params
    params.output_dir, params.export_best, params.export_final = None, False, False
    params.val_every_n = params.lav_every_n = params.progress_bar_mode = 0
    params.epochs = params.current_epoch + 1
    params.samples_per_epoch, params.scale_epoch_size = -1, _STEPS
    with_pipeline = _Clock(seconds)
    with_pipeline.run(lambda: trainer.train(callbacks=[with_pipeline]))

    pipeline: Any = trainer.data.pipeline_by_mode(PipelineMode.TRAINING)
    alone = _Clock(seconds)
    stream = pipeline.batch_stream(auto_repeat=True)
    with stream:
        ready = pipeline.dataset_of_stream(stream).take(_NUM_BATCHES).cache().repeat()
        alone.run(
            lambda: trainer.scenario.fit(
                epochs=1,
                callbacks=[alone],
                steps_per_epoch=_STEPS,
                validation_freq=0,
                batches=ready,
                steps_per_execution=params.steps_per_execution,
            )
        )
    return TrainingSpeed(with_pipeline.samples_per_second, alone.samples_per_second)


class _TimeIsUpError(Exception):
    """Ends a training."""


class _Clock(keras.callbacks.Callback):
    """Counts samples from the end of the first call into TensorFlow on, and ends the training.

    Fields: `samples_per_second` is the rate so far.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.samples_per_second = 0.0
        self._seconds = seconds
        self._started: Optional[float] = None
        self._samples_before = 0

    def run(self, train: Any) -> None:
        """Call `train`, until the time is up."""
        with contextlib.suppress(_TimeIsUpError):
            train()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Take the time."""
        model: Any = self.model
        now, number = time.perf_counter(), model.sample_count
        if self._started is None:
            self._started, self._samples_before = now, number
            return
        self.samples_per_second = (number - self._samples_before) / (now - self._started)
        if now - self._started > self._seconds:
            raise _TimeIsUpError
