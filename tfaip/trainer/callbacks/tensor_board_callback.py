"""Curves, and whatever layers and metrics show, for TensorBoard."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import keras
import numpy as np
import tensorflow as tf

from tfaip.trainer.callbacks.extract_logs import ExtractLogsCallback
from tfaip.trainer.callbacks.validate_callback import VALIDATE_PREFIX
from tfaip.trainer.epoch_start import epoch_start
from tfaip.trainer.event_files import EVENT_FILES, STEP_TAG, forget_later_events

logger = logging.getLogger(__name__)

TRAIN, VALIDATION = "train", "validation"


class TensorBoardCallback(keras.callbacks.Callback):
    """Write the logs of each epoch, from 0, to `train` and `validation` below `log_dir`.

    Tags are `epoch_<name>`, and `lr` for the learning rate with which the epoch started. LAV results
    (`lav_l0_...`) go to folders of their own.

    Args:
        log_dir: May be exchanged before training starts.
        steps_per_epoch: Steps of an epoch.
        extracted_logs_cb: Has taken out what only TensorBoard shows.
        reset: Delete the event files that are there: a new training, not a resumed one.
        profile: First and last step of a profile, counted from 0 in this run; 0 for none.
        steps_into_epoch: Steps of the first epoch that a run before has done.
    """

    def __init__(
        self,
        log_dir: str,
        steps_per_epoch: int,
        extracted_logs_cb: ExtractLogsCallback,
        reset: bool = False,
        profile: int | Tuple[int, int] = 0,
        steps_into_epoch: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.log_dir = log_dir
        self.steps_per_epoch = steps_per_epoch
        self.extracted_logs_cb = extracted_logs_cb
        self._reset = reset
        self._profile = _Profile(profile)
        self._writers: Dict[str, tf.summary.SummaryWriter] = {}
        self._is_lost = False
        self._first_epoch: Optional[int] = None
        self._steps_into_epoch = steps_into_epoch

    def on_train_begin(self, logs: Optional[Dict[str, Any]] = None) -> None:
        """Delete the events of a training that was here before, if this one is new."""
        if self._reset:
            for file in Path(self.log_dir).glob(EVENT_FILES):
                file.unlink()
            self._reset = False
        self._first_epoch = None

    def on_epoch_begin(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Write the learning rates, and the values of policies."""
        if self._first_epoch is None:
            self._first_epoch = epoch
            steps = epoch * self.steps_per_epoch + self._steps_into_epoch
            forget_later_events(Path(self.log_dir), epochs_done=epoch, steps_done=steps)
        self._profile.offset = (epoch - self._first_epoch) * self.steps_per_epoch - self._steps_into_epoch
        with self._may_fail(), self._writer(TRAIN).as_default():
            for name, value in epoch_start(self.model, epoch).values.items():
                tf.summary.scalar(name, value, step=epoch)

    def on_train_batch_begin(self, batch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Start the profile when its first step comes."""
        self._profile.before(batch, self.log_dir)

    def on_train_batch_end(self, batch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """End the profile after its last step."""
        self._profile.after(batch)

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Write all values of the epoch."""
        with self._may_fail():
            self._write_epoch(epoch, logs)
        self.flush()

    def _write_epoch(self, epoch: int, logs: Optional[Dict[str, Any]]) -> None:
        with self._writer(TRAIN).as_default():
            norm = self.model.guard.mean_gradient_norm  # type: ignore[union-attr]
            tf.summary.scalar("gradient_norm", norm, step=epoch)
        handler = self.extracted_logs_cb.tensorboard_data_handler
        for name, value in {**(logs or {}), **self.extracted_logs_cb.extracted_logs}.items():
            folder, bare = _folder_of(name)
            if handler is not None and bare != "count":
                with self._writer(folder).as_default():
                    handler.handle(bare, f"epoch_{bare}", value, epoch)

    def on_step_validation(self, epoch: int, done: int, logs: Dict[str, Any]) -> None:
        """Draw the results of a validation within an epoch, by step."""
        step = epoch * self.steps_per_epoch + done
        for name, value in logs.items():
            folder, bare = _folder_of(name)
            if folder == VALIDATION:
                self.write_step(folder, {bare: value}, step)

    def on_exception(self, error: BaseException) -> None:
        """Keep what was drawn."""
        self.flush()

    def flush(self) -> None:
        """Write what was drawn to the files."""
        with self._may_fail():
            for writer in self._writers.values():
                writer.flush()

    def write_step(self, folder: str, values: Dict[str, Any], step: int) -> None:
        """Draw numbers of the moment after `step` steps as `step_<name>`."""
        with self._may_fail(), self._writer(folder).as_default():
            for name, value in values.items():
                tf.summary.scalar(f"{STEP_TAG}{name}", float(np.mean(value)), step=step)

    def on_train_end(self, logs: Optional[Dict[str, Any]] = None) -> None:
        """Close the files."""
        self._profile.stop()
        with self._may_fail():
            for writer in self._writers.values():
                writer.close()
        self._writers = {}

    @contextlib.contextmanager
    def _may_fail(self) -> Iterator[None]:
        """Draw nothing more, with a warning, if event files cannot be written: a training can do without."""
        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            if not self._is_lost:
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                logger.warning("The event files in `%s` cannot be written: %s", self.log_dir, reason)
            self._is_lost = True
            self._writers = {}

    def _writer(self, folder: str) -> tf.summary.SummaryWriter:
        if self._is_lost:
            return tf.summary.create_noop_writer()
        if folder not in self._writers:
            self._writers[folder] = tf.summary.create_file_writer(str(Path(self.log_dir) / folder))
        return self._writers[folder]


class _Profile:
    """A profile of some steps, for TensorBoard's profile plugin.

    Attributes:
        offset: Steps of earlier epochs of this run.
    """

    def __init__(self, steps: int | Tuple[int, int]):
        self._first, self._last = steps if isinstance(steps, tuple) else (steps, steps)
        self._state = "waiting" if self._last > 0 else "done"
        self._step: Any = contextlib.nullcontext()
        self.offset = 0

    def before(self, batch: int, log_dir: str) -> None:
        step = self.offset + batch
        if self._state == "waiting" and step >= self._first:
            tf.profiler.experimental.start(str(log_dir))
            self._state = "running"
        if self._state == "running":
            # Marks the step, so that the overview page knows how long steps are.
            self._step = tf.profiler.experimental.Trace("train", step_num=step, _r=1)
            self._step.__enter__()

    def after(self, batch: int) -> None:
        self._leave_step()
        if self._state == "running" and self.offset + batch >= self._last:
            self._write()

    def stop(self) -> None:
        self._leave_step()
        if self._state == "running":
            self._write()
        elif self._state == "waiting":
            logger.warning(
                "No profile was written: the training ended before step %d. Lower `--trainer.profile_steps`.",
                self._first,
            )

    def _leave_step(self) -> None:
        self._step.__exit__(None, None, None)
        self._step = contextlib.nullcontext()

    def _write(self) -> None:
        tf.profiler.experimental.stop()
        self._state = "done"
        logger.info("The profile is written. To see it: pip install xprof, then tensorboard --logdir RUN.")


def _folder_of(name: str) -> Tuple[str, str]:
    """Return the folder for a log name, and the name without its prefix."""
    for prefix in ("val_", VALIDATE_PREFIX):
        if name.startswith(prefix):
            return VALIDATION, name.removeprefix(prefix)
    if name.startswith("lav_"):
        head, _, tail = name.removeprefix("lav_").partition("_")
        return f"lav_{head}", tail
    return TRAIN, name
