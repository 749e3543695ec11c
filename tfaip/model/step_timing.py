"""Where the time of training steps goes: into waiting for data, or into computing."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Timing:
    """Seconds of some steps.

    Fields: `waiting_seconds` is the part of `seconds` in which the next batch was not there yet.
    """

    steps: int
    seconds: float
    waiting_seconds: float

    @property
    def data_wait_share(self) -> float:
        """The part of the time in which the training waited for data, from 0 to 1."""
        return self.waiting_seconds / self.seconds if self.seconds > 0 else 0.0


class StepTiming:
    """Measures steps, inside the compiled calls too; it changes no result."""

    def __init__(self) -> None:
        self._waiting = tf.Variable(tf.zeros([], tf.float64), trainable=False, name="seconds_of_waiting")
        self._steps = 0
        self._seconds = 0.0

    def start(self) -> None:
        """Start anew."""
        self._waiting.assign(0.0)
        self._steps, self._seconds = 0, 0.0

    def fetch(self, next_batch: Callable[[], Any]) -> Any:
        """Return what `next_batch` returns, and count the time until it is there; in a graph, too."""
        before = tf.timestamp()
        with tf.control_dependencies([before]):
            batch = next_batch()
        with tf.control_dependencies([x for x in tf.nest.flatten(batch) if tf.is_tensor(x)]):
            self._waiting.assign_add(tf.timestamp() - before)
        return batch

    def call(self, run: Callable[[], Any], number_of: Callable[[Any], int]) -> Any:
        """Return what `run` returns, and count its time and its steps."""
        before = time.perf_counter()
        result = run()
        self._seconds += time.perf_counter() - before
        self._steps += number_of(result)
        return result

    def result(self) -> Timing:
        """Return what was measured since the start."""
        return Timing(self._steps, self._seconds, float(self._waiting.numpy()))
