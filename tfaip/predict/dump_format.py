"""How a sample becomes text and bytes in a dump, and how it comes back; nothing of it is ever run.

The layout of a sample is JSON, one node for each part of it, nested as the sample is:

    {"dict": {name: node}}   {"list": [node]}   {"tuple": [node]}
    {"array": [type, shape, offset]}     an array, or with shape null a single number, in the data
    {"texts": [shape, [text]]}           an array of text, or with shape null a single one
    {"bytes": [shape, [text]]}           the same of bytes, each written as the character of its number
    {"value": anything}                  whatever else JSON can say; params as a dict that names their class

Types are those of `numpy.dtype.str`, for example `<f4`; arrays lie row by row, from `offset` on.
"""

import json
import math
from functools import lru_cache
from typing import Any

import numpy as np

from tfaip.data.pipeline.definitions import Sample
from tfaip.errors import DataError, UntrustedError
from tfaip.params.json_codec import TFAIPJsonDecoder, TFAIPJsonEncoder

PARTS = ("inputs", "targets", "outputs")

_KINDS = "biufcUmM"  # of numbers, texts of one length and times; an array of objects would be code
_ALIGNMENT = 8  # bytes; arrays at odd places are slower, and not all libraries take them
_encode_json = TFAIPJsonEncoder().encode
_decode_json = TFAIPJsonDecoder().decode


def encode(sample: Sample) -> tuple[str, str, bytes]:
    """Return the layout of a sample, its meta data as JSON, and the data of its arrays.

    Raises:
        DataError: If it holds what is neither array nor JSON; it names the part.
    """
    writer = _Writer()
    layout = {part: writer.node(part, getattr(sample, part)) for part in PARTS}
    return json.dumps(layout), _as_json("meta", sample.meta), b"".join(writer.chunks)


def decode(layout: str, meta: str, data: bytes) -> Sample:
    """Return the sample that `encode` took apart; its arrays may be written to.

    Raises:
        ValueError: If the three do not belong together.
    """
    nodes = _parsed(layout)
    buffer = bytearray(data)
    parts = {part: _decoded(nodes[part], buffer) for part in PARTS}
    return Sample(**parts, meta=_decode_json(meta))


class _Writer:
    """Collects the data of arrays while the layout is made."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self._offset = 0

    def node(self, path: str, value: Any) -> dict[str, Any]:
        if hasattr(value, "numpy"):
            value = value.numpy()
        if isinstance(value, np.ndarray):
            return self._array(path, value, list(value.shape))
        if isinstance(value, np.generic | bytes):
            return self._array(path, np.asarray(value), None)
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    raise DataError(f"`{path}` has the key {key!r}; a dump takes keys that are texts.")
            return {"dict": {key: self.node(f"{path}/{key}", item) for key, item in value.items()}}
        if isinstance(value, list | tuple):
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [self.node(f"{path}/{i}", item) for i, item in enumerate(value)]}
        return {"value": json.loads(_as_json(path, value))}

    def _array(self, path: str, array: np.ndarray, shape: list[int] | None) -> dict[str, Any]:
        if array.dtype.kind == "O":
            return _texts(path, array, shape)
        if array.dtype.kind == "S":  # NumPy drops zeros at the end of those
            return {"bytes": [shape, [item.decode("latin-1") for item in array.ravel().tolist()]]}
        if array.dtype.kind == "V" and "float" in array.dtype.name:
            array = array.astype(np.float32)  # bfloat16 and its kin are no types of NumPy
        if array.dtype.kind not in _KINDS:
            raise DataError(f"`{path}` is an array of type {array.dtype}, which a dump does not take.")
        chunk = array.tobytes()
        node = {"array": [array.dtype.str, shape, self._offset]}
        padding = bytes(-len(chunk) % _ALIGNMENT)
        self.chunks += [chunk, padding]
        self._offset += len(chunk) + len(padding)
        return node


def _texts(path: str, array: np.ndarray, shape: list[int] | None) -> dict[str, Any]:
    items = array.ravel().tolist()
    if all(isinstance(item, bytes) for item in items):
        return {"bytes": [shape, [item.decode("latin-1") for item in items]]}
    if all(isinstance(item, str) for item in items):
        return {"texts": [shape, items]}
    kinds = sorted({type(item).__name__ for item in items})
    raise DataError(
        f"`{path}` is an array of Python objects ({', '.join(kinds)}); a dump takes arrays of numbers and of "
        "texts. Convert it in the post-processing, or leave it out in `extract_dump_data`."
    )


def _as_json(path: str, value: Any) -> str:
    try:
        return _encode_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(
            f"`{path}` of a sample can not be written to a dump, which holds arrays and JSON only: "
            f"{type(value).__name__}: {error} Leave it out in `extract_dump_data`."
        ) from error


@lru_cache(maxsize=256)
def _parsed(layout: str) -> Any:
    """Return the nodes of a layout; samples of one size share it."""
    return json.loads(layout)


def _decoded(node: dict[str, Any], buffer: bytearray) -> Any:
    ((kind, content),) = node.items()
    if kind == "dict":
        return {key: _decoded(item, buffer) for key, item in content.items()}
    if kind in ("list", "tuple"):
        items = [_decoded(item, buffer) for item in content]
        return tuple(items) if kind == "tuple" else items
    if kind == "array":
        type_name, shape, offset = content
        return _decoded_array(type_name, shape, offset, buffer)
    if kind in ("texts", "bytes"):
        shape, texts = content
        return _decoded_texts(kind, shape, texts)
    if kind == "value":
        return _decode_json(json.dumps(content))
    raise ValueError(f"unknown kind of node {kind!r}")


def _decoded_array(type_name: str, shape: list[int] | None, offset: int, buffer: bytearray) -> Any:
    dtype = np.dtype(type_name)
    if dtype.hasobject:
        raise UntrustedError(
            f"The dump holds an array of Python objects, `{type_name}`, which only a pickle could make. It "
            "was not read. Write the dump again with `tfaip-lav` or `tfaip-predict`."
        )
    if dtype.kind not in _KINDS:
        raise ValueError(f"{type_name} is no type of numbers or texts")
    number = math.prod(shape or [])
    # NumPy takes no empty buffer.
    array = np.frombuffer(buffer, dtype, number, offset) if number else np.zeros(0, dtype)
    return array[0] if shape is None else array.reshape(shape)


def _decoded_texts(kind: str, shape: list[int] | None, texts: list[str]) -> Any:
    items: list[Any] = [text.encode("latin-1") for text in texts] if kind == "bytes" else texts
    if shape is None:
        return items[0]
    array = np.empty(len(items), object)
    array[:] = items
    return array.reshape(shape)
