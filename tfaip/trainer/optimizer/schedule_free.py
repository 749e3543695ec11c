"""Schedule-free AdamW as a Keras optimizer, and the averaged weights that it evaluates with."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfaip.model.weight_average import JudgedWeights
from tfaip.trainer.optimizer.adabelief import one_minus_power


class ScheduleFreeAdamW(keras.optimizers.Optimizer):
    """AdamW that averages its weights instead of letting the learning rate fall.

    The model holds y, between the weights z that take the steps and their average x. With gradient g at y,
    and t the number of this update, from 1:

        r = lr·min(1, t/warmup_steps)
        v = β₂·v + (1-β₂)·g²
        z = z - r·(g / (√(v / (1-β₂ᵗ)) + ε) + weight_decay·y)
        x = (1-c)·x + c·z         c = r² / (r² of all updates so far)
        y = (1-β₁)·z + β₁·x

    x is what validation and exports use. It is not stored: x = (y - (1-β₁)·z) / β₁. The class of the same
    name in Keras 3.15 reads z after its step where that of before is needed, and decays y alone.

    Args:
        learning_rate: A number or a schedule.
        beta_1: Share of the average in y, in (0, 1].
        beta_2: Decay of the mean of the squared gradients.
        epsilon: Added to the denominator.
        warmup_steps: Updates in which the rate rises.
        weight_decay: See z above.
        kwargs: Arguments of all Keras optimizers.

    Source: Defazio et al., "The Road Less Scheduled", NeurIPS 2024, algorithm 1.
    """

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        weight_decay: float | None = None,
        **kwargs: Any,
    ) -> None:
        # Keras would decay y itself.
        super().__init__(learning_rate=learning_rate, weight_decay=None, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.warmup_steps = warmup_steps
        self._decay = weight_decay or 0.0

    def build(self, variables: list[Any]) -> None:
        """Create z and v of `variables`, and the sums of squared rates."""
        if self.built:
            return
        super().build(variables)
        self._averaged = list(variables)
        self._stepped = self.add_optimizer_variables(variables, "stepped")
        self._squares = self.add_optimizer_variables(variables, "square")
        # One for each variable, because each is updated by itself.
        self._rates = [self.add_variable((), name=f"squared_rates_{i}") for i in range(len(variables))]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update `variable`."""
        index = self._get_variable_index(variable)
        stepped, square, rates = self._stepped[index], self._squares[index], self._rates[index]
        squared_rates = tf.convert_to_tensor(rates)
        dtype = variable.dtype
        gradient = tf.cast(gradient, dtype)
        iterations: Any = self.iterations
        t = tf.cast(iterations + 1, dtype)
        y = tf.convert_to_tensor(variable)
        # Before the first update, because a warm start may come after `build`.
        z = tf.where(squared_rates > 0, tf.convert_to_tensor(stepped), y)
        x = (y - (1 - self.beta_1) * z) / self.beta_1
        rate = tf.cast(learning_rate, dtype) * tf.minimum(1.0, t / max(self.warmup_steps, 1))
        self.assign(square, self.beta_2 * square + (1 - self.beta_2) * tf.square(gradient))
        root = tf.sqrt(square / one_minus_power(self.beta_2, t))
        z = z - rate * (gradient / (root + self.epsilon) + self._decay * y)
        squared_rates += tf.cast(tf.square(rate), squared_rates.dtype)
        self.assign(rates, squared_rates)
        share = tf.math.divide_no_nan(tf.square(rate), tf.cast(squared_rates, dtype))
        x = (1 - share) * x + share * z
        self.assign(stepped, z)
        self.assign(variable, (1 - self.beta_1) * z + self.beta_1 * x)

    def averages(self) -> list[tuple[Any, tf.Tensor]]:
        """Return each variable with its average x; before its first update it is the variable."""
        found = []
        for variable, stepped, rates in zip(self._averaged, self._stepped, self._rates, strict=True):
            y, z = tf.convert_to_tensor(variable), tf.convert_to_tensor(stepped)
            x = (y - (1 - self.beta_1) * z) / self.beta_1
            found.append((variable, tf.where(tf.convert_to_tensor(rates) > 0, x, y)))
        return found

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "warmup_steps": self.warmup_steps,
            "weight_decay": self._decay,
        }


class ScheduleFreeAverage(JudgedWeights):
    """The averages of schedule-free optimizers; they follow from the weights and the optimizers."""

    def __init__(self, optimizers: Sequence[ScheduleFreeAdamW]):
        super().__init__([variable for one in optimizers for variable, _ in one.averages()])
        self._optimizers = list(optimizers)

    def values(self) -> list[tf.Tensor]:
        """Return the averages."""
        return [average for one in self._optimizers for _, average in one.averages()]
