"""Where a training stands, saved and restored."""

import contextlib
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfaip.errors import NonFiniteError, StorageError, UsageError
from tfaip.model.stop_request import TrainingInterrupted
from tfaip.model.training_model import TrainingModel
from tfaip.trainer import checkpoints, run_folder
from tfaip.trainer.batches import TrainingBatches
from tfaip.trainer.callback_states import collect_states, restore_states
from tfaip.trainer.callbacks.train_params_logger import commit_checkpoint
from tfaip.trainer.epoch_start import EpochStart, epoch_start
from tfaip.trainer.params import TrainerParams
from tfaip.trainer.resume_checks import check_resumed
from tfaip.trainer.scheduler.learningrate import LearningRateSchedule
from tfaip.trainer.state import BestState, TrainerState

logger = logging.getLogger(__name__)


class SavedRun:
    """Puts together what a checkpoint holds, and gives it back.

    Args:
        params: The live params of the training, which mirror the state.
        model: What trains.
        steps_per_epoch: Batches of an epoch.
        schedules: Learning rates by name.
        batches: Knows the position in the input pipeline.
        callbacks: Returns those of the training.

    Attributes:
        state: Of the last checkpoint, or of the start.
        writer: Writes the weights.
    """

    def __init__(
        self,
        params: TrainerParams,
        model: TrainingModel,
        *,
        steps_per_epoch: int,
        schedules: Mapping[str, LearningRateSchedule],
        batches: TrainingBatches,
        callbacks: Callable[[], Sequence[Any]],
    ):
        self.state = TrainerState(epoch=params.current_epoch)
        self.writer = checkpoints.CheckpointWriter(
            model, keep=params.keep, folders=lambda: run_folder.checkpoint_folders(params)
        )
        self._params = params
        self._model = model
        self._steps_per_epoch = steps_per_epoch
        self._schedules = schedules
        self._batches = batches
        self._callbacks = callbacks

    # ---- saving

    def after_epoch(self, epochs_done: int) -> TrainerState:
        """Return the state after `epochs_done` epochs, to be saved with the weights of that moment."""
        self.state = self.after_step(epochs_done, 0)
        return self.state

    def after_step(self, epochs_done: int, step: int) -> TrainerState:
        """Return the state after `step` steps of the epoch that follows after `epochs_done`."""
        return TrainerState(
            epoch=epochs_done,
            step=step,
            steps_per_epoch=self._steps_per_epoch if step else 0,
            epoch_start=epoch_start(self._model, epochs_done).to_dict() if step else {},
            best=BestState.read(self._params.early_stopping),
            position=self._batches.position_after(self._model.batches_read, self.state.position),
            schedules={name: schedule.state() for name, schedule in self._schedules.items()},
            callbacks=collect_states(self._callbacks()),
        )

    def save(self, state: TrainerState) -> None:
        """Save the training as it is now, with `state`."""
        self.state = state
        if self._params.output_dir is None or not self._params.write_checkpoints:
            return
        self.writer.capture(within_epoch=state.step > 0)
        commit_checkpoint(self._params, self.writer, state)

    def warn_if_full(self) -> None:
        """Warn if the disk has no room for two checkpoints."""
        output_dir = self._params.output_dir
        if output_dir is None or not self._params.write_checkpoints:
            return
        needed, free = 2 * self.writer.size, shutil.disk_usage(output_dir).free
        if free < needed:
            logger.warning(
                "`%s` has room for %s, two checkpoints need %s: the training may end with a full disk.",
                output_dir,
                checkpoints.in_words(free),
                checkpoints.in_words(needed),
            )

    @contextlib.contextmanager
    def awaited(self) -> Iterator[None]:
        """Leave the block when the last checkpoint is on disk; an error of the training goes first.

        That error says what can still be resumed from.
        """
        try:
            yield
        except BaseException as error:
            try:
                self.writer.wait()
            except StorageError as storage_error:
                if isinstance(error, TrainingInterrupted):
                    raise  # it would say that it is saved
                logger.error("%s", storage_error)  # noqa: TRY400 - the error that ends the training follows
            if isinstance(error, NonFiniteError) and self._is_saved():
                raise NonFiniteError(f"{error} {self._what_is_kept()}") from error
            raise
        self.writer.wait()

    def _is_saved(self) -> bool:
        return self._params.output_dir is not None and (self._folder() / checkpoints.FOLDER).is_dir()

    def _what_is_kept(self) -> str:
        return f"The last checkpoint, {self._moment()}, is `{self._folder() / checkpoints.FOLDER}`."

    def _moment(self) -> str:
        state = self.state
        return (
            f"in epoch {state.epoch + 1} after step {state.step}"
            if state.step
            else f"after epoch {state.epoch}"
        )

    def _folder(self) -> Path:
        return Path(self._params.output_dir or ".") / self._params.saved_checkpoint_sub_dir

    # ---- restoring

    def restore(self) -> None:
        """Put the last checkpoint into the model, the schedules and the live params."""
        restored = checkpoints.restore(self._model, *run_folder.folders_to_resume(self._params))
        check_resumed(restored.path, self._params)
        self.writer.run = restored.run or self.writer.run
        self.writer.damaged = restored.damaged
        self.state = restored.state
        self._check_same_epoch()
        self._params.current_epoch = self.state.epoch
        if self.state.epoch_start:
            self._model.epoch_start = EpochStart(**self.state.epoch_start)
        self.state.best.write(self._params.early_stopping)
        for name, state in self.state.schedules.items():
            if name in self._schedules:
                self._schedules[name].restore(state)
        logger.info("Resumed %s from %s", self._moment(), restored.path)

    def restore_callbacks(self) -> None:
        """Give callbacks and policies what they had."""
        restore_states(self._callbacks(), self.state.callbacks)

    def restore_within_epoch(self) -> None:
        """Do so again, after the start of the epoch was repeated to them."""
        self.restore_callbacks()
        self._model.values.restore(self._model.epoch_start.policies)

    def _check_same_epoch(self) -> None:
        before = self.state.steps_per_epoch
        if self.state.step and before != self._steps_per_epoch:
            raise UsageError(
                f"The checkpoint was written within an epoch of {before} steps, now an epoch has "
                f"{self._steps_per_epoch}. Resume with the same data, `--train.batch_size` and "
                "`--trainer.samples_per_epoch`."
            )
