"""Input-gradient regularisation: a small step along the loss's own gradient may not change the loss much."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tfaip.errors import UsageError
from tfaip.model.modelbase import Tensors


@dataclass(frozen=True)
class InputGradientPenalty:
    """The penalty `weight * ((L(x + h·g) - L(x)) / h)²`, where g is the unit gradient of the loss L by x.

    Fields: `key` names the input x; g has length 1 for each sample, and is a constant when the penalty is
    differentiated. The second pass that computes L(x + h·g) sees the same random numbers and states of layers
    as the first one, and leaves none behind.
    """

    key: str
    h: float
    weight: float

    def add_to(
        self,
        tape: tf.GradientTape,
        inputs: Tensors,
        state: Sequence[keras.Variable],
        first_pass: Callable[[], Any],
        loss_of: Callable[[Tensors], tf.Tensor],
    ) -> tuple[Any, tf.Tensor]:
        """Return what `first_pass` returned, and its loss with the penalty added.

        Args:
            tape: Records what is minimised.
            inputs: The inputs of the batch by name.
            state: What a pass changes besides metrics: random seeds, moving averages.
            first_pass: Evaluates the batch; the result has a `total_loss`.
            loss_of: Returns the total loss of the batch with other inputs.
        """
        x = inputs[self.key]
        before = [tf.identity(variable.value) for variable in state]
        with tf.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(x)
            evaluated = first_pass()
        after = [tf.identity(variable.value) for variable in state]
        with tape.stop_recording():
            gradient = inner.gradient(evaluated.total_loss, x)
        if gradient is None:
            raise UsageError(
                f"The loss does not depend on the input `{self.key}`, so its gradient cannot be regularised. "
                "Return another key from `input_tensor_key_for_regularization` of the data."
            )
        _assign(state, before)
        moved = loss_of({**inputs, self.key: x + self.h * per_sample_unit(gradient)})
        _assign(state, after)
        slope = (moved - evaluated.total_loss) / self.h
        return evaluated, evaluated.total_loss + self.weight * slope**2


def per_sample_unit(x: tf.Tensor) -> tf.Tensor:
    """Return `x` of shape `(N, ...)`, each of the N parts divided by its L2 norm; zeros stay zeros."""
    flat = tf.reshape(x, [tf.shape(x)[0], -1])
    norms = tf.norm(flat, axis=1, keepdims=True)
    return tf.reshape(tf.math.divide_no_nan(flat, norms), tf.shape(x))


def _assign(variables: Sequence[keras.Variable], values: Sequence[tf.Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
