"""The callbacks of a training, called one after the other."""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from tfaip.errors import EarlyStopping

logger = logging.getLogger(__name__)


class Callbacks:
    """Keras callbacks in order; all of one event share one dict of logs, which they may change.

    What a callback adds or removes is seen by the later ones, by `on_train_end`, and in the returned logs.
    Each may raise `EarlyStopping`. Beyond the events of Keras there are, for callbacks that have the method:

    * `on_exception(error)`: the training ends by it;
    * `steps_until_due(done)`: return after how many more steps of the epoch `on_train_batch_end` must come;
    * `on_epoch_resumed(epoch, done)`: after `on_epoch_begin`, if a run before has done steps of the epoch;
    * `on_steps_end(epoch, done)`: the training pauses after `done` steps of the epoch, to validate;
    * `on_step_validation(epoch, done, logs)`: a validation within the epoch is over;
    * `on_step_boundary(epoch, done, must_save)`: `done` steps, and the validation after them, are over;
    * `on_abandoned(epoch, done)`: a validation or the end of the epoch was broken off, because the training
      is asked to leave. It is repeated by the run that goes on.

    Attributes:
        is_stopping: Whether the training ends after this epoch.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback], model: Any, params: dict[str, Any]):
        self.is_stopping = False
        self._callbacks: list[Any] = list(callbacks)
        for callback in self._callbacks:
            callback.set_model(model)
            callback.set_params(params)

    def __iter__(self) -> Any:
        return iter(self._callbacks)

    def call(self, event: str, *args: Any) -> None:
        """Call the method named `event` of each callback that has it."""
        for callback in self._callbacks:
            method = getattr(callback, event, None)
            if method is None:
                continue
            try:
                method(*args)
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
