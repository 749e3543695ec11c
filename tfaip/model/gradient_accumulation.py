"""The mean gradient of several batches, as if they were one large batch."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


class GradientAccumulation:
    """Sums gradients, weighted by the number of samples, and hands on their mean after every n-th batch.

    A batch's loss is the mean over its samples, so the mean weighted by their numbers is the gradient of the
    loss of all samples together, also if the batches differ in size. Epochs have no influence: a group of
    batches may begin in one epoch and end in the next.

    Args:
        weights: The variables that are trained.
        num_batches: Batches of an update, 2 or more.
    """

    def __init__(self, weights: Sequence[keras.Variable], num_batches: int):
        self._num_batches = num_batches
        self._sums = [tf.Variable(tf.zeros(w.shape, w.dtype), name=f"sum/{w.path}") for w in weights]
        self._samples = tf.Variable(tf.constant(0.0), name="samples")
        self._batches = tf.Variable(tf.constant(0, tf.int64), name="batches")

    @property
    def variables(self) -> list[tf.Variable]:
        """The sums and counts of the batches since the last update; part of a checkpoint."""
        return [*self._sums, self._samples, self._batches]

    def add(
        self, gradients: Sequence[Any], num_samples: tf.Tensor, update: Callable[[list[Any]], None]
    ) -> None:
        """Add the gradients of a batch; if it is the last one of an update, call `update` with their mean.

        Args:
            gradients: One for each weight; `None` where the loss does not depend on it.
            num_samples: Samples in the batch, a scalar.
            update: Is called in a branch of the graph.
        """
        weight = tf.cast(num_samples, tf.float32)
        self._samples.assign_add(weight)
        self._batches.assign_add(tf.constant(1, tf.int64))
        for total, gradient in zip(self._sums, gradients, strict=True):
            if gradient is not None:
                dense = tf.convert_to_tensor(gradient)
                total.assign_add(tf.cast(dense, total.dtype) * tf.cast(weight, total.dtype))

        def update_and_reset() -> tf.Tensor:
            pairs = zip(self._sums, gradients, strict=True)
            update([None if g is None else s / tf.cast(self._samples, s.dtype) for s, g in pairs])
            for variable in self.variables:
                variable.assign(tf.zeros_like(variable))
            return tf.constant(True)

        tf.cond(self._batches >= self._num_batches, update_and_reset, lambda: tf.constant(False))
