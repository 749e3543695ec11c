"""The guard of a training step: nothing that is not finite reaches the weights."""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfaip.data.pipeline.unbatching import unbatch

_SHOWN_SAMPLES = 20


class StepGuard:
    """Notes the loss and the norm of the gradient of each step, and whether the training may go on.

    The values stay in TensorFlow; reading them here waits for the last step.
    """

    def __init__(self) -> None:
        self._last = tf.Variable(tf.zeros(2), trainable=False, name="last_step")
        self._norms = tf.Variable(tf.zeros(2, tf.float64), trainable=False, name="sum_and_number_of_norms")

    def note(self, loss: tf.Tensor, gradients: Sequence[Any]) -> tf.Tensor:
        """Note a step in the graph; return a boolean scalar: whether it may update the weights."""
        norm = tf.linalg.global_norm([tf.cast(g, tf.float32) for g in gradients if g is not None])
        self._last.assign(tf.stack([tf.cast(loss, tf.float32), norm]))
        self._norms.assign_add(tf.stack([tf.cast(norm, tf.float64), tf.constant(1.0, tf.float64)]))
        return self.may_go_on()

    def may_go_on(self) -> tf.Tensor:
        """Return a boolean scalar in the graph: whether the last step was finite."""
        return tf.reduce_all(tf.math.is_finite(self._last))

    @property
    def loss(self) -> float:
        """The loss of the last step."""
        return float(self._last.numpy()[0])

    @property
    def gradient_norm(self) -> float:
        """The L2 norm of all gradients of the last step together, before they are clipped."""
        return float(self._last.numpy()[1])

    @property
    def mean_gradient_norm(self) -> float:
        """The mean of the norms of all steps since `start_epoch`; NaN if there were none."""
        total, number = self._norms.numpy()
        return float(total / number) if number else math.nan

    def start_epoch(self) -> None:
        """Start to average the norms anew."""
        self._norms.assign(tf.zeros_like(self._norms))

    def finding(self) -> str:
        """Return what was not finite in the last step."""
        if not math.isfinite(self.loss):
            return f"The loss is {self.loss}"
        return f"The loss is {self.loss:.6g}, but the norm of its gradient is {self.gradient_norm}"


def name_samples(meta: Any, number_before: int) -> str:
    """Return how a message names the samples of a batch.

    Args:
        meta: The meta data of the batch; an `id` in that of a sample is its name.
        number_before: Samples of the epoch up to this batch, it included, to count those without an `id`.
    """
    samples = list(unbatch(meta=meta))
    if not samples:
        return f"the samples up to number {number_before - 1}"
    first = number_before - len(samples)
    names = [_name(sample, number) for number, sample in enumerate(samples, start=first)]
    more = f" and {len(names) - _SHOWN_SAMPLES} more" if len(names) > _SHOWN_SAMPLES else ""
    return f"the samples {', '.join(names[:_SHOWN_SAMPLES])}{more}"


def _name(sample: Any, number: int) -> str:
    has_id = isinstance(sample.meta, dict) and "id" in sample.meta
    return f"`{sample.meta['id']}`" if has_id else str(number)
