import json

import numpy as np
import pytest

from tfaip.data.pipeline.batching import BatchBuilder, pad_and_stack
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.specs import TensorSpec
from tfaip.errors import DataError, UsageError

META = {"meta": TensorSpec((1,), "string")}


def build(*values, spec, padding=None, mode=PipelineMode.PREDICTION):
    """Return the array of one input `x` of samples with these values; the third is called `c`."""
    builder = BatchBuilder(mode, {"inputs": {"x": spec}, "targets": {}, "meta": META}, {"x": padding})
    samples = [(i, Sample(inputs={"x": v}, meta={"id": "abcdef"[i]})) for i, v in enumerate(values)]
    return builder.build(samples)[0]["x"]


def test_pad_and_stack_fills_short_arrays_at_the_end():
    batch = pad_and_stack([np.array([1, 2, 3]), np.array([4])], value=-1)

    np.testing.assert_array_equal(batch, [[1, 2, 3], [4, -1, -1]])


def test_equal_shapes_are_stacked():
    batch = build(np.array([1.0]), np.array([2.0]), spec=TensorSpec((1,), "float32"))

    np.testing.assert_array_equal(batch, [[1], [2]])
    assert batch.dtype == np.float32


def test_open_axes_are_padded_to_the_longest_of_the_batch():
    batch = build(np.ones((1, 3)), np.ones((2, 1)), spec=TensorSpec((None, None), "int32"), padding=-1)

    np.testing.assert_array_equal(batch, [[[1, 1, 1], [-1, -1, -1]], [[1, -1, -1], [1, -1, -1]]])


@pytest.mark.parametrize(
    ("dtype", "values", "padded"),
    [
        ("float32", [[1.5], [2, 3]], [[1.5, 0], [2, 3]]),
        ("bool", [[True], [True, True]], [[True, False], [True, True]]),
        ("string", [["a"], ["b", "ç"]], [[b"a", b""], [b"b", "ç".encode()]]),
    ],
)
def test_padding_is_zero_false_or_empty_by_default(dtype, values, padded):
    np.testing.assert_array_equal(build(*values, spec=TensorSpec((None,), dtype)), padded)


@pytest.mark.parametrize(
    "value",
    [
        np.zeros((0,), "float32"),
        np.arange(6, dtype="float32")[::2],
        np.array([1, 2, 3], ">f4"),
        np.array([True, False]),
        [1, 2],
        np.ma.array([1, 2]).data,
    ],
    ids=["empty", "strided", "big-endian", "bool", "list", "base"],
)
def test_arrays_arrive_with_equal_values(value):
    batch = build(value, spec=TensorSpec((None,), "float32"))

    np.testing.assert_array_equal(batch[0], np.asarray(value, "float32"))
    assert batch.dtype == np.float32


@pytest.mark.parametrize("value", [["a"], np.array(["a"]), np.array([b"a"]), np.array(["a"], object), [b"a"]])
def test_text_arrives_as_utf8(value):
    batch = build(value, spec=TensorSpec((1,), "string"))

    assert batch.tolist() == [[b"a"]]


def test_a_batch_is_independent_of_its_samples():
    value = np.array([1.0], "float32")

    build(value, spec=TensorSpec((1,)))[0, 0] = 5

    assert value[0] == 1


@pytest.mark.parametrize(
    ("spec", "good", "wrong", "message"),
    [
        (TensorSpec((1,), "int32"), [1], [3.7], "got float64 of shape (1,): 3.7 does not fit int32"),
        (TensorSpec((1,), "int32"), [1], [10**12], "1000000000000 does not fit int32"),
        (TensorSpec((1,), "float32"), [1], [1e300], "1e+300 does not fit float32"),
        (TensorSpec((1,), "int32"), [1], ["3"], "does not become int32"),
        (TensorSpec((1,), "string"), ["a"], [3], "3 is no text"),
        (TensorSpec((1,), "string"), ["a"], "b", "got 'b': a scalar has no axis; write it as a list"),
        (TensorSpec((2,), "int32"), [1, 2], [1, 2, 3], "got int64 of shape (3,): the shape is wrong"),
        (TensorSpec((2,), "int32"), [1, 2], [[1, 2]], "got int64 of shape (1, 2): the shape is wrong"),
        (TensorSpec((1,), "int32"), [1], 3, "got int64 of shape (): a scalar has no axis; write it"),
        (TensorSpec((None,), "int32"), [1], [[1], [2, 3]], "got list: its rows differ in length"),
        (TensorSpec((1,), "int32"), [1], None, "got None: there is no value"),
        (TensorSpec((1,), "int32"), [1], np.array([None]), "object does not become int32"),
    ],
)
def test_a_wrong_value_names_key_sample_expectation_and_remedy(spec, good, wrong, message):
    with pytest.raises(DataError) as caught:
        build(good, good, wrong, spec=spec)

    text = str(caught.value)
    assert text.startswith(f"`x` in the inputs of sample `c` (number 2): expected {spec}, got")
    assert message in text
    assert "`_input_layer_specs`" in text


def builder(mode=PipelineMode.TRAINING):
    inputs = {"a": TensorSpec((1,)), "b": TensorSpec((1,))}
    return BatchBuilder(mode, {"inputs": inputs, "targets": {"t": TensorSpec((1,))}, "meta": META}, {})


def full_sample(**changes):
    return Sample(**{"inputs": {"a": [1], "b": [2]}, "targets": {"t": [3]}, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": {"a": [1]}}, r"the inputs of sample 1 lack \['b'\]: expected the keys \['a', 'b'\], got"),
        ({"inputs": {"a": [1], "c": [1]}}, r"lack \['b'\] and have the unknown \['c'\]"),
        ({"inputs": {"a": [1], "b": [1], "c": [1]}}, r"have the unknown \['c'\].*`_input_layer_specs`"),
        ({"targets": {}}, r"the targets of sample 1 lack \['t'\].*`_target_layer_specs`"),
        ({"inputs": [1, 2]}, r"the inputs of sample 1 are list, expected is a dict with the keys"),
    ],
)
def test_wrong_keys_are_named_never_bound_by_position(changes, message):
    with pytest.raises(DataError, match=message):
        builder().build([(0, full_sample()), (1, full_sample(**changes))])


def test_values_are_bound_by_key_in_any_order():
    batch = builder().build([(0, full_sample(inputs={"b": [2], "a": [1]}))])

    assert batch[0]["a"].tolist() == [[1]]
    assert batch[0]["b"].tolist() == [[2]]


@pytest.mark.parametrize(
    ("mode", "keys"),
    [
        (PipelineMode.TRAINING, [["a", "b"], ["t"], ["meta"]]),
        (PipelineMode.EVALUATION, [["a", "b"], ["t"], ["meta"]]),
        (PipelineMode.PREDICTION, [["a", "b"], ["meta"]]),
        (PipelineMode.TARGETS, [["t"], ["meta"]]),
    ],
)
def test_a_batch_has_the_parts_of_its_mode(mode, keys):
    assert [list(part) for part in builder(mode).build([(0, full_sample())])] == keys


def test_meta_data_are_one_json_text():
    samples = [full_sample(meta={"id": "ä", "n": np.int64(3)}), full_sample(meta=None), full_sample(meta={})]

    meta = builder().build(list(enumerate(samples)))[-1]["meta"]

    assert meta.shape == (3, 1)
    assert [json.loads(text) for text in meta[:, 0]] == [{"id": "ä", "n": 3}, {}, {}]
    assert isinstance(meta[1, 0], bytes)


def test_meta_data_that_json_cannot_hold_name_the_sample():
    with pytest.raises(DataError, match=r"meta data of sample `x` \(number 7\).*object cannot be written"):
        builder().build([(7, full_sample(meta={"id": "x", "o": object()}))])


def test_padding_value_that_does_not_fit_is_refused_before_any_batch():
    with pytest.raises(UsageError, match=r"`_padding_values` gives -1 for the key `x`.*does not fit uint8"):
        build([1], spec=TensorSpec((None,), "uint8"), padding=-1)
