"""Write what is logged to `metrics.jsonl`, by epoch and by interval of steps."""

import time
from pathlib import Path
from typing import Any, Dict, Optional

import keras

from tfaip.trainer.metrics_file import METRICS, append_metrics, start_metrics
from tfaip.trainer.optimizer.rates import current_rates, policy_values

Logs = Optional[Dict[str, Any]]


class MetricsCallback(keras.callbacks.Callback):
    """One line after each epoch, before its checkpoint is written.

    So a resumed training finds all lines up to its checkpoint, and removes later ones.

    Args:
        log_dir: The folder of the file.
        steps_per_epoch: Steps of an epoch.
        epochs_done: Epochs that are done.
    """

    def __init__(self, log_dir: str, steps_per_epoch: int, *, epochs_done: int = 0) -> None:
        super().__init__()
        self._path = Path(log_dir) / METRICS
        self._steps_per_epoch = steps_per_epoch
        self._epochs_done = epochs_done
        self._rates: Dict[str, float] = {}
        self._started = 0.0

    def on_train_begin(self, logs: Logs = None) -> None:
        """Continue the file, or start it."""
        start_metrics(self._path, steps_done=self._epochs_done * self._steps_per_epoch)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Note the rates with which the epoch starts."""
        self._started = time.perf_counter()
        self._rates = {**current_rates(self.model), **policy_values(self.model)}

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write the line."""
        seconds = time.perf_counter() - self._started
        self._epochs_done = epoch + 1
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
