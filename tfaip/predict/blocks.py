"""Batches enter TensorFlow several at a time: small ones cost more to bring there than to compute."""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from typing import Any

import numpy as np
import tensorflow as tf

from tfaip.data.specs import shape_text
from tfaip.errors import DataError
from tfaip.predict.exported_model import ExportedModel

LARGEST_BLOCK = 16  # a batch of 16 small images took 0.42 ms alone, 0.17 ms in a block of 4, 0.12 ms in 16
_BLOCK_BYTES = 4 << 20  # above, copying a block costs more than it saves
_TEXT_BYTES = 64  # a guess

# TypeError and ValueError: the inputs do not fit, which is found before anything is computed.
_MODEL_ERRORS = (tf.errors.OpError, TypeError, ValueError)

Arrays = dict[str, np.ndarray]


def predict_batches(model: ExportedModel, batches: Sequence[Arrays]) -> list[Arrays]:
    """Return the outputs of each batch as arrays.

    Neighbours with the same shapes go together, unless they are large or the graph leaves the shapes of its
    outputs open. Either way each batch is computed on its own, so the numbers do not depend on the others.

    Raises:
        DataError: If the model fails, or loses the batch axis.
    """
    taken = [model.taken(batch) for batch in batches]
    if not model.takes_blocks:
        return [_single(model, batch) for batch in taken]
    blocks = (_of_size(list(group), model) for _, group in groupby(taken, _shapes))
    return [outputs for block in chain.from_iterable(blocks) for outputs in _together(model, block)]


def _single(model: ExportedModel, batch: Arrays) -> Arrays:
    try:
        outputs = {key: value.numpy() for key, value in model(batch).items()}
    except _MODEL_ERRORS as error:
        if model.runs_eagerly:
            raise  # it leads into the code of the graph
        raise _failure(model, batch, error) from error
    return _checked(outputs, len(next(iter(batch.values()))))


def _together(model: ExportedModel, block: Sequence[Arrays]) -> Iterator[Arrays]:
    stacked = {key: np.stack([batch[key] for batch in block]) for key in block[0]}
    try:
        outputs = {key: value.numpy() for key, value in model.on_block(stacked).items()}
    except _MODEL_ERRORS as error:
        raise _failure(model, block[0], error) from error
    size = len(next(iter(block[0].values())))
    for number in range(len(block)):
        yield _checked({key: value[number] for key, value in outputs.items()}, size)


def _checked(outputs: Arrays, size: int) -> Arrays:
    for key, value in outputs.items():
        if value.ndim == 0 or len(value) != size:
            raise DataError(
                f"The output `{key}` of the model must have a row for each of the {size} samples of a batch, "
                f"got the shape {shape_text(value.shape)}. Keep the batch axis in `build_graph`."
            )
    return outputs


def _failure(model: ExportedModel, batch: Arrays, error: Exception) -> DataError:
    for key, spec in model.input_specs.items():
        value = batch[key]
        if not (spec.shape.is_compatible_with(value.shape) and spec.dtype == tf.as_dtype(value.dtype)):
            return DataError(
                f"The exported model takes the input `{key}` as {spec.dtype.name} of shape "
                f"{shape_text(tuple(spec.shape))}, got {value.dtype} of shape {shape_text(value.shape)}. "
                "Predict with the data of the scenario that was exported."
            )
    shapes = ", ".join(f"`{key}` {value.dtype} {shape_text(value.shape)}" for key, value in batch.items())
    return DataError(
        f"The exported model failed on a batch of {shapes}: {type(error).__name__}: {_reason(error)}."
    )


def _reason(error: Exception) -> str:
    """Return the sentence of a TensorFlow error without the places in the graph around it."""
    text = str(getattr(error, "message", error)).partition("\n\t [[")[0].strip()
    return re.sub(r"\{\{.*?\}\} ?", "", text.rpartition("\n")[2]).rstrip(".")


def _block_size(model: ExportedModel, batch: Arrays) -> int:
    inputs = sum(
        value.nbytes if value.dtype != object else value.size * _TEXT_BYTES for value in batch.values()
    )
    rows = len(next(iter(batch.values())))
    outputs = sum(rows * _bytes_of_row(spec) for spec in model.output_specs.values())
    return max(1, min(LARGEST_BLOCK, _BLOCK_BYTES // max(1, inputs + outputs)))


def _bytes_of_row(spec: tf.TensorSpec) -> int:
    size = _TEXT_BYTES if spec.dtype == tf.string else spec.dtype.size
    return size * math.prod(spec.shape[1:].as_list())  # type: ignore[arg-type] - `takes_blocks` knows them


def _of_size(batches: list[Arrays], model: ExportedModel) -> Iterator[list[Arrays]]:
    """Yield blocks of the batches, all of the same shapes, as large as is good."""
    size = _block_size(model, batches[0])
    for start in range(0, len(batches), size):
        yield batches[start : start + size]


def _shapes(batch: Arrays) -> Any:
    return tuple(value.shape for value in batch.values())
