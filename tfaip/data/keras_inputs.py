"""Keras inputs and TensorFlow specifications from the specifications of a scenario."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfaip.data.specs import TensorSpec, as_spec


def keras_inputs(specs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a symbolic Keras input for each specification, named after its key."""
    return {key: _keras_input(key, as_spec(spec)) for key, spec in specs.items()}


def tf_spec(spec: Any, *, batch_size: int | None = None) -> tf.TensorSpec:
    """Return the `tf.TensorSpec` of a batch of `spec`; `batch_size` None leaves that axis open."""
    light = as_spec(spec)
    return tf.TensorSpec((batch_size, *light.shape), light.dtype_name, light.name)


def tf_specs(specs: Mapping[str, Any], *, batch_size: int | None = None) -> dict[str, tf.TensorSpec]:
    """Return the `tf.TensorSpec` of a batch of each specification."""
    return {key: tf_spec(spec, batch_size=batch_size) for key, spec in specs.items()}


def _keras_input(key: str, spec: TensorSpec) -> Any:
    return keras.Input(shape=spec.shape, dtype=spec.dtype_name, name=key)
