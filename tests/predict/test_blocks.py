import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.predict.toys import toy_keras_model
from tfaip.errors import DataError
from tfaip.predict.blocks import LARGEST_BLOCK, predict_batches
from tfaip.predict.exported_model import ExportedModel


def model_of(function, *, shape=(3,), dtype="float32", output_shape=None, **kwargs):
    x = keras.Input(shape, dtype=dtype, name="x")
    y = keras.layers.Lambda(function, output_shape=output_shape)(x)
    return ExportedModel(keras.Model({"x": x}, {"y": y}), **kwargs)


def batches(*sizes, shape=(3,)):
    return [{"x": np.full((size, *shape), i, "float32")} for i, size in enumerate(sizes)]


@pytest.mark.parametrize("number", [1, LARGEST_BLOCK, 2 * LARGEST_BLOCK + 1])
def test_each_batch_is_computed_on_its_own(number):
    outputs = predict_batches(ExportedModel(toy_keras_model()), batches(*[4] * number))

    assert [o["y"][0, 0] for o in outputs] == [2 * i for i in range(number)]
    assert {float(o["rows"][0, 0]) for o in outputs} == {4.0}


def test_batches_of_different_sizes_keep_their_order():
    outputs = predict_batches(ExportedModel(toy_keras_model()), batches(4, 4, 2, 4))

    assert [(len(o["y"]), o["y"][0, 0]) for o in outputs] == [(4, 0), (4, 2), (2, 4), (4, 6)]


def test_a_block_gives_the_same_bits_as_single_calls():
    keras.utils.set_random_seed(1)
    x = keras.Input((8, 8, 1), name="x")
    y = keras.layers.Flatten()(keras.layers.Conv2D(8, 3, activation="relu")(x))
    model = ExportedModel(keras.Model({"x": x}, {"y": keras.layers.Dense(5, activation="softmax")(y)}))
    images = [{"x": np.random.RandomState(i).uniform(size=(16, 8, 8, 1)).astype("float32")} for i in range(5)]

    together = predict_batches(model, images)

    for batch, outputs in zip(images, together, strict=True):
        np.testing.assert_array_equal(outputs["y"], model(batch)["y"])
        np.testing.assert_array_equal(outputs["y"], predict_batches(model, [batch])[0]["y"])


def test_small_batches_enter_tensorflow_together_and_large_ones_do_not(monkeypatch):
    entered = []
    model = ExportedModel(toy_keras_model())
    on_block = model.on_block
    monkeypatch.setattr(model, "on_block", lambda x: entered.append(x["x"].shape) or on_block(x))

    predict_batches(model, batches(2, 2, 2))
    predict_batches(model, batches(100_000, 100_000, 100_000))

    assert entered == [(3, 2, 3), (1, 100_000, 3), (1, 100_000, 3), (1, 100_000, 3)]


def test_outputs_whose_shape_depends_on_the_batch_are_possible():
    model = model_of(lambda x: tf.tile(x, [1, tf.cast(x[0, 0], tf.int32) + 1]), output_shape=(None,))

    outputs = predict_batches(model, batches(2, 2, 2))

    assert not model.takes_blocks
    assert [o["y"].shape for o in outputs] == [(2, 3), (2, 6), (2, 9)]


def test_text_comes_back_as_bytes():
    model = model_of(lambda x: tf.strings.join([x, "!"]), shape=(1,), dtype="string", output_shape=(1,))

    (outputs,) = predict_batches(model, [{"x": np.array([[b"a"], [b"b"]], object)}])

    assert outputs["y"].tolist() == [[b"a!"], [b"b!"]]


def test_outputs_may_be_written_to():
    (outputs,) = predict_batches(ExportedModel(toy_keras_model()), batches(2))

    outputs["y"][0] = 7


@pytest.mark.parametrize("function", [lambda x: tf.reduce_sum(x), lambda x: tf.reduce_sum(x, axis=0)])
def test_an_output_without_batch_axis_is_refused_with_its_name(function):
    with pytest.raises(
        DataError, match="The output `y` of the model must have a row for each of the 5 samples"
    ):
        predict_batches(model_of(function, output_shape=(3,)), batches(5))


def test_a_model_that_fails_says_why_in_a_line():
    model = model_of(lambda x: tf.reshape(x, [-1, 2]), output_shape=(2,))

    with pytest.raises(DataError) as caught:
        predict_batches(model, batches(3))

    message = str(caught.value)
    assert message.startswith(
        "The exported model failed on a batch of `x` float32 (3, 3): InvalidArgumentError: "
    )
    assert "tensor with 9 values" in message
    assert "\n" not in message


def test_inputs_that_do_not_fit_are_named():
    expected = r"takes the input `x` as float32 of shape \(None, 3\), got float32 of shape \(2, 4\)"

    with pytest.raises(DataError, match=expected):
        predict_batches(ExportedModel(toy_keras_model()), batches(2, shape=(4,)))


def test_an_eager_model_fails_with_its_own_error():
    model = model_of(lambda x: tf.reshape(x, [-1, 2]), output_shape=(2,), run_eagerly=True)

    with pytest.raises(tf.errors.InvalidArgumentError):
        predict_batches(model, batches(3))


def test_eager_models_run_batch_by_batch():
    model = ExportedModel(toy_keras_model(), run_eagerly=True)

    assert [o["y"][0, 0] for o in predict_batches(model, batches(2, 2))] == [0, 2]
