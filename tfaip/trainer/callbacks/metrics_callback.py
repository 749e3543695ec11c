"""Write what is logged to `metrics.jsonl`, by epoch and by interval of steps."""

import time
from pathlib import Path
from typing import Any, Dict, Optional

import keras

from tfaip.trainer.epoch_start import epoch_start
from tfaip.trainer.metrics_file import METRICS, append_metrics, start_metrics

Logs = Optional[Dict[str, Any]]


class MetricsCallback(keras.callbacks.Callback):
    """One line after each epoch, before its checkpoint is written.

    So a resumed training finds all lines up to its checkpoint, and removes later ones.

    Args:
        log_dir: The folder of the file.
        steps_per_epoch: Steps of an epoch.
        steps_done: Steps that are done, those of all epochs.
    """

    def __init__(self, log_dir: str, steps_per_epoch: int, *, steps_done: int = 0) -> None:
        super().__init__()
        self._path = Path(log_dir) / METRICS
        self._steps_per_epoch = steps_per_epoch
        self._steps_done = steps_done
        self._rates: Dict[str, float] = {}
        self._started = 0.0

    def on_train_begin(self, logs: Logs = None) -> None:
        """Continue the file, or start it."""
        start_metrics(self._path, steps_done=self._steps_done)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Note the rates with which the epoch starts."""
        self._started = time.perf_counter()
        self._rates = epoch_start(self.model, epoch).values

    def on_step_validation(self, epoch: int, done: int, logs: Dict[str, Any]) -> None:
        """Write a line for a validation within an epoch."""
        self._steps_done = epoch * self._steps_per_epoch + done
        append_metrics(
            self._path,
            {
                "kind": "validation",
                "epoch": epoch + 1,
                "step": self._steps_done,
                "time": time.time(),
                "metrics": logs,
            },
        )

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write the line."""
        seconds = time.perf_counter() - self._started
        self._steps_done = (epoch + 1) * self._steps_per_epoch
        append_metrics(
            self._path,
            {
                "kind": "epoch",
                "epoch": epoch + 1,
                "step": (epoch + 1) * self._steps_per_epoch,
                "time": time.time(),
                "seconds": round(seconds, 4),
                "rates": self._rates,
                "gradient_norm": self.model.guard.mean_gradient_norm,  # type: ignore[union-attr]
                "metrics": logs or {},
            },
        )
