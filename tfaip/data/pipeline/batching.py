"""Samples become a batch: one padded array per key, checked against its specification."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfaip.data.pipeline.casting import lossless
from tfaip.data.pipeline.definitions import PipelineMode, Sample, describe_sample
from tfaip.data.pipeline.processor.stages import Numbered
from tfaip.data.specs import STRING, TensorSpec, as_spec, parts_of_mode, shape_text
from tfaip.errors import DataError, UsageError
from tfaip.params.json_codec import TFAIPJsonEncoder

Batch = tuple[dict[str, np.ndarray], ...]
Empty = Callable[..., Sequence[np.ndarray]]  # returns an array for each pair of shape and dtype
Sizes = dict[tuple[int, str], np.ndarray]  # by part and key the shape of each row, (N, rank)

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
        return self.build_rows(samples)[0]

    def build_rows(self, samples: Sequence[Numbered], empty: Empty | None = None) -> tuple[Batch, Sizes]:
        """Return the batch of `samples`, and the shapes of the rows of those arrays that were padded.

        Args:
            samples: Samples with their indices.
            empty: Returns the arrays to fill, given all their shapes and dtypes; it is called once.
        """
        parts = [
            {"meta": _Stack.of_texts(_meta_column(samples))}
            if part == "meta" and self._json_meta
            else _prepare_part(part, columns, samples)
            for part, columns in self._columns.items()
        ]
        if empty is None:
            batch = tuple({key: stack.make() for key, stack in part.items()} for part in parts)
        else:
            arrays = iter(empty(*((stack.shape, stack.dtype) for part in parts for stack in part.values())))
            batch = tuple({key: stack.fill(next(arrays)) for key, stack in part.items()} for part in parts)
        sizes = {
            (number, key): np.array([a.shape for a in stack.arrays])
            for number, part in enumerate(parts)
            for key, stack in part.items()
            if stack.is_padded
        }
        return batch, sizes

    def padding_value(self, part: int, key: str) -> Any:
        """Return what short rows of a key are filled with; parts count as in the batch."""
        columns = list(self._columns.values())[part]
        return next((column.padding for column in columns if column.key == key), None)

    @property
    def is_padding(self) -> bool:
        """Whether the shape of a batch depends on its samples."""
        return any(None in column.spec.shape for columns in self._columns.values() for column in columns)


def pad_and_stack(arrays: Sequence[np.ndarray], *, value: Any = 0, dtype: Any = None) -> np.ndarray:
    """Return one array of all `arrays`, each filled up with `value` to the longest along every axis.

    Args:
        arrays: Arrays of the same rank: `(A, B, ...)`.
        value: What shorter ones are filled with, at the end of each axis.
        dtype: The dtype of the result; by default that of the first array.

    Returns:
        An array `(N, max A, max B, ...)`.
    """
    return _Stack.padded(arrays, arrays[0].dtype if dtype is None else dtype, value).make()


class _Stack(NamedTuple):
    """Arrays that are to be put into one, of this shape and dtype; short ones are filled up."""

    arrays: Any  # a list of them, or one that holds all
    shape: tuple[int, ...]
    dtype: Any
    is_padded: bool = False
    padding: Any = None

    @staticmethod
    def alike(arrays: Any, dtype: Any) -> "_Stack":
        """Stack arrays of one shape."""
        return _Stack(arrays, (len(arrays), *arrays[0].shape), dtype)

    @staticmethod
    def of_texts(column: np.ndarray) -> "_Stack":
        """Take a column of texts as it is."""
        return _Stack(column, column.shape, column.dtype)

    @staticmethod
    def padded(arrays: Sequence[np.ndarray], dtype: Any, padding: Any) -> "_Stack":
        """Stack arrays of one rank, filled up to the longest along every axis."""
        longest = tuple(max(sizes) for sizes in zip(*(a.shape for a in arrays), strict=True))
        return _Stack(arrays, (len(arrays), *longest), dtype, True, padding)

    def make(self) -> np.ndarray:
        """Return a new array."""
        is_made = isinstance(self.arrays, np.ndarray)
        return self.arrays if is_made else self.fill(np.empty(self.shape, self.dtype))

    def fill(self, out: np.ndarray) -> np.ndarray:
        """Write the arrays into `out` and return it."""
        if self.is_padded:
            out[...] = self.padding
            for row, array in zip(out, self.arrays, strict=True):
                row[tuple(map(slice, array.shape))] = array
        elif isinstance(self.arrays, np.ndarray) or out.size == 0:
            out[...] = self.arrays
        else:
            # Along the first axis they are in memory as if stacked; a third of the time of `np.stack`.
            np.concatenate(self.arrays, out=out.reshape(-1, *out.shape[2:]))
        return out


class _Column:
    """One key of one part of the samples: how its values are checked and stacked."""

    def __init__(self, part: str, key: str, spec: TensorSpec, padding: Any) -> None:
        self.part = part
        self.key = key
        self.spec = spec
        self._dtype = np.dtype(object) if spec.is_string else spec.dtype
        self.padding = _padding_value(key, spec, padding)

    def prepare(self, values: Sequence[Any]) -> _Stack:
        """Return how all values become one array; raises a ValueError that describes the first wrong one."""
        arrays = [self._as_array(value) for value in values]
        first = arrays[0]
        same = len({a.shape for a in arrays}) == 1 == len({a.dtype for a in arrays})
        if same and self._fits(first.shape):
            if first.dtype == self._dtype:
                return _Stack.alike(arrays, self._dtype)
            # Checked and cast once for the whole batch; it is five times as fast as value by value.
            return _Stack.alike(lossless(np.array(arrays), self._dtype), self._dtype)
        for array in arrays:
            self._check_shape(array.shape)
        if not self.spec.is_string:
            arrays = [lossless(array, self._dtype) for array in arrays]
        return _Stack.padded(arrays, self._dtype, self.padding)

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


def _prepare_part(part: str, columns: Sequence[_Column], samples: Sequence[Numbered]) -> dict[str, _Stack]:
    dicts = [getattr(sample, part) for _, sample in samples]
    _check_keys(part, columns, dicts, samples)
    stacks = {}
    for column in columns:
        key = column.key
        values = [values[key] for values in dicts]
        try:
            stacks[key] = column.prepare(values)
        except ValueError as error:
            raise _first_wrong(column, values, samples, error) from error
    return stacks


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
            column.prepare([value])
        except ValueError as reason:
            return DataError(
                f"`{column.key}` in the {column.part} of {describe_sample(sample, index)}: expected "
                f"{column.spec}, got {column.describe(value)}: {reason}. Change it in a processor of "
                f"`pre_proc`, or change `{_hook(column.part)}` of the data."
            )
    return error


def _hook(part: str) -> str:
    return f"_{part.removesuffix('s')}_layer_specs"


def _meta_column(samples: Sequence[Numbered]) -> np.ndarray:
    column = np.empty((len(samples), 1), object)
    for row, (index, sample) in enumerate(samples):
        column[row, 0] = _json_text(sample, index) if sample.meta else _NO_META
    return column


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
