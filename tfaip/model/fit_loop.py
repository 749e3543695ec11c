"""The loop over epochs, steps and validations, and the callbacks it calls."""

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from tfaip.errors import EarlyStopping, NonFiniteError
from tfaip.model.step_functions import CallSize
from tfaip.model.step_guard import name_samples

if TYPE_CHECKING:
    from tfaip.model.training_model import TrainingModel

Logs = dict[str, Any]

logger = logging.getLogger(__name__)


class Callbacks:
    """Keras callbacks in order; all of one event share one dict of logs, which they may change.

    What a callback adds or removes is seen by the later ones, by `on_train_end`, and in the returned logs.
    Each may raise `EarlyStopping`. Beyond those of Keras there are, if a callback has them,
    `on_exception(error)`, and `steps_until_due(done)`: after how many more steps of the epoch
    `on_train_batch_end` must come.

    Attributes:
        is_stopping: Whether the training ends after this epoch.
    """

    def __init__(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        model: "TrainingModel",
        params: dict[str, Any],
    ):
        self.is_stopping = False
        self._callbacks: list[Any] = list(callbacks)
        for callback in self._callbacks:
            callback.set_model(model)
            callback.set_params(params)

    def __iter__(self) -> Any:
        return iter(self._callbacks)

    def call(self, event: str, *args: Any) -> None:
        """Call the method named `event` of each callback."""
        for callback in self._callbacks:
            try:
                getattr(callback, event)(*args)
            except EarlyStopping as reason:
                who = getattr(callback, "title", type(callback).__name__)
                logger.info("Training stops early: %s: %s", who, reason)
                self.is_stopping = True

    def steps_until_due(self, done: int, remaining: int) -> int:
        """Return how many of the `remaining` steps may run before a callback wants to see the progress."""
        due = [c.steps_until_due(done) for c in self._callbacks if hasattr(c, "steps_until_due")]
        return min([remaining, *(max(1, steps) for steps in due)])

    @contextlib.contextmanager
    def told_of_errors(self) -> Iterator[None]:
        """Tell the callbacks of an error that leaves the block."""
        try:
            yield
        except BaseException as error:
            for callback in self._callbacks:
                if hasattr(callback, "on_exception"):
                    callback.on_exception(error)
            raise


def fit(
    model: "TrainingModel",
    batches: Iterable[Any],
    *,
    epochs: int,
    steps_per_epoch: int,
    callbacks: Sequence[keras.callbacks.Callback],
    initial_epoch: int = 0,
    validation: Iterable[Any] | None = None,
    validation_freq: int = 1,
    steps_per_execution: int = 0,
) -> Logs:
    """Train from `initial_epoch` up to `epochs` and return the logs of the last epoch (`{}` if none ran).

    Args:
        model: What is trained.
        batches: An endless dataset; it is read without a break over all epochs.
        epochs: Epoch to end with, counted from the start of the whole training.
        steps_per_epoch: Batches an epoch.
        callbacks: Called in this order.
        initial_epoch: Epochs that are already done.
        validation: A dataset with an end, read anew for each validation.
        validation_freq: Validate after every n-th epoch; 0 never.
        steps_per_execution: Steps in one call into TensorFlow, 0 for an automatic number. The progress of
            `on_train_batch_*` has this grain; results do not depend on it.
    """
    params = {"epochs": epochs, "steps": steps_per_epoch, "verbose": 0}
    chain = Callbacks(callbacks, model, params)
    # Steps that run line by line gain nothing together; a debugger and Ctrl-C want them one by one.
    size = CallSize(1 if model.run_eagerly else steps_per_execution)
    logs: Logs = {}
    model.stop_training = False
    chain.call("on_train_begin", {})
    iterator = iter(batches)
    with chain.told_of_errors():
        for epoch in range(initial_epoch, epochs):
            chain.call("on_epoch_begin", epoch, {})
            if chain.is_stopping:
                break
            logs = _train_epoch(model, iterator, epoch, steps_per_epoch, size, chain)
            if validation is not None and validation_freq > 0 and (epoch + 1) % validation_freq == 0:
                val_logs = evaluate(model, validation, chain, steps_per_execution)
                logs.update({f"val_{name}": value for name, value in val_logs.items()})
            model.stop_training = model.stop_training or chain.is_stopping  # known at the end of the epoch
            chain.call("on_epoch_end", epoch, logs)
            if model.stop_training or chain.is_stopping:
                break
    chain.call("on_train_end", logs)
    return logs


def _train_epoch(
    model: "TrainingModel", iterator: Any, epoch: int, steps: int, size: CallSize, chain: Callbacks
) -> Logs:
    model.reset_metrics()
    model.guard.start_epoch()
    logs: Logs = {}
    done = 0
    while done < steps and not model.stop_training:
        n = size.next(chain.steps_until_due(done, steps - done))
        chain.call("on_train_batch_begin", done, {})
        trained = model.run_train_steps(iterator, n)
        size.done(trained.done)
        done += trained.done
        if not trained.may_go_on:
            raise NonFiniteError(_describe_bad_step(model, trained.meta, epoch, done))
        logs = dict(trained.logs)
        chain.call("on_train_batch_end", done - 1, logs)
    return to_numbers(logs)


def _describe_bad_step(model: "TrainingModel", meta: Any, epoch: int, step: int) -> str:
    samples = name_samples(meta, number_before=model.sample_count)
    return (
        f"{model.guard.finding()} in epoch {epoch + 1}, step {step}, which trained on {samples}. The weights "
        "are those before that step. Look at these samples, set a smaller `--learning_rate.lr`, or bound the "
        "gradient with `--optimizer.global_clip_norm`."
    )


def evaluate(
    model: "TrainingModel", batches: Iterable[Any], chain: Callbacks, steps_per_execution: int = 0
) -> Logs:
    """Return the logs of one pass over `batches`.

    A callback with a method `on_evaluated_batch(inputs, targets, outputs, meta) -> bool` receives the first
    batches with what the model made of them, as NumPy arrays, until it returns false.
    """
    chain.call("on_test_begin", {})
    model.reset_metrics()
    iterator = iter(batches)
    done = _evaluate_watched(model, iterator, chain)
    logs: Logs = dict(model.get_metrics_result())
    size = CallSize(steps_per_execution)
    while True:
        n = size.next(2**30)
        chain.call("on_test_batch_begin", done, {})
        steps, logs = model.run_test_steps(iterator, n)
        size.done(steps)
        done += steps
        chain.call("on_test_batch_end", max(done - 1, 0), logs)
        if steps < n:
            break
    logs = to_numbers(logs)
    chain.call("on_test_end", logs)
    return logs


def _evaluate_watched(model: "TrainingModel", iterator: Any, chain: Callbacks) -> int:
    """Evaluate batch by batch as long as a callback wants to see what comes out; return the count."""
    watchers = [c for c in chain if getattr(c, "wants_evaluated_batch", lambda: False)()]
    done = 0
    while watchers:
        batch = next(iterator, None)
        if batch is None:
            break
        evaluated = model.evaluate_batch(batch)
        watchers = [w for w in watchers if w.on_evaluated_batch(*evaluated)]
        done += 1
    return done


def to_numbers(logs: Logs) -> Logs:
    """Return the logs with tensors as Python floats, or as NumPy arrays where they have a shape."""
    return {name: _to_number(value) for name, value in logs.items()}


def _to_number(value: Any) -> Any:
    array = np.asarray(value)
    if array.ndim == 0 and array.dtype.kind in "fiub":
        return float(array)
    return array if array.ndim else array.item()
