"""Many steps in one call into TensorFlow, without a change in what the steps compute."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfaip.model.step_timing import StepTiming

_SECONDS_PER_CALL = 0.1  # short enough for a progress bar and Ctrl-C, 30 times a small step
_GROWTH = 4  # the first calls trace and warm up; they must not set the size for good

Step = Callable[[Any], Any]
Logs = dict[str, Any]
Results = Callable[[], Logs]


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


@dataclass(frozen=True)
class TrainedSteps:
    """What became of some training steps.

    Fields: `may_go_on` is false if the last step, and only that one, must end the training; `meta` is the
    part of that name of its batch; `logs` are the metrics after it.
    """

    done: int
    may_go_on: bool
    meta: Any
    logs: Logs


def train_steps_function(
    step: Step,
    results: Results | None,
    may_go_on: Callable[[], tf.Tensor],
    *,
    eager: bool,
    jit_compile: bool,
    timing: StepTiming | None = None,
) -> Callable[[Any, int], TrainedSteps]:
    """Return `run(iterator, n)`: take n batches and run `step` on each, as long as the training may go on.

    Args:
        step: Trains on a batch.
        results: Returns the logs after the last step; `None`: they are what the last `step` returned.
        may_go_on: Returns a boolean scalar: whether there may be a step after the last one.
        eager: Run line by line.
        jit_compile: Compile `step` with XLA. It does not know text, so the meta data of a batch are empty.
        timing: Measures, if there is one.
    """
    fetch = _plainly if timing is None else timing.fetch
    if eager:
        return _timed(
            timing, lambda iterator, n: _eager_train_steps(step, results, may_go_on, iterator, n, fetch)
        )
    one_step = _compiled(step, jit_compile=jit_compile)

    @tf.function(reduce_retracing=True, autograph=False)
    def run(iterator: Any, n: tf.Tensor) -> tuple[Any, ...]:
        def train() -> tuple[Any, ...]:
            batch = fetch(iterator.get_next)
            logs = one_step(batch)
            return may_go_on(), batch[2], logs

        def is_left(i: tf.Tensor, goes_on: tf.Tensor, *_: Any) -> tf.Tensor:
            return tf.logical_and(i < n, goes_on)

        def body(i: tf.Tensor, *_: Any) -> tuple[Any, ...]:
            return i + 1, *train()

        first = (tf.constant(1), *train())
        shapes = _with_free_batch_axis(first, iterator.element_spec[2])
        done, goes_on, meta, logs = tf.while_loop(is_left, body, first, shape_invariants=shapes)
        return done, goes_on, meta, logs if results is None else results()

    def run_and_look(iterator: Any, n: int) -> TrainedSteps:
        done, goes_on, meta, logs = run(iterator, tf.constant(n))
        return TrainedSteps(int(done), bool(goes_on), meta, logs)

    return _timed(timing, run_and_look)


def _timed(
    timing: StepTiming | None, run: Callable[[Any, int], TrainedSteps]
) -> Callable[[Any, int], TrainedSteps]:
    if timing is None:
        return run
    return lambda iterator, n: timing.call(lambda: run(iterator, n), lambda trained: trained.done)


def _plainly(next_batch: Callable[[], Any]) -> Any:
    return next_batch()


def test_steps_function(
    step: Step, results: Results, *, eager: bool, jit_compile: bool
) -> Callable[[Any, int], tuple[int, Logs]]:
    """Return `run(iterator, n)`: like training, but it ends with the data; returns (steps done, logs)."""
    if eager:
        return lambda iterator, n: _eager_steps(step, results, iterator, n)
    one_step = _compiled(step, jit_compile=jit_compile)

    @tf.function(reduce_retracing=True, autograph=False)
    def run(iterator: Any, n: tf.Tensor) -> tuple[tf.Tensor, Logs]:
        def is_left(i: tf.Tensor, batch: Any) -> tf.Tensor:
            return tf.logical_and(i < n, batch.has_value())

        def body(i: tf.Tensor, batch: Any) -> tuple[tf.Tensor, Any]:
            one_step(batch.get_value())
            following = tf.cond(i + 1 < n, iterator.get_next_as_optional, lambda: batch)
            return i + 1, following

        start = [tf.constant(0), iterator.get_next_as_optional()]
        done, _ = tf.while_loop(is_left, body, start)
        return done, results()

    def run_and_count(iterator: Any, n: int) -> tuple[int, Logs]:
        done, logs = run(iterator, tf.constant(n))
        return int(done), logs

    return run_and_count


def _compiled(step: Step, *, jit_compile: bool) -> Step:
    compiled = tf.function(step, reduce_retracing=True, jit_compile=jit_compile, autograph=False)
    return (lambda batch: compiled((*batch[:2], {}))) if jit_compile else compiled


def _with_free_batch_axis(loop_variables: tuple[Any, ...], meta_specs: Any) -> tuple[Any, ...]:
    """Return the shapes of `(count, flag, meta, logs)` that hold for batches of any size."""
    count, flag, _, logs = tf.nest.map_structure(lambda x: x.shape, loop_variables)
    return count, flag, tf.nest.map_structure(lambda spec: spec.shape, meta_specs), logs


def _eager_train_steps(
    step: Step,
    results: Results | None,
    may_go_on: Callable[[], tf.Tensor],
    iterator: Any,
    n: int,
    fetch: Callable[[Callable[[], Any]], Any],
) -> TrainedSteps:
    done, goes_on, batch, logs = 0, True, ({}, {}, {}), {}
    for done, batch in enumerate(_take(iterator, n, fetch), start=1):  # noqa: B007 - it is returned
        logs = step(batch)
        goes_on = bool(may_go_on())
        if not goes_on:
            break
    return TrainedSteps(done, goes_on, batch[2], results() if results is not None else logs)


def _eager_steps(step: Step, results: Results | None, iterator: Any, n: int) -> tuple[int, Logs]:
    done, logs = 0, {}
    for done, batch in enumerate(_take(iterator, n), start=1):  # noqa: B007 - the count is returned
        logs = step(batch)
    return done, (results() if results is not None else logs)


def _take(iterator: Any, n: int, fetch: Callable[[Callable[[], Any]], Any] = _plainly) -> Any:
    for _ in range(n):
        try:
            yield fetch(iterator.__next__)
        except StopIteration:
            return
