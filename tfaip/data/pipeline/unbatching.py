"""The way back: a batch of inputs, targets, outputs and meta data becomes samples."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tfaip.data.pipeline.definitions import Sample
from tfaip.params.json_codec import TFAIPJsonDecoder

_decode_json = TFAIPJsonDecoder().decode


def unbatch(
    *, inputs: Any = None, targets: Any = None, outputs: Any = None, meta: Any = None
) -> Iterator[Sample]:
    """Yield the samples of a batch as NumPy arrays, still padded.

    Args:
        inputs: A tensor, or dicts and lists of them, with the batch axis first; None if there are none.
        targets: Likewise.
        outputs: Likewise.
        meta: The dict whose `meta` is the JSON of each sample, `(N, 1)`; it comes back as it was, but for
            tuples, which are lists now.
    """
    parts = {"inputs": _as_numpy(inputs), "targets": _as_numpy(targets), "outputs": _as_numpy(outputs)}
    texts = _as_numpy(meta)
    for row in range(_batch_size([*parts.values(), texts])):
        sample = Sample(**{name: _row(part, row) for name, part in parts.items()})
        yield sample.new_meta(_decoded_meta(_row(texts, row)))


def _as_numpy(part: Any) -> Any:
    if part is None:
        return None
    if isinstance(part, Mapping):
        return {key: _as_numpy(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_as_numpy(value) for value in part]
    return part.numpy() if hasattr(part, "numpy") else np.asarray(part)


def _batch_size(part: Any) -> int:
    """Return the length of the first array in nested dicts and lists; 0 if there is none."""
    if isinstance(part, np.ndarray):
        return len(part)
    values = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return next((size for size in map(_batch_size, values) if size), 0)


def _row(part: Any, row: int) -> Any:
    if isinstance(part, dict):
        return {key: _row(value, row) for key, value in part.items()}
    if isinstance(part, list):
        return [_row(value, row) for value in part]
    return None if part is None else part[row]


def _decoded_meta(meta: Any) -> Any:
    """Return the meta data of one sample; what is not our JSON text stays as it is."""
    if not isinstance(meta, dict) or set(meta) != {"meta"}:
        return meta
    text = np.asarray(meta["meta"], object)
    if text.size != 1 or not isinstance(text.flat[0], bytes | str):
        return meta
    text = text.flat[0]
    return _decode_json(text.decode() if isinstance(text, bytes) else text)
