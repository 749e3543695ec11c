"""AdaBelief as a Keras optimizer."""

import math
from typing import Any, Optional

import keras
import tensorflow as tf


class AdaBelief(keras.optimizers.Optimizer):
    """AdaBelief: Adam whose step shrinks where gradients differ from what was expected.

    With gradient g, weight θ and t the number of this update, from 1:

        m = β₁·m + (1-β₁)·g                 m̂ = m / (1-β₁ᵗ)
        v = β₂·v + (1-β₂)·(g-m)² + ε        v̂ = v / (1-β₂ᵗ)      (`amsgrad`: the largest v so far)
        θ = θ - lr·(step + weight_decay·θ)   step = r·m̂ / (√v̂ + ε)

    Without `rectify`, r is 1. With it, n∞ = 2/(1-β₂) - 1 and n = n∞ - 2·t·β₂ᵗ/(1-β₂ᵗ), the length of the
    moving average. As long as n is below `sma_threshold`, the step is m̂; afterwards r = √((n-4)/(n∞-4) ·
    (n-2)/(n∞-2) · n∞/n).

    Args:
        learning_rate: A number or a schedule.
        beta_1: Decay of the mean of the gradients.
        beta_2: Decay of the deviation of the gradients.
        epsilon: Added to the deviation and to the denominator.
        weight_decay: Decoupled weight decay; `None`: none.
        rectify: Rectify the first steps.
        amsgrad: Use the largest deviation so far.
        sma_threshold: Least n of a rectified step.
        total_steps: Updates over which the learning rate rises and falls; 0: it does neither.
        warmup_proportion: Share of `total_steps` in which it rises from 0.
        min_lr: Learning rate after `total_steps`.
        kwargs: Arguments of all Keras optimizers.

    Source: Zhuang et al., "AdaBelief Optimizer", NeurIPS 2020, algorithm 2; Liu et al., "On the Variance of
    the Adaptive Learning Rate and Beyond", ICLR 2020, for the rectification.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-14,
        weight_decay: Optional[float] = None,
        rectify: bool = True,
        amsgrad: bool = False,
        sma_threshold: float = 5.0,
        total_steps: int = 0,
        warmup_proportion: float = 0.1,
        min_lr: float = 0.0,
        **kwargs: Any,
    ) -> None:
        if total_steps > 0 and not isinstance(learning_rate, RiseAndFall):
            # As a schedule, so that Keras applies it to the weight decay, too.
            learning_rate = RiseAndFall(learning_rate, total_steps, warmup_proportion, min_lr)
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.rectify = rectify
        self.amsgrad = amsgrad
        self.sma_threshold = sma_threshold
        self.total_steps = total_steps
        self.warmup_proportion = warmup_proportion
        self.min_lr = min_lr

    def build(self, variables: list[Any]) -> None:
        """Create the running means of `variables`."""
        if self.built:
            return
        super().build(variables)
        self._means = self.add_optimizer_variables(variables, "mean")
        self._deviations = self.add_optimizer_variables(variables, "deviation")
        if self.amsgrad:
            self._largest = self.add_optimizer_variables(variables, "largest_deviation")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update `variable`; Keras has subtracted the weight decay before."""
        gradient = tf.cast(gradient, variable.dtype)
        mean = self._means[self._get_variable_index(variable)]
        deviation = self._deviations[self._get_variable_index(variable)]
        self.assign(mean, self.beta_1 * mean + (1 - self.beta_1) * gradient)
        squared = tf.square(gradient - mean)
        self.assign(deviation, self.beta_2 * deviation + (1 - self.beta_2) * squared + self.epsilon)
        if self.amsgrad:
            largest = self._largest[self._get_variable_index(variable)]
            self.assign(largest, tf.maximum(largest, deviation))
            deviation = largest
        iterations: Any = self.iterations
        step = self._step(mean, deviation, tf.cast(iterations + 1, variable.dtype))
        self.assign_sub(variable, tf.cast(learning_rate, variable.dtype) * step)

    def _step(self, mean: Any, deviation: Any, t: Any) -> Any:
        mean = mean / one_minus_power(self.beta_1, t)
        rest = one_minus_power(self.beta_2, t)
        adapted = mean / (tf.sqrt(deviation / rest) + self.epsilon)
        if not self.rectify:
            return adapted
        longest = 2 / (1 - self.beta_2) - 1
        if longest <= self.sma_threshold:
            return mean
        length = longest - 2 * t * (1 - rest) / rest
        squared_factor = (length - 4) / (longest - 4) * (length - 2) / (longest - 2) * longest / length
        factor = tf.sqrt(tf.maximum(squared_factor, 0.0))
        return tf.where(length >= self.sma_threshold, factor * adapted, mean)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "rectify": self.rectify,
            "amsgrad": self.amsgrad,
            "sma_threshold": self.sma_threshold,
            "total_steps": self.total_steps,
            "warmup_proportion": self.warmup_proportion,
            "min_lr": self.min_lr,
        }


@keras.saving.register_keras_serializable("tfaip")
class RiseAndFall(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises linearly from 0, then falls linearly to a last value.

    Args:
        learning_rate: A number or a schedule; what the rate rises to.
        total_steps: Updates until the last value.
        warmup_proportion: Share of `total_steps` in which the rate rises.
        min_lr: The last value.
    """

    def __init__(self, learning_rate: Any, total_steps: int, warmup_proportion: float, min_lr: float) -> None:
        super().__init__()
        self._learning_rate = learning_rate
        self._total_steps = total_steps
        self._warmup_proportion = warmup_proportion
        self._min_lr = min_lr

    def __call__(self, step: Any) -> Any:
        """Return the rate of the update after `step` updates."""
        t = tf.cast(step, tf.float32) + 1
        base: Any = self._learning_rate
        peak: Any = base(step) if callable(base) else base
        peak = tf.cast(peak, tf.float32)
        rise = self._total_steps * self._warmup_proportion
        fall = max(self._total_steps - rise, 1)
        rising = peak * t / max(rise, 1)
        falling = peak + (self._min_lr - peak) * tf.minimum(t - rise, fall) / fall
        return tf.where(t <= rise, rising, falling)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        base = self._learning_rate
        if callable(base):
            base = keras.optimizers.schedules.serialize(base)
        return {
            "learning_rate": base,
            "total_steps": self._total_steps,
            "warmup_proportion": self._warmup_proportion,
            "min_lr": self._min_lr,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "RiseAndFall":
        """Return the schedule that `get_config` described."""
        base = config["learning_rate"]
        if isinstance(base, dict):
            base = keras.optimizers.schedules.deserialize(base)
        return cls(**{**config, "learning_rate": base})


def one_minus_power(base: float, exponent: Any) -> Any:
    """Return `1 - base ** exponent` without the loss of digits where the power is close to 1."""
    logarithm = math.log(base) if base > 0 else -math.inf
    return -tf.math.expm1(exponent * logarithm)
