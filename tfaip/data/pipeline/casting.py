"""Casts that keep every value, or say which value they would change."""

from typing import Any

import numpy as np


class LossyError(ValueError):
    """A value would be another one after a cast; the message names it."""


def lossless(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return `array` as `dtype`, with equal values.

    Rounding of fractions to a shorter float is accepted, an overflow to infinity is not. Whole numbers and
    0/1 pass between integers, floats and booleans, whatever their width, as long as they fit.

    Raises:
        LossyError: if a value would change, or if the kinds do not fit (text for a number).
    """
    if array.dtype == dtype:
        return array
    kinds = _kind(array.dtype) + _kind(dtype)
    # NumPy calls the way from 64-bit integers to 64-bit floats safe; it is not.
    if np.can_cast(array.dtype, dtype, "safe") and not (kinds == "if" and array.dtype.itemsize == 8):
        return array.astype(dtype)
    if kinds not in _CHANGED:
        raise LossyError(f"{array.dtype.name} does not become {dtype.name}")
    with np.errstate(invalid="ignore", over="ignore"):
        cast = array.astype(dtype)
        changed = _CHANGED[kinds](array, cast) if array.size else _NONE
    if changed.any():
        raise LossyError(f"{array[changed].flat[0]!s} does not fit {dtype.name}")
    return cast


def _kind(dtype: np.dtype) -> str:
    # The short floats of machine learning (bfloat16) have no kind of their own in NumPy.
    if dtype.kind == "V" and "float" in dtype.name:
        return "f"
    return "i" if dtype.kind == "u" else dtype.kind


def _outside(array: np.ndarray, cast: np.ndarray) -> np.ndarray:
    limits = np.iinfo(cast.dtype)
    return (array < limits.min) | (array > limits.max)


def _no_whole_number_inside(array: np.ndarray, cast: np.ndarray) -> np.ndarray:
    limits = np.iinfo(cast.dtype)
    # max + 1 is a power of two and thus exact as a float, max itself may not be.
    outside = (array < float(limits.min)) | (array >= float(limits.max) + 1)
    return outside | (array != np.trunc(array))


def _rounded(array: np.ndarray, cast: np.ndarray) -> np.ndarray:
    if abs(int(array.min())) <= _EXACT and abs(int(array.max())) <= _EXACT:
        return _NONE
    # Twenty times slower, for the long float has 64 bits for the number itself.
    return cast.astype(np.longdouble) != array.astype(np.longdouble)


def _overflown(array: np.ndarray, cast: np.ndarray) -> np.ndarray:
    return np.isinf(cast) & ~np.isinf(array)


def _neither_0_nor_1(array: np.ndarray, _: np.ndarray) -> np.ndarray:
    return (array != 0) & (array != 1)


_NONE = np.zeros((), bool)
_EXACT = 1 << 8  # the smallest float in use, bfloat16, has 8 bits for the number itself

# From kind to kind (b bool, i integer, f float): the values that the cast changed.
_CHANGED: dict[str, Any] = {
    "ii": _outside,
    "fi": _no_whole_number_inside,
    "if": _rounded,
    "ff": _overflown,
    "ib": _neither_0_nor_1,
    "fb": _neither_0_nor_1,
}
