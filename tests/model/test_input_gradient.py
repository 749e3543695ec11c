import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.model.test_training_model import (
    Line,
    LineGraph,
    arrays,
    build,
    dataset,
    line_params,
    train,
    weights_of,
)
from tests.toy.data import ToyData
from tests.toy.params import ToyModelParams
from tests.trainer.test_trainer import assert_same_bits, toy_params, weights
from tests.trainer.test_trainer import train as train_toy
from tfaip.data.specs import TensorSpec
from tfaip.errors import UsageError
from tfaip.model.input_gradient import InputGradientPenalty, per_sample_unit
from tfaip.scenario.scenariobaseparams import ScenarioBaseParams
from tfaip.trainer.trainer import Trainer

H, WEIGHT = 0.1, 0.5

# pyright: reportOptionalMemberAccess=false, reportArgumentType=false, reportIncompatibleMethodOverride=false


def penalised(params, optimizer, **kwargs):
    model = build(params, optimizer, **kwargs)
    model.input_gradient = InputGradientPenalty("x", H, WEIGHT)
    return model


def gradient_in_closed_form(x, target, w):
    """Of L + WEIGHT·((L(x + H·g) - L) / H)² with L = mean (x·w - target)², g the unit gradient, constant."""
    residual = x @ w - target
    g = np.sign(residual) * w.T / np.linalg.norm(w)
    moved = (x + H * g) @ w - target
    slope = (np.mean(moved**2) - np.mean(residual**2)) / H
    gradient = 2 * x.T @ residual / len(x)
    moved_gradient = 2 * (x + H * g).T @ moved / len(x)
    return gradient + 2 * WEIGHT * slope * (moved_gradient - gradient) / H


def test_a_step_follows_the_closed_form_of_a_quadratic():
    model = penalised(line_params(), keras.optimizers.SGD(0.1))
    x, side = (array.astype("float64") for array in arrays(4))
    w = np.ones((3, 1))

    logs = train(model, dataset(4, 4), steps=1)

    expected = w - 0.1 * gradient_in_closed_form(x, side, w)
    np.testing.assert_allclose(weights_of(model)[0], expected, rtol=1e-4)
    assert logs["loss"] == pytest.approx(np.mean((x @ w - side) ** 2))


def test_a_weight_of_zero_changes_nothing():
    plain = build(line_params(), keras.optimizers.SGD(0.1))
    model = penalised(line_params(), keras.optimizers.SGD(0.1))
    model.input_gradient = InputGradientPenalty("x", H, 0.0)

    train(plain, dataset(8, 4), steps=2)
    train(model, dataset(8, 4), steps=2)

    np.testing.assert_allclose(weights_of(model)[0], weights_of(plain)[0], rtol=1e-6)


def test_the_gradient_of_each_sample_has_length_one_and_zero_stays_zero():
    unit = per_sample_unit(tf.constant([[[3.0], [4.0]], [[0.0], [0.0]]]))

    np.testing.assert_allclose(unit, [[[0.6], [0.8]], [[0.0], [0.0]]])


def test_both_passes_drop_the_same_nodes_and_count_once():
    keras.utils.set_random_seed(3)
    plain = build(ToyModelParams(), keras.optimizers.SGD(0.0))
    keras.utils.set_random_seed(3)
    model = penalised(ToyModelParams(), keras.optimizers.SGD(0.0))
    model.input_gradient = InputGradientPenalty("x", 0.001, WEIGHT)
    slopes = []
    add_to = InputGradientPenalty.add_to

    def watched(self, *args, **kwargs):
        evaluated, objective = add_to(self, *args, **kwargs)
        slopes.append(float((objective - evaluated.total_loss) / WEIGHT) ** 0.5)
        return evaluated, objective

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(InputGradientPenalty, "add_to", watched)
        model.run_eagerly = True
        logs = train(model, dataset(40, 8), steps=5)
    plain_logs = train(plain, dataset(40, 8), steps=5)

    assert max(slopes) < 20  # if other nodes were dropped: a difference of about 1, divided by h
    assert logs["acc"] == pytest.approx(plain_logs["acc"])
    assert model.sample_count == 40
    states = (model.root.non_trainable_variables for model in (plain, model))
    for one, other in zip(*states, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)


def test_a_loss_without_the_input_is_refused():
    class Apart(Line):
        def _loss(self, inputs, targets, outputs):
            return {"weights": outputs["y"]}

    class ApartGraph(LineGraph):
        def build_graph(self, inputs, training=None):
            return {"y": self.dense(tf.ones_like(inputs["x"]))}

    model = penalised(line_params(model=Apart, graph=ApartGraph), keras.optimizers.SGD(0.1))

    with pytest.raises(UsageError, match="does not depend on the input `x`"):
        train(model, dataset(4, 4), steps=1)


def test_a_training_with_it_resumes_bit_for_bit_and_ends_elsewhere_than_one_without(tmp_path, monkeypatch):
    monkeypatch.setattr(ToyData, "input_tensor_key_for_regularization", lambda self: "x")

    def params(folder=None, **kwargs):
        made = toy_params(folder, **kwargs)
        made.scenario.use_input_gradient_regularization = True
        return made

    unbroken, _ = train_toy(params(tmp_path / "a", epochs=3))
    train_toy(params(tmp_path / "b", epochs=1))
    stored, _ = Trainer.parse_trainer_params(str(tmp_path / "b"))
    stored.epochs = 3
    resumed, _ = train_toy(stored, restore=True)
    plain, _ = train_toy(toy_params(epochs=3))

    assert_same_bits(weights(unbroken), weights(resumed))
    assert any(not np.array_equal(a, b) for a, b in zip(weights(unbroken), weights(plain), strict=True))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (None, "needs to know the input"),
        ("y", r"returns `y`, but the inputs are \['x'\]"),
        ("x", "must be a float"),
    ],
)
def test_an_input_that_cannot_be_regularised_is_refused(monkeypatch, key, message):
    monkeypatch.setattr(ToyData, "input_tensor_key_for_regularization", lambda self: key)
    if key == "x":
        monkeypatch.setattr(ToyData, "_input_layer_specs", lambda self: {"x": TensorSpec((3,), "int32")})
    params = toy_params()
    params.scenario.use_input_gradient_regularization = True

    with pytest.raises(UsageError, match=message):
        train_toy(params)


def test_a_step_width_of_zero_is_refused():
    with pytest.raises(UsageError, match=r"--scenario.input_gradient_regularization_h.*more than 0"):
        ScenarioBaseParams(input_gradient_regularization_h=0)
