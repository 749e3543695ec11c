"""Samples on their way between processes: column by column instead of sample by sample.

Neighbouring samples usually look alike. Small arrays of the same shape travel as one array, and the parts of
the samples as lists; that takes a tenth of the time of pickling each sample. Everything else is pickled as
it is, large arrays without a copy into the pickle.
"""

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np

from tfaip.data.pipeline.definitions import Sample
from tfaip.data.pipeline.processor.stages import Numbered

_LARGEST_ROW_BYTES = 4096  # a larger array keeps memory of its own, lest one sample keeps all others alive
_PARTS = ("inputs", "outputs", "targets", "meta")
_SAMPLES, _PARTS_OF_SAMPLES = 0, 1
_NONE, _LIST, _ROWS, _DICT = range(4)

Packed = tuple[Any, ...]


def pack(samples: Sequence[Numbered]) -> Packed:
    """Return the samples with their indices in a form that travels fast; `unpack` reverses it."""
    indices = _pack_indices([index for index, _ in samples])
    plain = [sample for _, sample in samples]
    if all(type(s) is Sample and len(s.__dict__) == len(_PARTS) for s in plain):
        return (
            _PARTS_OF_SAMPLES,
            indices,
            [_pack_values([getattr(s, part) for s in plain]) for part in _PARTS],
        )
    return _SAMPLES, indices, plain


def unpack(packed: Packed) -> list[Numbered]:
    """Return the samples, as they were before `pack`."""
    kind, indices, content = packed
    if kind == _SAMPLES:
        return list(zip(indices, content, strict=True))
    number = len(indices)
    columns = [_unpack_values(column, number) for column in content]
    return [
        (index, Sample(inputs=inputs, outputs=outputs, targets=targets, meta=meta))
        for index, inputs, outputs, targets, meta in zip(indices, *columns, strict=True)
    ]


def _pack_indices(indices: list[int]) -> Sequence[int]:
    if indices and indices[-1] - indices[0] + 1 == len(indices):
        return range(indices[0], indices[-1] + 1)
    return indices


def _pack_values(values: list[Any]) -> tuple[int, Any]:
    first = values[0] if values else None
    if first is None and all(value is None for value in values):
        return _NONE, None
    if type(first) is dict and _are_alike(first, values):
        return _DICT, {key: _pack_values([value[key] for value in values]) for key in first}
    if type(first) is np.ndarray and _make_rows(first, values):
        return _ROWS, np.array(values)
    return _LIST, values


def _unpack_values(column: tuple[int, Any], number: int) -> Any:
    kind, content = column
    if kind == _NONE:
        return repeat(None, number)
    if kind == _DICT:
        columns = [_unpack_values(inner, number) for inner in content.values()]
        keys = list(content)
        return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]
    return list(content)


def _are_alike(first: dict[Any, Any], values: list[Any]) -> bool:
    """Return whether all values are dicts with the same keys in the same order."""
    keys = list(first)
    return bool(keys) and all(type(value) is dict and list(value) == keys for value in values)


def _make_rows(first: np.ndarray, values: list[Any]) -> bool:
    """Return whether all values are small arrays that one array can hold, and give back as they were."""
    shape, dtype = first.shape, first.dtype
    if not (
        shape and 0 < first.nbytes <= _LARGEST_ROW_BYTES and dtype.isbuiltin == 1 and dtype.kind in "biufc"
    ):
        return False
    return all(type(v) is np.ndarray and v.shape == shape and v.dtype == dtype for v in values)
