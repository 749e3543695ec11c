"""Save a training within its epochs."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Optional

import keras

from tfaip.trainer.params import TrainerParams
from tfaip.trainer.state import TrainerState


class StepCheckpointsCallback(keras.callbacks.Callback):
    """Between two steps: save every n steps, after so many minutes, and when the training is to leave.

    It comes last: what the others do with a step belongs into the checkpoint. If the training leaves while
    it validates, the state before the validation is saved, and the run that goes on validates again.

    Args:
        params: The live params of the training.
        state: Returns the state after so many epochs and steps.
        save: Writes a checkpoint of the model with a state.
        restore: Gives callbacks the state they had, in a resumed epoch.
        flushed: Each is called before a checkpoint is written, so that logs are not behind it.
    """

    def __init__(
        self,
        params: TrainerParams,
        *,
        state: Callable[[int, int], TrainerState],
        save: Callable[[TrainerState], None],
        restore: Callable[[], None],
        flushed: Sequence[Callable[[], None]] = (),
    ) -> None:
        super().__init__()
        self._params = params
        self._state = state
        self._save = save
        self._restore = restore
        self._flushed = list(flushed)
        self._before: Optional[TrainerState] = None
        self._saved_at = time.monotonic()

    def steps_until_due(self, done: int) -> int:
        """Return after how many more steps of the epoch a checkpoint is due."""
        every = self._params.save_every_n_steps
        return every - (self._steps_before() + done) % every if every > 0 else self._steps_per_epoch

    def on_epoch_resumed(self, epoch: int, done: int) -> None:
        """Take what the callbacks have done at the start of the epoch back: it was counted before."""
        self._restore()

    def on_steps_end(self, epoch: int, done: int) -> None:
        """Note the state before a validation."""
        self._before = self._state(epoch, done)

    def on_step_boundary(self, epoch: int, done: int, must_save: bool) -> None:
        """Save, if it is time."""
        if done == 0 and self._params.checkpoint_save_freq == "epoch":
            return  # the epoch before is saved
        if must_save or self._is_due(epoch, done):
            self._write(self._state(epoch, done))

    def on_abandoned(self, epoch: int, done: int) -> None:
        """Save the state before the validation, which is left to do."""
        if self._before is not None:
            self._before.is_validation_left = True
            self._write(self._before)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Take note that the epoch has a checkpoint of its own."""
        self._before = None
        if self._params.checkpoint_save_freq == "epoch":
            self._saved_at = time.monotonic()

    def _write(self, state: TrainerState) -> None:
        for flush in self._flushed:
            flush()
        self._save(state)
        self._saved_at = time.monotonic()

    def _is_due(self, epoch: int, done: int) -> bool:
        params = self._params
        step = epoch * self._steps_per_epoch + done
        if params.save_every_n_steps > 0 and step % params.save_every_n_steps == 0:
            return True
        minutes = (time.monotonic() - self._saved_at) / 60
        return 0 < params.save_every_minutes <= minutes

    @property
    def _steps_per_epoch(self) -> int:
        return int(self.params["steps"])  # type: ignore[index]

    def _steps_before(self) -> int:
        return self._params.current_epoch * self._steps_per_epoch
