"""How fast training and validation are."""

import logging
import time
from typing import Any, Optional

import keras

from tfaip.reporting.benchmark import BenchmarkResults as BenchmarkResults

logger = logging.getLogger(__name__)


class BenchmarkCallback(keras.callbacks.Callback):
    """Measures batches and samples per second; logs a line per epoch and a table at the end.

    Batches are counted by their numbers, since one event may stand for many steps. Samples are counted by the
    model's `count`, which `ExtractLogsCallback` takes out of the logs; it must be called before this one.

    Args:
        extracted_logs_cb: The `ExtractLogsCallback` of the same training.

    Attributes:
        last_train_results: Results of the last epoch, or of the epoch that runs.
        last_test_results: Results of the last validation, or of the one that runs.
    """

    def __init__(self, extracted_logs_cb: Any) -> None:
        super().__init__()
        self.extracted_logs_cb = extracted_logs_cb
        self.last_train_results = BenchmarkResults()
        self.last_test_results = BenchmarkResults()
        self._all_train_results = BenchmarkResults()
        self._epoch_started = 0.0
        self._epoch_seconds: Optional[float] = None
        self._test_started = 0.0
        self._batches = 0
        self._test_batches = 0

    def print(self) -> None:
        """Log the table of all epochs of the training."""
        for line in self._all_train_results.pretty_print(None).splitlines():
            logger.info("%s", line)

    def on_train_begin(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Start with nothing."""
        self._all_train_results = BenchmarkResults()

    def on_train_end(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Log the table."""
        self.print()

    def on_epoch_begin(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Start the clock."""
        self._batches = 0
        self._epoch_seconds = None
        self._epoch_started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Count what was trained in the epoch, and log it."""
        seconds = self._epoch_seconds or self._seconds_of_epoch()
        self.last_train_results = BenchmarkResults()
        self.last_train_results.add(
            batches=self._batches, samples=self._samples("count"), seconds=seconds
        )
        self._all_train_results.add(
            batches=self._batches, samples=self._samples("count"), seconds=seconds
        )
        logger.info("Speed of training: %s", self.last_train_results.summary())

    def on_train_batch_begin(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Do nothing; an epoch is timed as a whole."""

    def on_train_batch_end(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Count the batches up to number `batch`."""
        self._batches = batch + 1

    def on_test_begin(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Stop the clock of the epoch, start that of the validation."""
        self._epoch_seconds = self._seconds_of_epoch()
        self._test_batches = 0
        self._test_started = time.perf_counter()

    def on_test_end(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Count what was validated, and log it."""
        self.last_test_results = BenchmarkResults()
        self.last_test_results.add(
            batches=self._test_batches,
            samples=self._samples("val_count"),
            seconds=time.perf_counter() - self._test_started,
        )
        logger.info("Speed of validation: %s", self.last_test_results.summary())

    def on_test_batch_begin(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Do nothing; a validation is timed as a whole."""

    def on_test_batch_end(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Count the batches up to number `batch`."""
        self._test_batches = batch + 1

    def _seconds_of_epoch(self) -> float:
        return time.perf_counter() - self._epoch_started

    def _samples(self, name: str) -> float:
        return float(self.extracted_logs_cb.extracted_logs.get(name, 0))
