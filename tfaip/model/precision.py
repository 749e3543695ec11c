"""The precision that a model computes in: while it trains, and where it is exported."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from tfaip.model.sub_layers import with_sub_layers

logger = logging.getLogger(__name__)

FLOAT16, BFLOAT16 = "mixed_float16", "mixed_bfloat16"
_HALVES = (tf.float16, tf.bfloat16)


@contextlib.contextmanager
def built_with(policy: str) -> Iterator[None]:
    """Let the layers that are created in this block compute as the Keras dtype policy of that name says."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def computing_in_float32(layer: keras.layers.Layer) -> Iterator[None]:
    """Let `layer` and all below it that compute in half precision compute in float32 in this block.

    It acts on what is traced or run in the block. The weights are float32 anyway.
    """
    mixed = [x for x in with_sub_layers(layer) if tf.as_dtype(x.compute_dtype) in _HALVES]
    policies: list[Any] = [x.dtype_policy for x in mixed]
    for one in mixed:
        one.dtype_policy = "float32"
    try:
        yield
    finally:
        for one, policy in zip(mixed, policies, strict=True):
            one.dtype_policy = policy


def usable_policy(name: str) -> str:
    """Return the name of a Keras dtype policy that this machine can compute in: on a CPU not float16."""
    if name != FLOAT16 or tf.config.list_logical_devices("GPU"):
        return name
    logger.warning("`--trainer.precision %s` needs a GPU; on this machine it is %s.", name, BFLOAT16)
    return BFLOAT16


def with_scaled_loss(optimizer: keras.optimizers.Optimizer, policy: str) -> keras.optimizers.Optimizer:
    """Return the optimizer of a dtype policy: in float16 the loss is scaled, lest small gradients vanish."""
    return keras.optimizers.LossScaleOptimizer(optimizer) if policy == FLOAT16 else optimizer


def loss_scale(optimizer: Any) -> tf.Tensor | None:
    """Return the factor by which the loss is scaled, a scalar; `None` if it is not scaled."""
    is_scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    return tf.convert_to_tensor(optimizer.dynamic_scale) if is_scaled else None


def in_float32(tensors: Any) -> Any:
    """Return the same structure with all tensors of half precision cast to float32."""
    return tf.nest.map_structure(lambda x: tf.cast(x, tf.float32) if _is_half(x) else x, tensors)


def _is_half(x: Any) -> bool:
    return getattr(x, "dtype", None) in _HALVES
