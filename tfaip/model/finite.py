"""Which weights of a training hold numbers that are not finite."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf


def is_finite(tensor: Any) -> bool:
    """Return whether a tensor or array holds no NaN and no infinity; whole numbers and text have none."""
    array = np.asarray(tensor)
    return not tf.as_dtype(array.dtype).is_floating or bool(np.isfinite(array).all())


class FiniteWeights:
    """Tells which weights are spoiled; those that hold an infinity from the start, as masks do, are not.

    Args:
        weights: Variables or arrays.
    """

    def __init__(self, weights: Sequence[Any]):
        self._finite_at_first = [is_finite(weight) for weight in weights]

    def spoiled(self, names: Sequence[str], weights: Sequence[Any]) -> list[str]:
        """Return the names of the weights that are no longer finite, given in the same order as at first."""
        rows = zip(names, weights, self._finite_at_first, strict=True)
        return [name for name, weight, was_finite in rows if was_finite and not is_finite(weight)]
