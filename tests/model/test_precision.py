import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.model.test_training_model import build, dataset, line_params, train, weights_of
from tests.toy.params import ToyModelParams
from tfaip.errors import NonFiniteError
from tfaip.model.graphbase import RootGraph
from tfaip.model.precision import built_with, computing_in_float32, in_float32, with_scaled_loss

# pyright: reportOptionalMemberAccess=false, reportArgumentType=false

X = np.random.RandomState(0).normal(size=(5, 3)).astype("float32")


def scaled(learning_rate, **kwargs):
    return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(learning_rate), **kwargs)


def test_layers_compute_in_the_policy_of_the_block_they_are_made_in_and_the_global_one_comes_back():
    with built_with("mixed_bfloat16"):
        root = RootGraph(ToyModelParams())

    assert keras.config.dtype_policy().name == "float32"
    assert root.train({"x": X}, None)["logits"].dtype == tf.bfloat16
    assert {w.dtype for w in root.weights} == {"float32"}


def test_a_graph_of_half_precision_computes_in_float32_where_it_is_exported():
    with built_with("mixed_bfloat16"):
        root = RootGraph(ToyModelParams(dropout=0.0))
    root.predict({"x": X})
    exact = RootGraph(ToyModelParams(dropout=0.0))
    exact.predict({"x": X})
    for weight, value in zip(exact.weights, root.weights, strict=True):
        weight.assign(value)

    with computing_in_float32(root):
        outputs = root.predict({"x": X})

    np.testing.assert_array_equal(outputs["logits"], exact.predict({"x": X})["logits"])
    assert root.predict({"x": X})["logits"].dtype == tf.bfloat16


def test_only_half_precision_is_cast():
    tensors = {"a": tf.constant([1.5], tf.bfloat16), "b": tf.constant([1]), "c": tf.constant(["text"])}

    assert [x.dtype for x in in_float32(tensors).values()] == [tf.float32, tf.int32, tf.string]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_losses_and_metrics_are_float32_and_the_training_follows_that_in_float32(policy):
    logs = []
    for each in ("float32", policy):
        keras.utils.set_random_seed(3)
        with built_with(each):
            model = build(ToyModelParams(dropout=0.0), with_scaled_loss(keras.optimizers.SGD(0.1), each))
        logs.append(train(model, dataset(40, 8), epochs=3, validation=dataset(20, 8)))

    assert logs[0] == pytest.approx(logs[1], rel=0.05, abs=0.06)
    assert model.root.graph.hidden.compute_dtype == policy.removeprefix("mixed_")
    assert model.evaluate_batch(next(iter(dataset(8, 8))))[2]["logits"].dtype == np.float32


def test_a_scaled_loss_trains_the_same_weights_and_the_norm_is_that_of_the_unscaled_one():
    plain = build(line_params(), keras.optimizers.SGD(0.1))
    model = build(line_params(), scaled(0.1))

    train(plain, dataset(8, 4), steps=2)
    train(model, dataset(8, 4), steps=2)

    np.testing.assert_allclose(weights_of(model)[0], weights_of(plain)[0], rtol=1e-6)
    assert model.guard.gradient_norm == pytest.approx(plain.guard.gradient_norm, rel=1e-5)
    assert model.guard.num_skipped == 0


def test_a_scaled_gradient_that_is_too_large_is_skipped_and_counted_and_the_scale_falls():
    model = build(line_params(), scaled(0.1, initial_scale=1e38))
    model.root.weights[0].assign(np.full((3, 1), 100, "float32"))

    train(model, dataset(40, 4), steps=9)

    skipped = model.guard.num_skipped
    assert 0 < skipped < 9
    assert float(model.optimizer.dynamic_scale) == pytest.approx(1e38 / 2**skipped)
    assert int(model.optimizer.iterations) == 9 - skipped


def test_ten_skipped_steps_in_a_row_end_the_training():
    model = build(line_params(), scaled(0.1, initial_scale=3e38, dynamic_growth_steps=1000))
    model.root.weights[0].assign(np.full((3, 1), 1e5, "float32"))

    with pytest.raises(NonFiniteError, match=r"gradient is (inf|nan), for the 10th time .* step 10,"):
        train(model, dataset(40, 2), steps=20)

    assert model.guard.num_skipped == 10
    np.testing.assert_array_equal(weights_of(model)[0], np.full((3, 1), 1e5, "float32"))


def test_a_loss_that_is_not_finite_ends_a_scaled_training_at_once():
    model = build(line_params(), scaled(0.1))
    model.root.weights[0].assign(np.full((3, 1), 1e30, "float32"))

    with pytest.raises(NonFiniteError, match="loss is inf in epoch 1, step 1"):
        train(model, dataset(40, 4), steps=3)


def test_steps_compiled_with_xla_train_the_same():
    results = []
    for jit_compile in (False, True):
        keras.utils.set_random_seed(3)
        model = build(ToyModelParams(dropout=0.0), keras.optimizers.Adam(0.01))
        model.compile(optimizer=model.optimizer, jit_compile=jit_compile)
        logs = train(model, dataset(40, 8), epochs=2, validation=dataset(20, 8))
        results.append((weights_of(model), logs))

    for one, other in zip(results[0][0], results[1][0], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert results[0][1] == pytest.approx(results[1][1], rel=1e-4)
