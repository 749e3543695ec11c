"""The tensors of a batch, as TensorFlow describes them."""

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfaip.data.specs import as_spec

if TYPE_CHECKING:
    from tfaip.data.data import DataBase


def batch_specs(data: "DataBase") -> tuple[Any, Any, Any]:
    """Return the `tf.TensorSpec`s of a training batch, with batch axis."""
    parts = (data.input_layer_specs(), data.target_layer_specs(), data.meta_layer_specs())
    return tuple(_batched(part) for part in parts)  # type: ignore[return-value]


def _batched(specs: dict[str, Any]) -> dict[str, tf.TensorSpec]:
    batched = {}
    for key, given in specs.items():
        spec = as_spec(given)
        batched[key] = tf.TensorSpec((None, *spec.shape), tf.as_dtype(spec.dtype), name=key)
    return batched
