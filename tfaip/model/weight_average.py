"""The exponential moving average of the weights, kept beside them."""

import contextlib
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from tfaip.errors import UsageError
from tfaip.model.finite import is_finite


def automatic_decay(batch_size: int, samples_per_epoch: int) -> float:
    """Return the decay for `ema_decay -1`: clip(0.75^(batch/samples per epoch), 0.99, 0.99975)."""
    decay = 0.75 ** (batch_size / max(samples_per_epoch, 1))
    return min(max(decay, 0.99), 0.99975)


class WeightAverage:
    """The average `a ← d·a + (1 - d)·w` of weights `w`, started as a copy of them.

    Averages and weights are exchanged by copying, never by arithmetic, so a weight comes back from an
    exchange as the same bits, also when the average holds NaN.
    """

    def __init__(self, weights: Sequence[keras.Variable], decay: float):
        if not 0 < decay < 1:
            raise UsageError(
                f"`--trainer.ema_decay` must be below 1, got {decay}. "
                "Give a rate such as 0.99, 0 for no average, or -1 for the automatic rate."
            )
        self.decay = decay
        self.weights = list(weights)
        self.averages = [
            tf.Variable(w.value, trainable=False, name=f"average/{w.path}") for w in self.weights
        ]
        self._raw: list[tf.Tensor] | None = None

    @property
    def is_active(self) -> bool:
        """Whether the model holds the averages at the moment."""
        return self._raw is not None

    def update(self, is_update: tf.Tensor) -> None:
        """Move the averages towards the weights, if the boolean tensor `is_update` is true."""
        decay = tf.where(is_update, tf.constant(self.decay), tf.constant(1.0))
        for average, weight in zip(self.averages, self.weights, strict=True):
            d = tf.cast(decay, average.dtype)
            # Not d·a + (1-d)·w when d is 1: 0·inf would be NaN.
            average.assign(tf.where(is_update, d * average + (1 - d) * weight.value, average))

    def activate(self) -> None:
        """Put the averages into the model, and keep the raw weights until `deactivate`."""
        if self._raw is not None:
            return
        self._raw = [tf.identity(w.value) for w in self.weights]
        for average, weight in zip(self.averages, self.weights, strict=True):
            weight.assign(average)

    def deactivate(self) -> None:
        """Put the raw weights back into the model."""
        if self._raw is None:
            return
        for raw, weight in zip(self._raw, self.weights, strict=True):
            weight.assign(raw)
        self._raw = None

    def restart_non_finite(self) -> list[str]:
        """Let averages in which there is a NaN or an infinity start anew from their weights; return which."""
        spoiled = []
        for average, weight in zip(self.averages, self.weights, strict=True):
            if not is_finite(average):
                average.assign(weight.value)
                spoiled.append(weight.path)
        return spoiled

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Let the model hold the averages inside this block, if it does not do so already."""
        was_active = self.is_active
        self.activate()
        try:
            yield
        finally:
            if not was_active:
                self.deactivate()
