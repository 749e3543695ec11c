"""A model in an ONNX file as a function from tensors to tensors, computed by ONNX Runtime."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfaip.errors import UsageError
from tfaip.scenario.formats import onnx_session

SUFFIX = ".onnx"
_DTYPES = {
    "float16": tf.float16,
    "float": tf.float32,
    "double": tf.float64,
    "bool": tf.bool,
    "string": tf.string,
    **{name: tf.as_dtype(name) for sign in ("", "u") for name in (f"{sign}int{n}" for n in (8, 16, 32, 64))},
}

Specs = dict[str, tf.TensorSpec]


def onnx_graph(path: Path) -> tuple[Specs, Callable[[Any], Any], Any]:
    """Return the inputs, with batch axis, the function from inputs to outputs, and what keeps it alive.

    Raises:
        UsageError: There is no such file, or ONNX Runtime is not installed.
        StorageError: The file can not be loaded.
    """
    if not path.is_file():
        raise UsageError(
            f"There is no ONNX file `{path}`. `tfaip-export DIR --format onnx` writes one from an export."
        )
    session = onnx_session(path)
    outputs = _specs(session.get_outputs())
    inputs = _specs(session.get_inputs())

    def run(*arrays: Any) -> list[Any]:
        return session.run(list(outputs), dict(zip(inputs, arrays, strict=True)))

    def call(tensors: Any) -> dict[str, Any]:
        dtypes = [spec.dtype for spec in outputs.values()]
        values = tf.numpy_function(run, [tensors[key] for key in inputs], dtypes)
        return {
            key: tf.ensure_shape(value, spec.shape)
            for (key, spec), value in zip(outputs.items(), values, strict=True)
        }

    return inputs, call, session


def _specs(nodes: Any) -> Specs:
    return {
        node.name: tf.TensorSpec(
            [axis if isinstance(axis, int) else None for axis in node.shape],
            _DTYPES[node.type.removeprefix("tensor(").removesuffix(")")],
            name=node.name,
        )
        for node in nodes
    }
