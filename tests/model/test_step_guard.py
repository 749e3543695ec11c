from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.model.test_training_model import Line, build, line_params, train, weights_of
from tfaip.errors import NonFiniteError
from tfaip.model.finite import FiniteWeights, is_finite
from tfaip.model.step_guard import StepGuard, name_samples
from tfaip.model.weight_average import WeightAverage

# pyright: reportOptionalMemberAccess=false


def batches(x, meta=None, batch_size=2):
    number = len(x)
    texts = np.array([[text] for text in meta or [b"{}"] * number])
    sides = np.zeros((number, 1), "int32")
    data: Any = ({"x": np.asarray(x, "float32")}, {"side": sides}, {"meta": texts})
    return tf.data.Dataset.from_tensor_slices(data).batch(batch_size)


def good(number):
    return [[0.1, 0.2, 0.3]] * number


@pytest.mark.parametrize("run_eagerly", [False, True])
@pytest.mark.parametrize("steps_per_execution", [1, 10])
def test_the_first_bad_step_ends_the_training_before_it_changes_a_weight(run_eagerly, steps_per_execution):
    x = good(10)
    x[5] = [np.inf, 0.0, 0.0]
    meta = [f'{{"id": "p{i}"}}'.encode() for i in range(10)]
    clean = build(line_params(), keras.optimizers.Adam(0.1))
    train(clean, batches(x, meta), steps=2)
    model = build(line_params(), keras.optimizers.Adam(0.1), run_eagerly=run_eagerly)
    model.weight_average = WeightAverage(model.trainable_variables, 0.9)

    with pytest.raises(NonFiniteError, match=r"loss is (inf|nan) in epoch 1, step 3, .*samples `p4`, `p5`\."):
        train(model, batches(x, meta), steps=5, steps_per_execution=steps_per_execution)

    np.testing.assert_allclose(weights_of(model)[0], weights_of(clean)[0], rtol=1e-6)
    assert int(model.optimizer.iterations) == 2
    assert all(is_finite(v) for v in [*model.optimizer.variables, *model.weight_average.averages])


def test_a_finite_loss_whose_gradient_is_not_ends_the_training_too():
    class RootAtZero(Line):
        def _loss(self, inputs, targets, outputs):
            return {"root": tf.sqrt(0.0 * outputs["y"])}

    model = build(line_params(model=RootAtZero), keras.optimizers.SGD(0.1))

    with pytest.raises(NonFiniteError, match=r"loss is 0, but .* gradient is nan in epoch 1, step 1"):
        train(model, batches(good(4)), steps=2)


def test_the_norm_of_the_gradient_is_that_of_the_last_step_in_closed_form():
    model = build(line_params(), keras.optimizers.SGD(0.0))
    x = np.asarray(good(2), "float32")

    train(model, batches(x), steps=1)

    y = x @ np.ones((3, 1), "float32")
    assert model.guard.gradient_norm == pytest.approx(np.linalg.norm(2 * x.T @ y / 2), rel=1e-5)
    assert model.guard.loss == pytest.approx(np.mean(y**2), rel=1e-5)


def test_the_mean_norm_is_that_of_the_steps_of_an_epoch():
    model = build(line_params(), keras.optimizers.SGD(0.0))
    x = np.asarray([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]], "float32")
    norms = []

    for i in (0, 2):
        train(model, batches(x[i : i + 2]), steps=1)
        norms.append(model.guard.gradient_norm)
    train(model, batches(x), steps=2)

    assert model.guard.mean_gradient_norm == pytest.approx(np.mean(norms))
    assert norms[0] != norms[1]


def test_gradients_of_embeddings_count_with_the_rows_that_were_looked_up():
    guard = StepGuard()
    rows = tf.IndexedSlices(tf.constant([[3.0, 0.0], [0.0, 4.0]]), tf.constant([7, 9]))

    assert bool(guard.note(tf.constant(1.0), [rows, None]))
    assert guard.gradient_norm == pytest.approx(5)


def test_samples_without_an_id_are_counted_through_the_epoch():
    x = good(10)
    x[5] = [np.nan, 0.0, 0.0]
    model = build(line_params(), keras.optimizers.SGD(0.1))

    with pytest.raises(NonFiniteError, match=r"step 3, which trained on the samples 4, 5\."):
        train(model, batches(x), steps=5)


def test_of_many_samples_the_first_are_named():
    meta = {"meta": np.array([[b"{}"]] * 25)}

    assert name_samples(meta, number_before=25).endswith("18, 19 and 5 more")


def test_samples_with_meta_data_of_another_kind_are_counted():
    assert name_samples({"line": np.zeros((2, 1))}, number_before=8) == "the samples 6, 7"
    assert name_samples({}, number_before=8) == "the samples up to number 7"


def test_a_mask_that_is_infinite_from_the_start_is_not_spoiled():
    weights = [np.array([-np.inf, 0.0]), np.array([1.0]), np.array([3]), np.array(["text"])]
    finite = FiniteWeights(weights)

    assert finite.spoiled("abcd", weights) == []
    assert finite.spoiled("abcd", [weights[0], np.array([np.nan]), *weights[2:]]) == ["b"]


def test_averages_that_are_not_finite_start_anew_from_the_weights():
    model = build(line_params(), keras.optimizers.SGD(0.1))
    average = WeightAverage(model.trainable_variables, 0.9)
    average.averages[0].assign(np.full((3, 1), np.inf, "float32"))

    assert average.restart_non_finite() == [model.trainable_variables[0].path]
    assert average.restart_non_finite() == []
    np.testing.assert_array_equal(average.averages[0].numpy(), weights_of(model)[0])
