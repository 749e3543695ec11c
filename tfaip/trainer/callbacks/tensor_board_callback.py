"""Curves, and whatever layers and metrics show, for TensorBoard."""

import logging
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import keras
import tensorflow as tf

from tfaip.trainer.callbacks.extract_logs import ExtractLogsCallback
from tfaip.trainer.callbacks.validate_callback import VALIDATE_PREFIX
from tfaip.trainer.optimizer.rates import current_rates, policy_values

logger = logging.getLogger(__name__)

TRAIN, VALIDATION = "train", "validation"
_EVENTS = "*/events.out.tfevents*"


class TensorBoardCallback(keras.callbacks.Callback):
    """Write the logs of each epoch, from 0, to `train` and `validation` below `log_dir`.

    Tags are `epoch_<name>`, and `lr` for the learning rate with which the epoch started. LAV results
    (`lav_l0_...`) go to folders of their own.

    Args:
        log_dir: May be exchanged before training starts.
        steps_per_epoch: Steps of an epoch.
        extracted_logs_cb: Has taken out what only TensorBoard shows.
        reset: Delete the event files that are there: a new training, not a resumed one.
        profile: First and last step of a profile; 0 for none.
    """

    def __init__(
        self,
        log_dir: str,
        steps_per_epoch: int,
        extracted_logs_cb: ExtractLogsCallback,
        reset: bool = False,
        profile: int | Tuple[int, int] = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.log_dir = log_dir
        self.steps_per_epoch = steps_per_epoch
        self.extracted_logs_cb = extracted_logs_cb
        self._reset = reset
        self._profile = _Profile(profile)
        self._writers: Dict[str, tf.summary.SummaryWriter] = {}

    def on_train_begin(self, logs: Optional[Dict[str, Any]] = None) -> None:
        """Delete the events of a training that was here before, if this one is new."""
        if self._reset:
            for file in Path(self.log_dir).glob(_EVENTS):
                file.unlink()
            self._reset = False

    def on_epoch_begin(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Write the learning rates, and the values of policies."""
        with self._writer(TRAIN).as_default():
            for name, rate in current_rates(self.model).items():
                tf.summary.scalar(name, rate, step=epoch)
            for name, value in policy_values(self.model).items():
                tf.summary.scalar(name, value, step=epoch)

    def on_train_batch_begin(self, batch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Start the profile when its first step comes."""
        self._profile.before(batch, self.log_dir)

    def on_train_batch_end(self, batch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """End the profile after its last step."""
        self._profile.after(batch)

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Write all values of the epoch."""
        handler = self.extracted_logs_cb.tensorboard_data_handler
        for name, value in {**(logs or {}), **self.extracted_logs_cb.extracted_logs}.items():
            folder, bare = _folder_of(name)
            if handler is not None and bare != "count":
                with self._writer(folder).as_default():
                    handler.handle(bare, f"epoch_{bare}", value, epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs: Optional[Dict[str, Any]] = None) -> None:
        """Close the files."""
        self._profile.stop()
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _writer(self, folder: str) -> tf.summary.SummaryWriter:
        if folder not in self._writers:
            self._writers[folder] = tf.summary.create_file_writer(str(Path(self.log_dir) / folder))
        return self._writers[folder]


class _Profile:
    """A profile of some steps of the first epoch, for TensorBoard's profile plugin."""

    def __init__(self, steps: int | Tuple[int, int]):
        self._first, self._last = steps if isinstance(steps, tuple) else (steps, steps)
        self._state = "waiting" if self._last > 0 else "done"

    def before(self, step: int, log_dir: str) -> None:
        if self._state == "waiting" and step >= self._first:
            tf.profiler.experimental.start(str(log_dir))
            self._state = "running"

    def after(self, step: int) -> None:
        if self._state == "running" and step >= self._last:
            self.stop()

    def stop(self) -> None:
        if self._state == "running":
            tf.profiler.experimental.stop()
            logger.info("The profile is written; see it in TensorBoard with tensorboard-plugin-profile.")
        self._state = "done"


def _folder_of(name: str) -> Tuple[str, str]:
    """Return the folder for a log name, and the name without its prefix."""
    for prefix in ("val_", VALIDATE_PREFIX):
        if name.startswith(prefix):
            return VALIDATION, name.removeprefix(prefix)
    if name.startswith("lav_"):
        head, _, tail = name.removeprefix("lav_").partition("_")
        return f"lav_{head}", tail
    return TRAIN, name
