"""Samples become a batch: one padded array per key, checked against its specification."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfaip.data.pipeline.casting import lossless
from tfaip.data.pipeline.definitions import PipelineMode, Sample, describe_sample
from tfaip.data.pipeline.processor.stages import Numbered
from tfaip.data.specs import STRING, TensorSpec, as_spec, parts_of_mode, shape_text
from tfaip.errors import DataError, UsageError
from tfaip.params.json_codec import TFAIPJsonEncoder

Batch = tuple[dict[str, np.ndarray], ...]

_encode_json = TFAIPJsonEncoder().encode
_JSON_META = {"meta": TensorSpec((1,), STRING)}
_NO_META = b"{}"
_DICTS = (dict, Mapping)  # the first is the usual one, and ten times as fast to check


class BatchBuilder:
    """Stacks the parts of samples into the arrays of a batch.

    Values are bound by key. A key that is missing or not specified, a wrong shape and a cast that would
    change a value end in a `DataError` that names the key and the sample.
    """

    def __init__(
        self,
        mode: PipelineMode,
        specs: Mapping[str, Mapping[str, Any]],
        padding_values: Mapping[str, Any],
        *,
        meta_as_json: bool = True,
    ) -> None:
        """Prepare for the parts of `mode`.

        Args:
            mode: What the batches are for; it decides which parts they have.
            specs: For each part (`inputs`, `targets`, `meta`) its specifications by key.
            padding_values: By key what short samples are filled with.
            meta_as_json: Whether meta data with the default specifications is written as one JSON text.
        """
        self._columns: dict[str, list[_Column]] = {
            part: [
                _Column(part, key, as_spec(spec), padding_values.get(key))
                for key, spec in specs[part].items()
            ]
            for part in parts_of_mode(mode)
        }
        meta = {column.key: column.spec for column in self._columns["meta"]}
        self._json_meta = meta_as_json and meta == _JSON_META

    def build(self, samples: Sequence[Numbered]) -> Batch:
        """Return the batch of `samples`, whose indices name them in errors."""
        return tuple(
            _meta_column(samples)
            if part == "meta" and self._json_meta
            else _stack_part(part, columns, samples)
            for part, columns in self._columns.items()
        )


def pad_and_stack(arrays: Sequence[np.ndarray], *, value: Any = 0, dtype: Any = None) -> np.ndarray:
    """Return one array of all `arrays`, each filled up with `value` to the longest along every axis.

    Args:
        arrays: Arrays of the same rank: `(A, B, ...)`.
        value: What shorter ones are filled with, at the end of each axis.
        dtype: The dtype of the result; by default that of the first array.

    Returns:
        An array `(N, max A, max B, ...)`.
    """
    longest = tuple(max(sizes) for sizes in zip(*(a.shape for a in arrays), strict=True))
    stacked = np.full((len(arrays), *longest), value, arrays[0].dtype if dtype is None else dtype)
    for row, array in zip(stacked, arrays, strict=True):
        row[tuple(map(slice, array.shape))] = array
    return stacked


class _Column:
    """One key of one part of the samples: how its values are checked and stacked."""

    def __init__(self, part: str, key: str, spec: TensorSpec, padding: Any) -> None:
        self.part = part
        self.key = key
        self.spec = spec
        self._dtype = np.dtype(object) if spec.is_string else spec.dtype
        self._padding = _padding_value(key, spec, padding)

    def stack(self, values: Sequence[Any]) -> np.ndarray:
        """Return the array of all values; raises a ValueError that describes the first wrong one."""
        arrays = [self._as_array(value) for value in values]
        first = arrays[0]
        same = len({a.shape for a in arrays}) == 1 == len({a.dtype for a in arrays})
        if same and self._fits(first.shape):
            # Checked and cast once for the whole batch; it is five times as fast as value by value.
            stacked = np.array(arrays)
            return stacked if self.spec.is_string else lossless(stacked, self._dtype)
        for array in arrays:
            self._check_shape(array.shape)
        if not self.spec.is_string:
            arrays = [lossless(array, self._dtype) for array in arrays]
        return pad_and_stack(arrays, value=self._padding, dtype=self._dtype)

    def describe(self, value: Any) -> str:
        """Return dtype and shape of a value, for a message."""
        if value is None or isinstance(value, str | bytes):
            return repr(value)
        try:
            array = np.asarray(value)
        except (TypeError, ValueError):
            return type(value).__name__
        return f"{array.dtype.name} of shape {shape_text(array.shape)}"

    def _as_array(self, value: Any) -> np.ndarray:
        if self.spec.is_string:
            return _text_array(value)
        if type(value) is np.ndarray:
            return value
        if value is None:
            raise ValueError("there is no value")
        if hasattr(value, "numpy"):  # a tensor
            value = value.numpy()
        try:
            return np.asarray(value)
        except (TypeError, ValueError) as error:
            raise ValueError("its rows differ in length; pad them in a processor") from error

    def _fits(self, shape: tuple[int, ...]) -> bool:
        expected = self.spec.shape
        return shape == expected or (
            len(shape) == len(expected)
            and all(e is None or e == s for e, s in zip(expected, shape, strict=True))
        )

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if self._fits(shape):
            return
        if not shape:
            raise ValueError("a scalar has no axis; write it as an array of one value")
        raise ValueError("the shape is wrong")


def _stack_part(part: str, columns: Sequence[_Column], samples: Sequence[Numbered]) -> dict[str, np.ndarray]:
    dicts = [getattr(sample, part) for _, sample in samples]
    _check_keys(part, columns, dicts, samples)
    stacked = {}
    for column in columns:
        key = column.key
        values = [values[key] for values in dicts]
        try:
            stacked[key] = column.stack(values)
        except ValueError as error:
            raise _first_wrong(column, values, samples, error) from error
    return stacked


def _check_keys(
    part: str, columns: Sequence[_Column], dicts: Sequence[Any], samples: Sequence[Numbered]
) -> None:
    """Raise unless each sample has the keys of the specifications, no fewer and no more."""
    expected = {column.key for column in columns}
    for values, (index, sample) in zip(dicts, samples, strict=True):
        if not (isinstance(values, _DICTS) and values.keys() == expected):
            raise _wrong_keys(part, expected, values, describe_sample(sample, index))


def _wrong_keys(part: str, expected: set[str], values: Any, sample_text: str) -> DataError:
    if not isinstance(values, Mapping):
        return DataError(
            f"the {part} of {sample_text} are {type(values).__name__}, expected is a dict with the keys "
            f"{sorted(expected)}. Let a processor in `pre_proc` write it, or the generator."
        )
    missing, extra = sorted(expected - set(values)), sorted(map(str, set(values) - expected))
    problems = [
        text for keys, text in ((missing, f"lack {missing}"), (extra, f"have the unknown {extra}")) if keys
    ]
    return DataError(
        f"the {part} of {sample_text} {' and '.join(problems)}: expected the keys {sorted(expected)}, "
        f"got {sorted(map(str, values))}. Change what the last processor writes, or `{_hook(part)}` of the "
        "data."
    )


def _first_wrong(
    column: _Column, values: Sequence[Any], samples: Sequence[Numbered], error: ValueError
) -> Exception:
    """Return the error for the first sample whose value is wrong on its own."""
    for value, (index, sample) in zip(values, samples, strict=True):
        try:
            column.stack([value])
        except ValueError as reason:
            return DataError(
                f"`{column.key}` in the {column.part} of {describe_sample(sample, index)}: expected "
                f"{column.spec}, got {column.describe(value)}: {reason}. Change it in a processor of "
                f"`pre_proc`, or change `{_hook(column.part)}` of the data."
            )
    return error


def _hook(part: str) -> str:
    return f"_{part.removesuffix('s')}_layer_specs"


def _meta_column(samples: Sequence[Numbered]) -> dict[str, np.ndarray]:
    column = np.empty((len(samples), 1), object)
    for row, (index, sample) in enumerate(samples):
        column[row, 0] = _json_text(sample, index) if sample.meta else _NO_META
    return {"meta": column}


def _json_text(sample: Sample, index: int) -> bytes:
    try:
        return _encode_json(sample.meta).encode()
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the meta data of {describe_sample(sample, index)} cannot be written as JSON: {error}"
        ) from error


def _text_array(value: Any) -> np.ndarray:
    """Return an object array of UTF-8 bytes; raises a ValueError if something is no text."""
    if value is None:
        raise ValueError("there is no value")
    if isinstance(value, str | bytes):
        raise ValueError("a scalar has no axis; write it as a list of one text")  # noqa: TRY004
    given = np.asarray(value.numpy() if hasattr(value, "numpy") else value, object)
    texts = np.empty(given.shape, object)
    for position, text in enumerate(given.flat):
        if not isinstance(text, str | bytes):
            raise ValueError(f"{text!r} is no text")  # noqa: TRY004 - all problems are ValueErrors here
        texts.flat[position] = text.encode() if isinstance(text, str) else bytes(text)
    return texts


def _padding_value(key: str, spec: TensorSpec, value: Any) -> Any:
    if spec.is_string:
        return (value or "").encode() if not isinstance(value, bytes) else value
    try:
        return lossless(np.asarray(0 if value is None else value), spec.dtype)[()]
    except ValueError as error:
        raise UsageError(
            f"`_padding_values` gives {value!r} for the key `{key}`, which is {spec}: {error}."
        ) from error
