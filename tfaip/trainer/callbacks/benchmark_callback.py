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
    model (`sample_count`), from which they are read once a phase.

    Args:
        extracted_logs_cb: The `ExtractLogsCallback` of the same training; asked for the count of samples if
            the model does not keep one.

    Attributes:
        last_train_results: Results of the last epoch.
        last_test_results: Results of the last validation.
    """

    def __init__(self, extracted_logs_cb: Any) -> None:
        super().__init__()
        self.extracted_logs_cb = extracted_logs_cb
        self.last_train_results = BenchmarkResults()
        self.last_test_results = BenchmarkResults()
        self._all_epochs = BenchmarkResults()
        self._started = 0.0
        self._batches = 0
        self._is_training = False

    def print(self) -> None:
        """Log the table of all epochs of the training."""
        for line in self._all_epochs.pretty_print(None).splitlines():
            logger.info("%s", line)

    def on_train_begin(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Start with nothing."""
        self._all_epochs = BenchmarkResults()

    def on_train_end(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Log the table."""
        self.print()

    def on_epoch_begin(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Start the clock."""
        self._is_training = True
        self._start()

    def on_epoch_end(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Count what was trained, and log it."""
        self._finish_epoch()
        logger.info("Speed of training: %s", self.last_train_results.summary())

    def on_train_batch_begin(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Do nothing; an epoch is timed as a whole."""

    def on_train_batch_end(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Count the batches up to number `batch`."""
        self._batches = batch + 1

    def on_test_begin(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Stop the clock of the epoch, start that of the validation."""
        self._finish_epoch()
        self._start()

    def on_test_end(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Count what was validated."""
        self.last_test_results = self._results("val_count")
        logger.debug("Speed of validation: %s", self.last_test_results.summary())

    def on_test_batch_begin(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Do nothing; a validation is timed as a whole."""

    def on_test_batch_end(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Count the batches up to number `batch`."""
        self._batches = batch + 1

    def _start(self) -> None:
        self._batches = 0
        self._started = time.perf_counter()

    def _finish_epoch(self) -> None:
        """Take the results of the epoch, at its validation or else at its end."""
        if not self._is_training:
            return
        self._is_training = False
        self.last_train_results = results = self._results("count")
        self._all_epochs.add(batches=results.n_batches, samples=results.n_samples, seconds=results.total_time)

    def _results(self, count: str) -> BenchmarkResults:
        results = BenchmarkResults()
        seconds = time.perf_counter() - self._started
        results.add(batches=self._batches, samples=self._samples(count), seconds=seconds)
        return results

    def _samples(self, count: str) -> float:
        extracted = self.extracted_logs_cb.extracted_logs.get(count, 0)
        return float(getattr(self.model, "sample_count", extracted))
