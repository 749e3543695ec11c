"""How fast training and validation are."""

import logging
import time
from typing import Any, Optional

import keras

from tfaip.reporting.benchmark import BenchmarkResults as BenchmarkResults

logger = logging.getLogger(__name__)


class BenchmarkCallback(keras.callbacks.Callback):
    """Measures batches and samples per second; logs a line per epoch and a table at the end.

    TensorBoard shows both rates of each epoch.

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
        self._started = 0.0  # the epoch, as if it had been trained without a break
        self._test_started = 0.0
        self._batches = self._test_batches = 0
        self._before = (0, 0.0)  # batches and samples of the epoch that an earlier run has trained
        self._is_measured = False  # nothing was trained since the last validation

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
        self._before = (0, 0.0)
        self._batches = 0
        self._is_measured = False
        self._started = time.perf_counter()

    def on_epoch_resumed(self, epoch: int, done: int) -> None:
        """Note what others have done."""
        self._before = (done, self._samples("count"))
        self._batches = done

    def on_epoch_end(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Count what was trained, and log it."""
        self._measure_epoch()
        results = self.last_train_results
        self._all_epochs.add(batches=results.n_batches, samples=results.n_samples, seconds=results.total_time)
        self.extracted_logs_cb.extracted_logs["steps_per_second"] = results.batches_per_second
        self.extracted_logs_cb.extracted_logs["samples_per_second"] = results.samples_per_second
        logger.info("Speed of training: %s", results.summary())

    def on_train_batch_begin(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Do nothing; an epoch is timed as a whole."""

    def on_train_batch_end(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Count the batches up to number `batch`."""
        self._batches = batch + 1
        self._is_measured = False

    def on_test_begin(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Stop the clock of the epoch, start that of the validation."""
        self._measure_epoch()
        self._test_started = time.perf_counter()
        self._test_batches = 0

    def on_test_end(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Count what was validated; it is not counted for the epoch."""
        seconds = time.perf_counter() - self._test_started
        self._started += seconds
        samples = self._samples("val_count")
        self.last_test_results = _results(batches=self._test_batches, samples=samples, seconds=seconds)
        logger.debug("Speed of validation: %s", self.last_test_results.summary())

    def on_test_batch_begin(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Do nothing; a validation is timed as a whole."""

    def on_test_batch_end(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Count the batches up to number `batch`."""
        self._test_batches = batch + 1

    def _measure_epoch(self) -> None:
        """Take the results of the epoch, at its validation, which counts samples anew, or else at its end."""
        if self._is_measured:
            return
        self._is_measured = True
        batches, samples = self._before
        self.last_train_results = _results(
            batches=self._batches - batches,
            samples=self._samples("count") - samples,
            seconds=time.perf_counter() - self._started,
        )

    def _samples(self, count: str) -> float:
        extracted = self.extracted_logs_cb.extracted_logs.get(count, 0)
        return float(getattr(self.model, "sample_count", extracted))


def _results(*, batches: int, samples: float, seconds: float) -> BenchmarkResults:
    results = BenchmarkResults()
    results.add(batches=batches, samples=samples, seconds=seconds)
    return results
