import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.toy.params import ToyModelParams
from tfaip.errors import UsageError
from tfaip.model.lav_model import LavModel, sample_losses
from tfaip.model.modelbase import ModelBase
from tfaip.model.tensorboardwriter import TensorboardWriter

SPECS = (
    {"x": tf.TensorSpec((None, 3), tf.float32)},
    {"y": tf.TensorSpec((None, 1), tf.float32)},
    {"meta": tf.TensorSpec((None, 1), tf.string)},
)


class Sums(ModelBase[ToyModelParams]):
    """Losses of three shapes, and a metric."""

    def __init__(self, params, **kwargs):
        super().__init__(params, **kwargs)
        self.mean = keras.metrics.Mean(name="mean")
        self.unused = keras.metrics.Mean(name="unused")

    def _loss(self, inputs, targets, outputs):
        difference = outputs["sum"] - targets["y"]
        return {
            "of_samples": difference[:, 0] ** 2,
            "of_values": tf.abs(inputs["x"] - targets["y"]),
            "of_batch": tf.reduce_mean(difference),
        }

    def _loss_weights(self):
        return {"of_values": 0.5}

    def _metric(self, inputs, targets, outputs):
        return [self.mean(outputs["sum"])]


def graph(inputs):
    return {"sum": tf.reduce_sum(inputs["x"], axis=1, keepdims=True)}


def arrays(number):
    random = np.random.RandomState(1)
    x = random.normal(size=(number, 3)).astype("float32")
    return x, random.normal(size=(number, 1)).astype("float32")


def batches(number, size):
    x, y = arrays(number)
    for start in range(0, number, size):
        part = slice(start, start + size)
        yield {"x": x[part]}, {"y": y[part]}, {"meta": np.full((len(x[part]), 1), b"{}", object)}


def validated(model, number, size, **kwargs):
    model.reset()
    return [model.validate(batch, **kwargs) for batch in batches(number, size)]


@pytest.mark.parametrize("eager", [False, True])
def test_losses_and_metrics_are_means_over_samples(eager):
    model = LavModel(graph, Sums(ToyModelParams()), SPECS, run_eagerly=eager)
    x, y = arrays(7)
    total = x.sum(axis=1, keepdims=True)
    expected = {
        "of_samples": np.mean((total - y) ** 2),
        "of_values": np.mean(np.abs(x - y)),
        "of_batch": np.mean(total - y),
        "mean": np.mean(total),
    }
    expected["loss/mean_epoch"] = expected["of_samples"] + 0.5 * expected["of_values"] + expected["of_batch"]

    for size in (1, 3, 4, 7):
        validated(model, 7, size)

        assert model.sample_count == 7
        assert model.results() == pytest.approx(expected, abs=1e-6)


def test_many_batches_of_one_sum_up_as_one_batch():
    model = LavModel(graph, Sums(ToyModelParams()), SPECS)
    validated(model, 5000, 1)
    alone = model.results()

    validated(model, 5000, 5000)

    for name in ("of_samples", "of_values", "of_batch", "loss/mean_epoch"):
        assert alone[name] == pytest.approx(model.results()[name], rel=1e-6)


@pytest.mark.parametrize("eager", [False, True])
def test_the_losses_of_samples_are_those_of_batches_of_one(eager):
    model = LavModel(graph, Sums(ToyModelParams()), SPECS, run_eagerly=eager)
    x, y = arrays(5)
    total = x.sum(axis=1) - y[:, 0]

    (batch,) = validated(model, 5, 5, with_losses=True)

    np.testing.assert_allclose(batch.losses["of_samples"], total**2, atol=1e-6)
    np.testing.assert_allclose(batch.losses["of_values"], np.abs(x - y).mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(batch.losses["of_batch"], total, atol=1e-6)
    weighted = batch.losses["of_samples"] + 0.5 * batch.losses["of_values"] + batch.losses["of_batch"]
    np.testing.assert_allclose(batch.losses["loss"], weighted, atol=1e-6)
    assert batch.losses["loss"].mean() == pytest.approx(model.results()["loss/mean_epoch"], abs=1e-6)


def test_a_batch_comes_back_as_arrays():
    model = LavModel(graph, Sums(ToyModelParams()), SPECS)

    first, last = validated(model, 5, 3)

    assert (first.num_samples, last.num_samples) == (3, 2)
    assert first.outputs["sum"].shape == (3, 1)
    assert last.meta["meta"].tolist() == [[b"{}"], [b"{}"]]
    assert first.losses == {}


def test_targets_are_prepared_as_in_training():
    class Shifts(Sums):
        def pre_proc_targets(self, inputs, targets):
            return {"y": targets["y"] + 1}

        def post_proc_targets(self, inputs, targets, outputs):
            return {"y": targets["y"] * 0 + outputs["sum"]}

    model = LavModel(graph, Shifts(ToyModelParams()), SPECS)

    (batch,) = validated(model, 4, 4)

    np.testing.assert_allclose(batch.targets["y"], arrays(4)[1] + 1)
    assert model.results()["of_samples"] == 0


def test_batches_of_any_size_are_traced_once():
    traces = []

    def counting(inputs):
        traces.append(1)
        return graph(inputs)

    model = LavModel(counting, Sums(ToyModelParams()), SPECS)
    validated(model, 7, 3)
    validated(model, 7, 2)

    assert len(traces) == 2  # to find losses and metrics, and to compile


def test_losses_that_the_graph_does_not_allow_are_left_out_with_a_warning(caplog):
    class Late(Sums):
        def _loss(self, inputs, targets, outputs):
            return {"late": outputs["features"]}

    with caplog.at_level(logging.WARNING):
        model = LavModel(graph, Late(ToyModelParams()), SPECS)
        (batch,) = validated(model, 4, 4, with_losses=True)

    assert set(model.results()) == {"mean"}
    assert batch.losses == {}
    (record,) = (one for one in caplog.records if one.name.startswith("tfaip"))
    assert "`_loss` needs `features`, but the exported graph gives ['sum']" in record.getMessage()


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("mistake")])
def test_an_error_of_the_users_own_is_a_mistake(error):
    class Wrong(Sums):
        def _loss(self, inputs, targets, outputs):
            raise error

    with pytest.raises(UsageError, match=r"test_lav_model.py, line \d+"):
        LavModel(graph, Wrong(ToyModelParams()), SPECS)


def test_what_layers_show_in_tensorboard_is_collected():
    writer = TensorboardWriter(lambda *_: None, name="last")

    def showing(inputs):
        outputs = graph(inputs)
        writer.update_state(outputs["sum"], outputs["sum"])
        return outputs

    model = LavModel(showing, Sums(ToyModelParams()), SPECS, writers=[writer])
    *_, last = validated(model, 5, 3)

    np.testing.assert_array_equal(model.writer_values()["last"], last.outputs["sum"])


def test_sample_losses_of_a_single_sample():
    x, y = arrays(1)
    inputs, targets = {"x": tf.constant(x)}, {"y": tf.constant(y)}

    losses = sample_losses(Sums(ToyModelParams()), inputs, targets, graph(inputs))

    assert {name: loss.shape for name, loss in losses.items()} == dict.fromkeys(
        ("loss", "of_samples", "of_values", "of_batch"), (1,)
    )
