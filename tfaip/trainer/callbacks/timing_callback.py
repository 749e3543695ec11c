"""Log where the time of an epoch goes."""

import logging
from pathlib import Path
from typing import Any, Optional

import keras

from tfaip.model.step_timing import StepTiming
from tfaip.trainer.callbacks.tensor_board_callback import TRAIN, TensorBoardCallback
from tfaip.trainer.metrics_file import METRICS, append_metrics

logger = logging.getLogger(__name__)


class TimingCallback(keras.callbacks.Callback):
    """After each epoch: seconds of a step, how many of them waiting for data, and that as a share.

    Args:
        steps_per_epoch: Steps of an epoch.
        tensorboard: Where curves are drawn; `None`: only the log is written.
    """

    def __init__(self, steps_per_epoch: int, tensorboard: Optional[TensorBoardCallback] = None) -> None:
        super().__init__()
        self._steps_per_epoch = steps_per_epoch
        self._tensorboard = tensorboard

    def set_model(self, model: Any) -> None:
        """Let the model measure its steps."""
        super().set_model(model)
        if model.timing is None:
            model.timing = StepTiming()
            model.retrace_training()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start anew."""
        self.model.timing.start()  # type: ignore[union-attr]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log what was measured."""
        timing = self.model.timing.result()  # type: ignore[union-attr]
        steps = max(timing.steps, 1)
        values = {
            "seconds_per_step": timing.seconds / steps,
            "waiting_seconds_per_step": timing.waiting_seconds / steps,
            "data_wait_share": timing.data_wait_share,
        }
        logger.info(
            "Timing of epoch %4d: %.2f ms a step, of which %.2f ms (%.0f %%) waiting for data",
            epoch + 1,
            1000 * values["seconds_per_step"],
            1000 * values["waiting_seconds_per_step"],
            100 * values["data_wait_share"],
        )
        if self._tensorboard is not None:
            step = (epoch + 1) * self._steps_per_epoch
            self._tensorboard.write_step(TRAIN, values, step)
            path = Path(self._tensorboard.log_dir) / METRICS
            append_metrics(path, {"kind": "timing", "epoch": epoch + 1, "step": step, **values})
