"""The loop over epochs, steps and validations, and the callbacks it calls."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from tfaip.errors import NonFiniteError
from tfaip.model.callback_chain import Callbacks
from tfaip.model.fit_plan import FitPlan
from tfaip.model.step_functions import CallSize
from tfaip.model.step_guard import name_samples
from tfaip.model.stop_request import StopRequest, StopRequestedError, TrainingInterrupted

if TYPE_CHECKING:
    from tfaip.model.training_model import TrainingModel

Logs = dict[str, Any]


def fit(
    model: "TrainingModel",
    batches: Iterable[Any],
    plan: FitPlan,
    *,
    callbacks: Sequence[keras.callbacks.Callback],
    validation: Iterable[Any] | None = None,
    steps_per_execution: int = 0,
    stop_request: StopRequest | None = None,
) -> Logs:
    """Train as far as `plan` says and return the logs of the last epoch (`{}` if none ran).

    Args:
        model: What is trained. If the plan starts within an epoch, its metrics are those of the steps before.
        batches: An endless dataset; it is read without a break over all epochs.
        plan: From where to where, and what comes in between.
        callbacks: Called in this order.
        validation: A dataset with an end, read anew for each validation.
        steps_per_execution: Steps in one call into TensorFlow, 0 for an automatic number. The progress of
            `on_train_batch_*` has this grain; results do not depend on it.
        stop_request: Asked after each call whether the training is to leave.

    Raises:
        TrainingInterrupted: It was to leave.
    """
    params = {"epochs": plan.epochs, "steps": plan.steps_per_epoch, "verbose": 0}
    chain = Callbacks(callbacks, model, params)
    # Steps that run line by line gain nothing together; a debugger and Ctrl-C want them one by one.
    size = 1 if model.run_eagerly else steps_per_execution
    loop = _Loop(model, plan, chain, validation, size, stop_request or StopRequest())
    model.stop_training = False
    model.batches_read = 0
    if plan.initial_step == 0:
        model.epoch_start = None
    chain.call("on_train_begin", {})
    with chain.told_of_errors():
        logs = loop.run(iter(batches))
    chain.call("on_train_end", logs)
    return logs


class _Loop:
    """One training: epochs of steps, and what comes between them."""

    def __init__(
        self,
        model: "TrainingModel",
        plan: FitPlan,
        chain: Callbacks,
        validation: Iterable[Any] | None,
        steps_per_execution: int,
        stop_request: StopRequest,
    ):
        self._model = model
        self._plan = plan
        self._chain = chain
        self._validation = validation
        self._steps_per_execution = steps_per_execution
        self._size = CallSize(steps_per_execution)
        self._stop_request = stop_request
        self._is_good_enough = False  # so a validation within an epoch has decided

    def run(self, batches: Any) -> Logs:
        """Train on `batches`, an iterator, and return the logs of the last epoch."""
        plan, chain = self._plan, self._chain
        logs: Logs = {}
        for epoch in range(plan.initial_epoch, plan.epochs):
            if plan.is_over(epoch, plan.first_step(epoch)):
                break
            chain.call("on_epoch_begin", epoch, {})
            if chain.is_stopping:
                break
            done, logs = self._train(batches, epoch)
            if self._leaves_within(epoch, done):
                break
            self._end_epoch(epoch, done, logs)
            if self._model.stop_training or chain.is_stopping:
                break
            if self._stop_request.is_set() and epoch + 1 < plan.epochs:
                self._save_and_leave(epoch + 1, 0)
        return logs

    def _train(self, batches: Any, epoch: int) -> tuple[int, Logs]:
        """Train the steps of an epoch; return how many of it are done, and the means over them."""
        model, plan, chain = self._model, self._plan, self._chain
        done = plan.first_step(epoch)
        logs: Logs = {}
        if done:
            chain.call("on_epoch_resumed", epoch, done)
            logs = dict(model.get_metrics_result())
            if plan.is_validation_left and done < plan.steps_per_epoch:
                logs = self._between_steps(epoch, done, logs, validates=True)
        else:
            model.reset_metrics()
            model.guard.start_epoch()
        while done < plan.steps_per_epoch and not self._is_to_end(epoch, done):
            done, logs = self._call(batches, epoch, done)
            if done < plan.steps_per_epoch:
                logs = self._between_steps(epoch, done, logs, plan.validates_within(epoch, done))
        return done, to_numbers(logs)

    def _is_to_end(self, epoch: int, done: int) -> bool:
        return self._model.stop_training or self._plan.is_over(epoch, done)

    def _call(self, batches: Any, epoch: int, done: int) -> tuple[int, Logs]:
        """Train some steps in one call into TensorFlow; return how many are done, and the logs."""
        model, chain = self._model, self._chain
        n = self._size.next(chain.steps_until_due(done, self._plan.steps_until_due(epoch, done)))
        chain.call("on_train_batch_begin", done, {})
        trained = model.run_train_steps(batches, n)
        self._size.done(trained.done)
        model.batches_read += trained.done
        done += trained.done
        if not trained.may_go_on:
            raise NonFiniteError(_describe_bad_step(model, trained.meta, epoch, done))
        logs = dict(trained.logs)
        chain.call("on_train_batch_end", done - 1, logs)
        return done, logs

    def _between_steps(self, epoch: int, done: int, logs: Logs, validates: bool) -> Logs:
        """Do what is due within an epoch: validate, save, leave."""
        if validates and self._validation is not None:
            logs = self._validate_within(epoch, done, logs, self._validation)
        if self._stop_request.is_set():
            self._save_and_leave(epoch, done)
        self._chain.call("on_step_boundary", epoch, done, self._leaves_within(epoch, done))
        return logs

    def _leaves_within(self, epoch: int, done: int) -> bool:
        """Return whether the training ends here and the epoch stays unfinished, to be gone on with."""
        is_unfinished = done < self._plan.steps_per_epoch
        return is_unfinished and (self._plan.is_over(epoch, done) or self._is_good_enough)

    def _validate_within(self, epoch: int, done: int, logs: Logs, validation: Iterable[Any]) -> Logs:
        """Validate without an influence on the metrics of the epoch; return the logs of both."""
        chain, kept = self._chain, self._model.metric_values()
        chain.call("on_steps_end", epoch, done)
        try:
            self._stop_request.check()
            logs = {**to_numbers(logs), **self._evaluate(validation)}
        except StopRequestedError:
            self._abandon(epoch, done, kept)
        self._model.set_metric_values(kept)
        was_stopping = self._model.stop_training
        chain.call("on_step_validation", epoch, done, logs)
        self._is_good_enough = self._model.stop_training and not was_stopping
        return logs

    def _end_epoch(self, epoch: int, done: int, logs: Logs) -> None:
        """Validate if it is due, and let the callbacks judge and save the epoch."""
        chain, kept = self._chain, self._model.metric_values()
        chain.call("on_steps_end", epoch, done)
        try:
            self._stop_request.check()
            if self._validation is not None and self._plan.validates_after(epoch):
                logs.update(self._evaluate(self._validation))
            self._model.stop_training = self._model.stop_training or chain.is_stopping  # known at the end
            chain.call("on_epoch_end", epoch, logs)
        except StopRequestedError:
            self._abandon(epoch, done, kept)

    def _evaluate(self, validation: Iterable[Any]) -> Logs:
        logs = evaluate(self._model, validation, self._chain, self._steps_per_execution, self._stop_request)
        return {f"val_{name}": value for name, value in logs.items()}

    def _abandon(self, epoch: int, done: int, metric_values: list[np.ndarray]) -> None:
        self._model.set_metric_values(metric_values)
        self._chain.call("on_abandoned", epoch, done)
        raise TrainingInterrupted(epoch, done)

    def _save_and_leave(self, epoch: int, done: int) -> None:
        self._chain.call("on_step_boundary", epoch, done, True)
        raise TrainingInterrupted(epoch, done)


def _describe_bad_step(model: "TrainingModel", meta: Any, epoch: int, step: int) -> str:
    samples = name_samples(meta, number_before=model.sample_count)
    return (
        f"{model.guard.finding()} in epoch {epoch + 1}, step {step}, which trained on {samples}. The weights "
        "are those before that step. Look at these samples, set a smaller `--learning_rate.lr`, or bound the "
        "gradient with `--optimizer.global_clip_norm`."
    )


def evaluate(
    model: "TrainingModel",
    batches: Iterable[Any],
    chain: Callbacks,
    steps_per_execution: int = 0,
    stop_request: StopRequest | None = None,
) -> Logs:
    """Return the logs of one pass over `batches`; it is broken off if `stop_request` says so.

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
        if stop_request is not None:
            stop_request.check()
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
