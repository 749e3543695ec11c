"""How fast a pipeline delivers batches."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tfaip.reporting.child_processes import ChildProcess, child_processes
from tfaip.reporting.input_costs import num_samples


@dataclass(frozen=True)
class InputSpeed:
    """What a pipeline delivered in some time, from the second batch on.

    Fields: `first_seconds` is how long the first batch took; `workers` are the processes that ran at the end.
    """

    num_batches: int
    num_samples: int
    seconds: float
    first_seconds: float
    workers: tuple[ChildProcess, ...] = ()

    @property
    def samples_per_second(self) -> float:
        """The rate of samples."""
        return self.num_samples / self.seconds if self.seconds > 0 else 0.0

    @property
    def batches_per_second(self) -> float:
        """The rate of batches."""
        return self.num_batches / self.seconds if self.seconds > 0 else 0.0


def measure_speed(
    batches: Iterable[Any],
    *,
    time_limit: float,
    watch: Callable[[InputSpeed], None] = lambda _: None,
) -> InputSpeed:
    """Read batches until the time is over, the batches are, or Ctrl-C is pressed.

    Args:
        batches: Tuples of dicts of arrays.
        time_limit: Seconds from the start on; below 0 there is no limit.
        watch: Called with what was measured so far, after each batch.
    """
    started = time.perf_counter()
    before = {child.pid for child in child_processes()}
    first: float | None = None
    speed = InputSpeed(0, 0, 0.0, 0.0)
    try:
        for batch in batches:
            now = time.perf_counter()
            if first is None:
                first = now - started
                speed = InputSpeed(0, 0, 0.0, first)
            else:
                speed = InputSpeed(
                    speed.num_batches + 1,
                    speed.num_samples + num_samples(batch),
                    now - started - first,
                    first,
                )
            watch(speed)
            if 0 <= time_limit <= now - started:
                break
    except KeyboardInterrupt:
        pass
    workers = tuple(child for child in child_processes() if child.pid not in before)
    return InputSpeed(speed.num_batches, speed.num_samples, speed.seconds, speed.first_seconds, workers)
