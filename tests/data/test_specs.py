import numpy as np
import pytest

from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.data.specs import TensorSpec, as_spec, as_specs, parts_of_mode
from tfaip.errors import UsageError


def test_spec_reads_like_that_of_tensorflow():
    spec = TensorSpec([None, np.int64(3)], "float16", "image")  # type: ignore[arg-type]

    assert spec.shape == (None, 3)
    assert spec.dtype == np.float16
    assert spec.name == "image"
    assert str(spec) == "float16 of shape (None, 3)"


@pytest.mark.parametrize("dtype", ["string", str, bytes, np.dtype("U5"), np.dtype(object)])
def test_all_spellings_of_text_are_one(dtype):
    assert TensorSpec((1,), dtype).is_string
    assert TensorSpec((1,), dtype).dtype_name == "string"


def test_spec_of_tensorflow_is_read():
    tf = pytest.importorskip("tensorflow")

    assert as_spec(tf.TensorSpec([None, 2], tf.int64, "a")) == TensorSpec((None, 2), "int64", "a")
    assert as_spec(tf.TensorSpec([1], tf.string)) == TensorSpec((1,), "string")
    assert as_spec(tf.TensorSpec([1], tf.bfloat16)).dtype_name == "bfloat16"


def test_spec_without_axes_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"`_input_layer_specs` gives the key `x` the shape \(\).*\(1,\)"):
        as_specs({"x": TensorSpec((), "int32")}, source="_input_layer_specs")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([TensorSpec((1,))], "must return a dict"),
        ({"x": (1, "int32")}, "for the key `x`: a tensor specification must have a shape and a dtype"),
    ],
)
def test_what_is_no_spec_is_named(given, message):
    with pytest.raises(UsageError, match=message):
        as_specs(given, source="_input_layer_specs")


def test_unknown_dtype_and_shape_are_named():
    with pytest.raises(UsageError, match="unknown: 'flaot32'"):
        TensorSpec((1,), "flaot32")
    with pytest.raises(UsageError, match="must be a list of sizes"):
        TensorSpec(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "parts"),
    [
        (PipelineMode.TRAINING, ("inputs", "targets", "meta")),
        (PipelineMode.EVALUATION, ("inputs", "targets", "meta")),
        (PipelineMode.PREDICTION, ("inputs", "meta")),
        (PipelineMode.TARGETS, ("targets", "meta")),
    ],
)
def test_parts_of_a_batch_follow_the_mode(mode, parts):
    assert parts_of_mode(mode) == parts
