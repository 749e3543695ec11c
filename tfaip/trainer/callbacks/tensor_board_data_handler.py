"""Which values only TensorBoard shows, and how they are written."""

from typing import TYPE_CHECKING, Any, Dict

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from tfaip.model.training_model import TrainingModel


class TensorBoardDataHandler:
    """Knows the `TensorboardWriter`s of a model, and writes values by their kind."""

    def __init__(self, model: "TrainingModel"):
        self._model = model

    def writer_values(self) -> Dict[str, np.ndarray]:
        """Return the value that each writer holds, by the name of the writer."""
        return {writer.name: np.asarray(writer.result()) for writer in self._model.tensorboard_writers}

    def is_tensorboard_only(self, key: str, value: Any) -> bool:
        """Return whether the value of the log `key` is for TensorBoard only: a writer's, or a summary."""
        return _is_summary(value) or any(key == w.name for w in self._model.tensorboard_writers)

    def handle(self, name: str, name_for_tb: str, value: Any, step: int) -> None:
        """Write `value` of the log `name` as `name_for_tb` into the open summary writer."""
        writer = next((w for w in self._model.tensorboard_writers if w.name == name), None)
        if writer is not None:
            writer.handle(name_for_tb, value, step)
        elif _is_summary(value):
            tf.summary.experimental.write_raw_pb(np.asarray(value).item(), step=step)
        else:
            tf.summary.scalar(name_for_tb, float(np.mean(value)), step=step)


def _is_summary(value: Any) -> bool:
    """A metric may return a serialised summary, for example a precision-recall curve."""
    return np.asarray(value).dtype.kind in "SO"
