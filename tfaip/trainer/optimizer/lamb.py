"""LAMB in the form of its paper, as a Keras optimizer."""

import re
from typing import Any, Optional

import keras
import tensorflow as tf

from tfaip.trainer.optimizer.adabelief import one_minus_power


class LAMB(keras.optimizers.Optimizer):
    """LAMB: Adam's step, rescaled for each variable to the size of its weights.

    With Adam's bias-corrected means m̂ and v̂ and the weight θ:

        u = m̂ / (√v̂ + ε) + weight_decay·θ
        θ = θ - lr·(‖θ‖/‖u‖)·u            (the ratio is 1 where one of the norms is 0)

    `keras.optimizers.Lamb` leaves the weight decay out of u and adapts every variable; this one does not.

    Args:
        learning_rate: A number or a schedule.
        beta_1: Decay of the mean of the gradients.
        beta_2: Decay of the mean of the squared gradients.
        epsilon: Added to the denominator.
        weight_decay: See u above.
        exclude_from_weight_decay: Regular expressions; variables in whose path one is found do not decay.
        exclude_from_layer_adaptation: Regular expressions; for these the ratio is 1. `None`: the same as
            `exclude_from_weight_decay`.
        kwargs: Arguments of all Keras optimizers.

    Source: You et al., "Large Batch Optimization for Deep Learning", ICLR 2020, algorithm 2.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-6,
        weight_decay: float = 0.0,
        exclude_from_weight_decay: Optional[list[str]] = None,
        exclude_from_layer_adaptation: Optional[list[str]] = None,
        **kwargs: Any,
    ) -> None:
        # Keras would subtract its own weight decay before the step.
        super().__init__(learning_rate=learning_rate, weight_decay=None, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self._decay = weight_decay or 0.0
        self._undecayed = list(exclude_from_weight_decay or [])
        self._unadapted = exclude_from_layer_adaptation

    def build(self, variables: list[Any]) -> None:
        """Create the running means of `variables`, and find out which are excluded."""
        if self.built:
            return
        super().build(variables)
        self._means = self.add_optimizer_variables(variables, "mean")
        self._squares = self.add_optimizer_variables(variables, "square")
        unadapted = self._undecayed if self._unadapted is None else self._unadapted
        self._decays = [not _is_found(self._undecayed, v.path) for v in variables]
        self._adapts = [not _is_found(unadapted, v.path) for v in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update `variable`."""
        index = self._get_variable_index(variable)
        gradient = tf.cast(gradient, variable.dtype)
        mean, square = self._means[index], self._squares[index]
        self.assign(mean, self.beta_1 * mean + (1 - self.beta_1) * gradient)
        self.assign(square, self.beta_2 * square + (1 - self.beta_2) * tf.square(gradient))
        iterations: Any = self.iterations
        t = tf.cast(iterations + 1, variable.dtype)
        root = tf.sqrt(square / one_minus_power(self.beta_2, t))
        step = mean / one_minus_power(self.beta_1, t) / (root + self.epsilon)
        if self._decay > 0 and self._decays[index]:
            step = step + self._decay * variable
        if self._adapts[index]:
            step = _ratio_of_norms(variable, step) * step
        self.assign_sub(variable, tf.cast(learning_rate, variable.dtype) * step)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "weight_decay": self._decay,
            "exclude_from_weight_decay": self._undecayed,
            "exclude_from_layer_adaptation": self._unadapted,
        }


def _ratio_of_norms(weight: Any, step: Any) -> Any:
    weight_norm = tf.sqrt(tf.reduce_sum(tf.square(weight)))
    step_norm = tf.sqrt(tf.reduce_sum(tf.square(step)))
    are_positive = tf.logical_and(weight_norm > 0, step_norm > 0)
    return tf.where(are_positive, weight_norm / tf.where(are_positive, step_norm, 1.0), 1.0)


def _is_found(patterns: list[str], path: str) -> bool:
    return any(re.search(pattern, path) for pattern in patterns)
