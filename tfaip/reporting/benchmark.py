"""Batches and samples per second."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional


@dataclass
class BenchmarkResults:
    """How many batches and samples were computed in which time (in seconds)."""

    n_batches: float = 0
    n_samples: float = 0
    total_time: float = 1e-10  # never 0, it is divided by
    avg_time_per_batch: float = 0
    avg_time_per_sample: float = 0
    batches_per_second: float = 0
    samples_per_second: float = 0

    def finish_batch(self, batch_size: float, batch_time: float) -> None:
        """Add one batch of `batch_size` samples that took `batch_time` seconds."""
        self.add(batches=1, samples=batch_size, seconds=batch_time)

    def finish_epoch(self, duration: float, samples: Optional[float] = None) -> None:
        """Replace the summed times of the batches by the `duration` of the whole pass in seconds.

        Args:
            duration: Seconds, with everything that happened between the batches.
            samples: Number of samples, if it is known better than from the batches.
        """
        self.total_time = duration
        if samples is not None:
            self.n_samples = samples
        self._average()

    def add(self, *, batches: float, samples: float, seconds: float) -> None:
        """Add several batches that were computed in one go."""
        self.n_batches += batches
        self.n_samples += samples
        self.total_time += seconds
        self._average()

    def summary(self) -> str:
        """Return the results as one line."""
        return (
            f"{self.n_batches:g} batches, {self.n_samples:g} samples in {self.total_time:.2f} s: "
            f"{1000 * self.avg_time_per_batch:.2f} ms per batch, {self.samples_per_second:.1f} samples/s"
        )

    def pretty_print(self, print_fn: Optional[Callable[[str], Any]] = print) -> str:
        """Return the results as a table, and print it unless `print_fn` is `None`."""
        rows = [
            ("", "Batch", "Sample"),
            ("Count", f"{self.n_batches:g}", f"{self.n_samples:g}"),
            (
                "Time per [ms]",
                f"{1000 * self.avg_time_per_batch:.3f}",
                f"{1000 * self.avg_time_per_sample:.3f}",
            ),
            ("Per second", f"{self.batches_per_second:.2f}", f"{self.samples_per_second:.2f}"),
            ("Total time [s]", f"{self.total_time:.3f}", ""),
        ]
        table = "\n".join(f"| {name:<14s} | {batch:>12s} | {sample:>12s} |" for name, batch, sample in rows)
        if print_fn is not None:
            print_fn(table)
        return table

    def _average(self) -> None:
        seconds = max(self.total_time, 1e-10)
        self.avg_time_per_batch = seconds / self.n_batches if self.n_batches else 0
        self.avg_time_per_sample = seconds / self.n_samples if self.n_samples else 0
        self.batches_per_second = self.n_batches / seconds
        self.samples_per_second = self.n_samples / seconds
