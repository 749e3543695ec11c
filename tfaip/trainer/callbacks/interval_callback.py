"""Log within an epoch, every n steps."""

import logging
import time
from pathlib import Path
from typing import Any, Dict, Optional

import keras
import numpy as np

from tfaip.model.fit_loop import to_numbers
from tfaip.trainer.callbacks.logger_callback import format_logs
from tfaip.trainer.callbacks.tensor_board_callback import TRAIN, VALIDATION, TensorBoardCallback
from tfaip.trainer.metrics_file import METRICS, append_metrics
from tfaip.trainer.optimizer.rates import current_rates, policy_values

logger = logging.getLogger(__name__)

Logs = Optional[Dict[str, Any]]


class IntervalCallback(keras.callbacks.Callback):
    """Every n steps of the training: log its means over the epoch so far, and a validation batch beside.

    The batch is always the same. It is left out at the end of an epoch, where the whole validation follows.

    Args:
        every_n: Steps between two lines, counted from the start of the whole training.
        steps_per_epoch: Steps of an epoch.
        validation_batch: What is evaluated beside; `None` for nothing.
        tensorboard: Where curves are drawn; `None` for nowhere.
    """

    def __init__(
        self,
        every_n: int,
        steps_per_epoch: int,
        *,
        validation_batch: Any = None,
        tensorboard: Optional[TensorBoardCallback] = None,
    ) -> None:
        super().__init__()
        self._every_n = every_n
        self._steps_per_epoch = steps_per_epoch
        self._validation_batch = validation_batch
        self._tensorboard = tensorboard
        self._epoch = 0
        self._last = (0, 0.0)  # step and time of the line before

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Note the epoch; the validation before it does not count for the speed."""
        self._epoch = epoch
        self._last = (epoch * self._steps_per_epoch, time.perf_counter())

    def on_epoch_resumed(self, epoch: int, done: int) -> None:
        """Note how many steps others have done."""
        self._last = (epoch * self._steps_per_epoch + done, time.perf_counter())

    def steps_until_due(self, done: int) -> int:
        """Return after how many more steps of the epoch there is something to log."""
        return self._every_n - (self._epoch * self._steps_per_epoch + done) % self._every_n

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Log, if it is time."""
        step = self._epoch * self._steps_per_epoch + batch + 1
        if step % self._every_n == 0:
            self._log(step, _numbers(logs or {}), is_epoch_end=batch + 1 == self._steps_per_epoch)

    def _log(self, step: int, train: Dict[str, Any], *, is_epoch_end: bool) -> None:
        now = time.perf_counter()
        speed = {"steps_per_second": (step - self._last[0]) / max(now - self._last[1], 1e-9)}
        validation: Dict[str, Any] = {}
        if self._validation_batch is not None and not is_epoch_end:
            validation = _numbers(self.model.evaluate_alone(self._validation_batch))  # type: ignore[union-attr]
        metrics = {**train, **{f"val_{name}": value for name, value in validation.items()}}
        rates = {**current_rates(self.model), **policy_values(self.model)}
        logger.info("Results of step %6d %s", step, format_logs({**metrics, **speed}))
        if self._tensorboard is not None:
            self._tensorboard.write_step(TRAIN, {**train, **rates, **speed}, step)
            self._tensorboard.write_step(VALIDATION, validation, step)
            append_metrics(
                Path(self._tensorboard.log_dir) / METRICS,
                {
                    "kind": "steps",
                    "epoch": self._epoch + 1,
                    "step": step,
                    "time": time.time(),
                    "rates": rates,
                    **speed,
                    "metrics": metrics,
                },
            )
        self._last = (step, time.perf_counter())


def _numbers(logs: Dict[str, Any]) -> Dict[str, Any]:
    """Return what is a number; summaries are drawn once an epoch."""
    return {name: value for name, value in to_numbers(logs).items() if np.asarray(value).dtype.kind in "fiub"}
