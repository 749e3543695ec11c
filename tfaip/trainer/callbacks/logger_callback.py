"""One readable line per epoch in the log."""

import logging
from typing import Any, Dict, Optional

import keras
import numpy as np

from tfaip.trainer.epoch_start import epoch_start

logger = logging.getLogger(__name__)


class LoggerCallback(keras.callbacks.Callback):
    """Log the start and the results of each epoch.

    Attributes:
        last_logs: The logs of the last epoch; `{}` before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.last_logs: Dict[str, Any] = {}

    def on_epoch_begin(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Log that an epoch starts, and its learning rate (of further optimizers `lr/<name>`)."""
        logger.info("Start of epoch %4d", epoch + 1)
        rates = epoch_start(self.model, epoch).rates.items()
        text = ", ".join(f"{name} {rate:.6g}" for name, rate in rates)
        logger.info("Learning rate of epoch %4d: %s", epoch + 1, text)

    def on_epoch_resumed(self, epoch: int, done: int) -> None:
        """Log where in the epoch the training goes on."""
        logger.info("Going on in epoch %4d after step %d", epoch + 1, done)

    def on_step_validation(self, epoch: int, done: int, logs: Dict[str, Any]) -> None:
        """Log all values: the means so far, and those of the validation."""
        self.last_logs = dict(logs)
        logger.info("Results of epoch %4d, step %d %s", epoch + 1, done, format_logs(self.last_logs))

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Log all values of the epoch by name, arrays by their mean."""
        self.last_logs = dict(logs or {})
        logger.info("Results of epoch %4d %s", epoch + 1, format_logs(self.last_logs))


def format_logs(logs: Dict[str, Any]) -> str:
    """Return `name: value - name: value ...` with names in order and four decimals."""
    return " - ".join(f"{name}: {np.mean(logs[name]):.4f}" for name in sorted(logs))
