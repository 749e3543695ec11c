"""Tensor specifications without TensorFlow: what a scenario's tensors look like."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfaip.data.pipeline.definitions import INPUT_PROCESSOR, TARGETS_PROCESSOR, PipelineMode
from tfaip.errors import UsageError

STRING = "string"


@dataclass(frozen=True)
class TensorSpec:
    """Shape and dtype of a tensor without its batch axis; reads like `tf.TensorSpec`.

    `shape` is a tuple, `None` marks an axis that is padded to the longest sample of a batch. `dtype` is
    given as a name, a NumPy or a TensorFlow dtype; it is kept as a NumPy dtype, or as `"string"` for text.
    """

    shape: tuple[int | None, ...]
    dtype: Any = "float32"
    name: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _as_shape(self.shape))
        object.__setattr__(self, "dtype", _as_dtype(self.dtype))

    @property
    def is_string(self) -> bool:
        """Whether the tensor holds text."""
        return isinstance(self.dtype, str)

    @property
    def dtype_name(self) -> str:
        """The name of the dtype, the same in NumPy, TensorFlow and Keras."""
        return STRING if self.is_string else self.dtype.name

    def __str__(self) -> str:
        return f"{self.dtype_name} of shape {shape_text(self.shape)}"


def as_spec(given: Any) -> TensorSpec:
    """Return a `TensorSpec` for anything with a shape and a dtype, such as a `tf.TensorSpec`."""
    if isinstance(given, TensorSpec):
        return given
    if not hasattr(given, "shape") or not hasattr(given, "dtype"):
        raise UsageError(
            f"a tensor specification must have a shape and a dtype, got {given!r} "
            f"({type(given).__name__}). Use `tfaip.data.specs.TensorSpec` or `tf.TensorSpec`."
        )
    return TensorSpec(given.shape, given.dtype, getattr(given, "name", None))


def as_specs(given: Mapping[str, Any], *, source: str) -> dict[str, TensorSpec]:
    """Return the specifications that the hook `source` gave, by key, after a look at each of them.

    Raises:
        UsageError: if it is no dict, or one of them is no specification or has no axis.
    """
    if not isinstance(given, Mapping):
        raise UsageError(f"`{source}` must return a dict of specifications by key, got {given!r}.")
    specs: dict[str, TensorSpec] = {}
    for key, value in given.items():
        try:
            specs[key] = as_spec(value)
        except UsageError as error:
            raise UsageError(f"`{source}` gives for the key `{key}`: {error}") from error
        if not specs[key].shape:
            raise UsageError(
                f"`{source}` gives the key `{key}` the shape (), which has no axis. Use the shape (1,) and "
                "let the processor write scalars as arrays of one value."
            )
    return specs


def parts_of_mode(mode: PipelineMode) -> tuple[str, ...]:
    """Return which parts of a sample make a batch of `mode`, in the order of the batch."""
    inputs = ("inputs",) if mode in INPUT_PROCESSOR else ()
    targets = ("targets",) if mode in TARGETS_PROCESSOR else ()
    return (*inputs, *targets, "meta")


def shape_text(shape: tuple[int | None, ...]) -> str:
    """Return a shape as Python writes a tuple, also for one that is not hashable or holds NumPy numbers."""
    return str(tuple(None if size is None else int(size) for size in shape))


def _as_shape(shape: Any) -> tuple[int | None, ...]:
    try:
        return tuple(None if size is None else int(size) for size in shape)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"the shape of a specification must be a list of sizes without the batch axis, got {shape!r}. "
            "Write None for an axis that is padded."
        ) from error


def _as_dtype(dtype: Any) -> Any:
    if getattr(dtype, "name", dtype) == STRING or dtype in (str, bytes):
        return STRING
    try:
        resolved = np.dtype(getattr(dtype, "as_numpy_dtype", dtype))
    except TypeError as error:
        raise UsageError(f"the dtype of a specification is unknown: {dtype!r}.") from error
    return STRING if resolved.kind in "OSU" else resolved.newbyteorder("=")
