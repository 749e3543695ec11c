"""The guard of a training step: nothing that is not finite reaches the weights."""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfaip.data.pipeline.unbatching import unbatch
from tfaip.printable import printable

_SHOWN_SAMPLES = 20
_MOST_SKIPPED = 10  # in a row; each halves the scale, and 2^15 / 2^10 is too small to be of use


class StepGuard:
    """Notes the loss and the norm of the gradient of each step, and whether the training may go on.

    Where the loss is scaled, as in float16, a gradient that is not finite is ordinary: the optimizer leaves
    the weights alone and lowers the scale. Such steps are counted, and only many in a row end the training.
    The values stay in TensorFlow; reading them here waits for the last step.
    """

    def __init__(self) -> None:
        self._last = tf.Variable(tf.zeros(2), trainable=False, name="last_step")
        self._norms = tf.Variable(tf.zeros(2, tf.float64), trainable=False, name="sum_and_number_of_norms")
        self._skipped = tf.Variable(tf.zeros(2, tf.int64), trainable=False, name="skipped_steps")

    def note(self, loss: tf.Tensor, gradients: Sequence[Any], scale: tf.Tensor | None = None) -> tf.Tensor:
        """Note a step in the graph; return a boolean scalar: whether the optimizer may have it.

        Args:
            loss: Of the batch, not scaled.
            gradients: Of all weights.
            scale: What the gradients are too large by; `None` if the loss is not scaled.
        """
        found = [tf.cast(_dense(g), tf.float32) for g in gradients if g is not None]
        norm = tf.linalg.global_norm(found if scale is None else [g / scale for g in found])
        if scale is not None:
            skipped = tf.cast(tf.math.logical_not(tf.math.is_finite(norm)), tf.int64)
            total, in_a_row = tf.unstack(self._skipped)
            self._skipped.assign(tf.stack([total + skipped, (in_a_row + 1) * skipped]))
        self._last.assign(tf.stack([tf.cast(loss, tf.float32), norm]))
        norm_and_one = tf.stack([tf.cast(norm, tf.float64), tf.constant(1.0, tf.float64)])
        nothing = tf.zeros_like(norm_and_one)
        self._norms.assign_add(tf.where(tf.math.is_finite(norm), norm_and_one, nothing))
        return tf.math.is_finite(loss) if scale is not None else self._is_finite()

    def may_go_on(self, *, is_scaled: bool = False) -> tf.Tensor:
        """Return a boolean scalar in the graph: whether there may be another step after the last one."""
        if not is_scaled:
            return self._is_finite()
        return tf.logical_and(tf.math.is_finite(self._last[0]), self._skipped[1] < _MOST_SKIPPED)

    def _is_finite(self) -> tf.Tensor:
        return tf.reduce_all(tf.math.is_finite(self._last))

    @property
    def variables(self) -> list[tf.Variable]:
        """What a checkpoint holds: the counts of skipped steps."""
        return [self._skipped]

    @property
    def epoch_variables(self) -> list[tf.Variable]:
        """What a checkpoint within an epoch holds besides: the sum of the norms so far."""
        return [self._norms]

    @property
    def num_skipped(self) -> int:
        """How many steps the optimizer has skipped because of a scaled gradient that was not finite."""
        return int(self._skipped.numpy()[0])

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
        found = f"The loss is {self.loss:.6g}, but the norm of its gradient is {self.gradient_norm}"
        in_a_row = int(self._skipped.numpy()[1])
        return f"{found}, for the {in_a_row}th time in a row," if in_a_row else found


def _dense(gradient: Any) -> tf.Tensor:
    """Return the numbers of a gradient; that of an embedding has some for each row that was looked up."""
    return gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient


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
    return f"`{printable(sample.meta['id'])}`" if has_id else str(number)
