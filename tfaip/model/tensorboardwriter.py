"""Values for TensorBoard that are no metrics: images, histograms, whatever a function can write."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Dict

import keras
import tensorflow as tf

_ANY_SHAPE: Any = None

WriteFunction = Callable[[str, Any, int], None]


class TensorboardWriterInterface(keras.metrics.Metric, ABC):
    """A metric whose value goes only to TensorBoard, written by a function of the user."""

    def __init__(self, func: WriteFunction, **kwargs: Any):
        super().__init__(**kwargs)
        self.func = func

    def handle(self, name: str, value: Any, step: int) -> None:
        """Write the NumPy `value` under `name` for epoch `step`; a summary writer is open."""
        self.func(name, value, step)

    @abstractmethod
    def has_value(self) -> bool:
        """Return whether a batch has stored a value."""


class TensorboardWriter(TensorboardWriterInterface):
    """Keep the value of the last batch, of any shape; `func(name, value, step)` writes it once per epoch.

    `input_shape` and `n_storage` are accepted for scenarios written for version 1.2 and have no effect:
    the value is stored in whatever shape it arrives.
    """

    def __init__(self, func: WriteFunction, input_shape: Any = None, n_storage: int = 2, **kwargs: Any):
        super().__init__(func, **kwargs)
        self._input_shape = input_shape
        self._n_storage = n_storage
        self._last_value: tf.Variable | None = None

    def update_state(self, y_true: Any, y_pred: Any, **kwargs: Any) -> None:
        """Store `y_pred`; `y_true` and further arguments are ignored."""
        value = tf.convert_to_tensor(y_pred)
        if self._last_value is None:
            with tf.init_scope():
                # The shape may change from batch to batch, which a Keras variable does not allow.
                self._last_value = tf.Variable(
                    tf.zeros([0], value.dtype), shape=tf.TensorShape(_ANY_SHAPE), trainable=False
                )
        self._last_value.assign(value)

    def result(self) -> Any:
        """Return the value of the last batch."""
        if self._last_value is None:
            return tf.zeros([0])
        return self._last_value.read_value()

    def has_value(self) -> bool:
        """Return whether a batch has stored a value."""
        return self._last_value is not None

    def reset_state(self) -> None:
        """Keep the value: it belongs to the last batch, however many epochs ago."""

    def get_config(self) -> Dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "func": self.func,
            "input_shape": self._input_shape,
            "n_storage": self._n_storage,
        }
