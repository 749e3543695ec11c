"""Arrays of zeros and ones in an eighth of the space."""

import sys
from typing import Any

import numpy as np

_WEIGHTS = np.array([128, 64, 32, 16, 8, 4, 2, 1], "int32")  # the first value is the highest bit


def packsize(size: int) -> int:
    """Return how many bytes hold `size` bits."""
    return (size - 1) // 8 + 1


def packbits(array: np.ndarray) -> np.ndarray:
    """Return the zeros and ones of the last axis as bits, the first value in the highest bit.

    Args:
        array: Zeros and ones `(..., N)`.

    Returns:
        Bytes `(..., packsize(N))`; the last byte is filled up with zeros.
    """
    return np.packbits(np.asarray(array).astype(bool), axis=-1)


def unpackbits(array: Any, length: int) -> Any:
    """Return the `length` zeros and ones that `packbits` packed, as bytes.

    Args:
        array: Bytes `(..., packsize(length))`, a NumPy array or a tensor.
        length: Values along the last axis.

    Returns:
        Zeros and ones `(..., length)` of the same kind.
    """
    if isinstance(array, np.ndarray):
        return np.unpackbits(array, axis=-1, count=length)
    tf = sys.modules["tensorflow"]  # who has a tensor has loaded it
    bits = (tf.cast(array, tf.int32)[..., tf.newaxis] // _WEIGHTS) % 2
    flat = tf.reshape(bits, tf.concat([tf.shape(array)[:-1], [-1]], 0))
    return tf.cast(flat[..., :length], tf.uint8)
