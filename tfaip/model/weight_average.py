"""The exponential moving average of the weights, kept beside them."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfaip.errors import UsageError
from tfaip.model.finite import is_finite


def automatic_decay(batch_size: int, samples_per_epoch: int) -> float:
    """Return the decay for `ema_decay -1`: clip(0.75^(batch/samples per epoch), 0.99, 0.99975)."""
    decay = 0.75 ** (batch_size / max(samples_per_epoch, 1))
    return min(max(decay, 0.99), 0.99975)


class JudgedWeights:
    """Other values of the weights, which the model holds where it is judged: validated and exported.

    They are exchanged with the raw ones by copying, never by arithmetic, so a weight comes back from an
    exchange as the same bits, also when the other values hold NaN. Override `values`.

    Attributes:
        weights: The variables whose values are exchanged.
        averages: Variables that belong into a checkpoint; none, if the values follow from others.
    """

    def __init__(self, weights: Sequence[keras.Variable]):
        self.weights = list(weights)
        self.averages: list[tf.Variable] = []
        self._raw: list[tf.Tensor] | None = None

    def values(self) -> list[Any]:
        """Return the other value of each weight."""
        raise NotImplementedError(f"`{type(self).__name__}.values` is missing: return a tensor per weight.")

    def update(self, is_update: tf.Tensor) -> None:
        """Take note of a step, in the graph; the boolean tensor says whether it has changed the weights."""

    def restart_non_finite(self) -> list[str]:
        """Repair what is not finite and would stay so; return the paths of the weights."""
        return []

    @property
    def is_active(self) -> bool:
        """Whether the model holds the other values at the moment."""
        return self._raw is not None

    def activate(self) -> None:
        """Put the other values into the model, and keep the raw ones until `deactivate`."""
        if self._raw is not None:
            return
        values = self.values()
        self._raw = [tf.identity(w.value) for w in self.weights]
        for value, weight in zip(values, self.weights, strict=True):
            weight.assign(value)

    def deactivate(self) -> None:
        """Put the raw values back into the model."""
        if self._raw is None:
            return
        for raw, weight in zip(self._raw, self.weights, strict=True):
            weight.assign(raw)
        self._raw = None

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Let the model hold the other values inside this block, if it does not do so already."""
        was_active = self.is_active
        self.activate()
        try:
            yield
        finally:
            if not was_active:
                self.deactivate()


class WeightAverage(JudgedWeights):
    """The average `a ← d·a + (1 - d)·w` of weights `w`, started as a copy of them."""

    def __init__(self, weights: Sequence[keras.Variable], decay: float):
        if not 0 < decay < 1:
            raise UsageError(
                f"`--trainer.ema_decay` must be below 1, got {decay}. "
                "Give a rate such as 0.99, 0 for no average, or -1 for the automatic rate."
            )
        super().__init__(weights)
        self.decay = decay
        self.averages = [
            tf.Variable(w.value, trainable=False, name=f"average/{w.path}") for w in self.weights
        ]

    def values(self) -> list[Any]:
        """Return the averages."""
        return list(self.averages)

    def update(self, is_update: tf.Tensor) -> None:
        """Move the averages towards the weights, if the boolean tensor `is_update` is true."""
        decay = tf.where(is_update, tf.constant(self.decay), tf.constant(1.0))
        for average, weight in zip(self.averages, self.weights, strict=True):
            d = tf.cast(decay, average.dtype)
            # Not d·a + (1-d)·w when d is 1: 0·inf would be NaN.
            average.assign(tf.where(is_update, d * average + (1 - d) * weight.value, average))

    def restart_non_finite(self) -> list[str]:
        """Let averages in which there is a NaN or an infinity start anew from their weights; return which."""
        spoiled = []
        for average, weight in zip(self.averages, self.weights, strict=True):
            if not is_finite(average):
                average.assign(weight.value)
                spoiled.append(weight.path)
        return spoiled
