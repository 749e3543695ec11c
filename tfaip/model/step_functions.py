"""Many steps in one call into TensorFlow, without a change in what the steps compute."""

import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

_SECONDS_PER_CALL = 0.1  # short enough for a progress bar and Ctrl-C, 30 times a small step
_GROWTH = 4  # the first calls trace and warm up; they must not set the size for good

Step = Callable[[Any], Any]
Results = Callable[[], dict[str, Any]]


class CallSize:
    """How many steps the next call runs: a fixed number, or as many as fit into a tenth of a second."""

    def __init__(self, fixed: int = 0):
        self._fixed = fixed
        self._steps = fixed or 1
        self._started = 0.0

    def next(self, remaining: int) -> int:
        """Return the number of steps of the call that starts now, at most `remaining`."""
        self._started = time.perf_counter()
        return min(self._steps, remaining)

    def done(self, steps: int) -> None:
        """Take note that the call has ended after `steps` steps."""
        if self._fixed:
            return
        seconds = max(time.perf_counter() - self._started, 1e-6) / max(steps, 1)
        self._steps = max(1, min(int(_SECONDS_PER_CALL / seconds), self._steps * _GROWTH))


def train_steps_function(
    step: Step, results: Results | None, *, eager: bool, jit_compile: bool
) -> Callable[[Any, int], dict[str, Any]]:
    """Return `run(iterator, n)`: take n batches, run `step` on each, return the logs.

    The logs are `results()` after the last step, or what the last `step` returned if `results` is `None`.
    """
    if eager:
        return lambda iterator, n: _eager_steps(step, results, iterator, n)[1]
    one_step = tf.function(step, reduce_retracing=True, jit_compile=jit_compile, autograph=False)

    @tf.function(reduce_retracing=True, autograph=False)
    def run(iterator: Any, n: tf.Tensor) -> dict[str, Any]:
        logs = one_step(iterator.get_next())

        def body(i: tf.Tensor, previous: Any) -> tuple[tf.Tensor, Any]:
            del previous
            return i + 1, one_step(iterator.get_next())

        _, logs = tf.while_loop(lambda i, _: i < n, body, [tf.constant(1), logs])
        return logs if results is None else results()

    return lambda iterator, n: run(iterator, tf.constant(n))


def test_steps_function(
    step: Step, results: Results, *, eager: bool, jit_compile: bool
) -> Callable[[Any, int], tuple[int, dict[str, Any]]]:
    """Return `run(iterator, n)`: like training, but it ends with the data; returns (steps done, logs)."""
    if eager:
        return lambda iterator, n: _eager_steps(step, results, iterator, n)
    one_step = tf.function(step, reduce_retracing=True, jit_compile=jit_compile, autograph=False)

    @tf.function(reduce_retracing=True, autograph=False)
    def run(iterator: Any, n: tf.Tensor) -> tuple[tf.Tensor, dict[str, Any]]:
        def is_left(i: tf.Tensor, batch: Any) -> tf.Tensor:
            return tf.logical_and(i < n, batch.has_value())

        def body(i: tf.Tensor, batch: Any) -> tuple[tf.Tensor, Any]:
            one_step(batch.get_value())
            following = tf.cond(i + 1 < n, iterator.get_next_as_optional, lambda: batch)
            return i + 1, following

        start = [tf.constant(0), iterator.get_next_as_optional()]
        done, _ = tf.while_loop(is_left, body, start)
        return done, results()

    def run_and_count(iterator: Any, n: int) -> tuple[int, dict[str, Any]]:
        done, logs = run(iterator, tf.constant(n))
        return int(done), logs

    return run_and_count


def _eager_steps(step: Step, results: Results | None, iterator: Any, n: int) -> tuple[int, dict[str, Any]]:
    done, logs = 0, {}
    for done, batch in enumerate(_take(iterator, n), start=1):  # noqa: B007 - the count is returned
        logs = step(batch)
    return done, (results() if results is not None else logs)


def _take(iterator: Any, n: int) -> Any:
    for _ in range(n):
        try:
            yield next(iterator)
        except StopIteration:
            return
