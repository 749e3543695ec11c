# pyright: reportArgumentType=false, reportOptionalSubscript=false, reportIncompatibleMethodOverride=false
import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.toy.model import ToyGraph, ToyModel
from tests.toy.params import ToyModelParams
from tests.toy.points import points
from tfaip.errors import UsageError
from tfaip.model import metric_books as module
from tfaip.model.gradient_accumulation import GradientAccumulation
from tfaip.model.graphbase import GraphBase, RootGraph
from tfaip.model.modelbase import ModelBase
from tfaip.model.tensorboardwriter import TensorboardWriter
from tfaip.model.training_model import TrainingModel
from tfaip.model.weight_average import WeightAverage, automatic_decay

SPECS = (
    {"x": tf.TensorSpec((None, 3), tf.float32)},
    {"side": tf.TensorSpec((None, 1), tf.int32)},
    {"meta": tf.TensorSpec((None, 1), tf.string)},
)


class Line(ModelBase[ToyModelParams]):
    """Squared distance of w·x from the target; the gradient is known in closed form."""

    def __init__(self, params, **kwargs):
        super().__init__(params, **kwargs)
        self.means = [keras.metrics.Mean(name="mean_of_y")]
        self.unused = keras.metrics.Mean(name="never_called")

    def _loss(self, inputs, targets, outputs):
        return {"square": (outputs["y"] - tf.cast(targets["side"], tf.float32)) ** 2}

    def _metric(self, inputs, targets, outputs):
        return [metric(outputs["y"]) for metric in self.means]


class LineGraph(GraphBase):
    def __init__(self, params, **kwargs):
        super().__init__(params, **kwargs)
        self.dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")

    def build_graph(self, inputs, training=None):
        return {"y": self.dense(inputs["x"])}


def line_params(model=Line, graph=LineGraph):
    class Params(ToyModelParams):
        @staticmethod
        def cls():
            return model

        def graph_cls(self):
            return graph

    return Params()


def build(params, optimizer, **kwargs):
    model = TrainingModel(RootGraph(params))
    model.trace_graph(SPECS)
    model.compile(optimizer=optimizer, jit_compile=False, **kwargs)
    model.prepare_optimizer(steps_per_epoch=5)
    return model


def arrays(number, first=0):
    samples = points(first, number)
    x = np.stack([s.inputs["x"] for s in samples])
    side = np.stack([s.targets["side"] for s in samples])
    return x, side


def dataset(number, batch_size, first=0):
    x, side = arrays(number, first)
    meta = np.array([[b"{}"]] * number)
    batches = tf.data.Dataset.from_tensor_slices(({"x": x}, {"side": side}, {"meta": meta}))
    return batches.batch(batch_size)


def weights_of(model):
    return [v.numpy() for v in model.root.weights]


def train(model, batches, epochs=1, steps=5, **kwargs):
    return model.fit(batches.repeat(), epochs=epochs, steps_per_epoch=steps, callbacks=[], **kwargs)


def test_one_step_is_a_gradient_step_in_closed_form():
    model = build(line_params(), keras.optimizers.SGD(0.1))
    x, side = arrays(4)
    w = np.ones((3, 1), "float32")
    gradient = 2 * x.T @ (x @ w - side) / 4

    logs = train(model, dataset(4, 4), steps=1)

    np.testing.assert_allclose(model.root.weights[0].numpy(), w - 0.1 * gradient, rtol=1e-5)
    np.testing.assert_allclose(logs["square"], np.mean((x @ w - side) ** 2), rtol=1e-5)


def test_losses_and_metrics_weigh_samples_also_in_a_last_partial_batch():
    model = build(line_params(), keras.optimizers.SGD(0.0))
    x, side = arrays(7)
    y = x @ np.ones((3, 1), "float32")

    logs = train(model, dataset(7, 4), steps=2, validation=dataset(7, 3))

    for prefix in ("", "val_"):
        np.testing.assert_allclose(logs[prefix + "square"], np.mean((y - side) ** 2), rtol=1e-5)
        np.testing.assert_allclose(logs[prefix + "mean_of_y"], np.mean(y), rtol=1e-5)


def test_logs_hold_each_loss_their_weighted_sum_and_the_called_metrics():
    model = build(ToyModelParams(dropout=0.0), keras.optimizers.SGD(0.0))

    logs = train(model, dataset(8, 8), steps=1, validation=dataset(8, 8))

    assert set(logs) == {
        *("loss", "loss/mean_epoch", "cross", "size", "acc"),
        *("val_loss", "val_loss/mean_epoch", "val_cross", "val_size", "val_acc"),
    }
    assert logs["loss/mean_epoch"] == pytest.approx(logs["cross"] + 0.01 * logs["size"])


def test_a_layers_own_loss_is_in_the_total_only():
    class Regularised(LineGraph):
        def __init__(self, params, **kwargs):
            super().__init__(params, **kwargs)
            self.dense.kernel_regularizer = keras.regularizers.L2(0.5)

    model = build(line_params(graph=Regularised), keras.optimizers.SGD(0.0))

    logs = train(model, dataset(4, 4), steps=1)

    assert logs["loss/mean_epoch"] == pytest.approx(logs["square"])
    assert logs["loss"] == pytest.approx(logs["square"] + 0.5 * 3)


def test_a_metric_starts_anew_in_each_epoch_and_in_validation():
    model = build(line_params(), keras.optimizers.SGD(0.0))

    logs = train(model, dataset(4, 4), epochs=3, steps=1, validation=dataset(4, 4))

    assert logs["mean_of_y"] == pytest.approx(logs["val_mean_of_y"])
    assert model.sample_count == 4


def test_a_metric_that_is_never_called_is_not_logged():
    model = build(line_params(), keras.optimizers.SGD(0.0))

    assert [metric.name for metric in model.metrics] == [*("loss", "loss/mean_epoch", "square", "mean_of_y")]


@pytest.mark.parametrize("steps_per_execution", [0, 1, 3, 64])
def test_many_steps_in_a_call_train_the_same_bits(steps_per_execution):
    results = []
    for steps in (1, steps_per_execution):
        keras.utils.set_random_seed(3)
        model = build(ToyModelParams(), keras.optimizers.Adam(0.01))
        train(model, dataset(40, 8), epochs=3, steps=7, steps_per_execution=steps)
        results.append(weights_of(model))

    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_eager_training_gives_the_same_result():
    results = []
    for run_eagerly in (False, True):
        keras.utils.set_random_seed(3)
        model = build(ToyModelParams(dropout=0.0), keras.optimizers.SGD(0.1), run_eagerly=run_eagerly)
        logs = train(model, dataset(40, 8), steps=5, validation=dataset(20, 8))
        results.append((weights_of(model), logs))

    for one, other in zip(results[0][0], results[1][0], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert results[0][1] == pytest.approx(results[1][1], rel=1e-4)


def test_validation_changes_no_weight():
    model = build(ToyModelParams(), keras.optimizers.SGD(0.0))
    before = [v.numpy() for v in model.root.trainable_weights]

    train(model, dataset(8, 8), steps=1, validation=dataset(20, 8))

    for one, other in zip(before, model.root.trainable_weights, strict=True):
        np.testing.assert_array_equal(one, other.numpy())


def test_losses_see_the_update_count_and_the_epoch():
    seen = []

    class Clock(Line):
        def _loss(self, inputs, targets, outputs):
            return {
                "step": tf.cast(targets["step"], tf.float32) + 0 * outputs["y"],
                "epoch": tf.cast(targets["epoch"], tf.float32),
            }

    class Steps(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((logs["step"], logs["epoch"]))

    model = build(line_params(model=Clock), keras.optimizers.SGD(0.0))
    model.fit(dataset(4, 4).repeat(), epochs=2, steps_per_epoch=5, callbacks=[Steps()])

    assert seen == [(2.0, 0.0), (7.0, 1.0)]


def test_accumulated_batches_train_like_one_large_batch():
    large = build(line_params(), keras.optimizers.Adam(0.1, global_clipnorm=0.5))
    small = build(line_params(), keras.optimizers.Adam(0.1, global_clipnorm=0.5))
    small.accumulation = GradientAccumulation(small.trainable_variables, 4)

    train(large, dataset(32, 16), steps=2)
    train(small, dataset(32, 4), steps=8)

    np.testing.assert_allclose(weights_of(large)[0], weights_of(small)[0], rtol=1e-6)
    assert int(small.optimizer.iterations) == 2


def test_accumulated_batches_of_different_sizes_train_like_one_large_batch():
    large = build(line_params(), keras.optimizers.SGD(0.3))
    small = build(line_params(), keras.optimizers.SGD(0.3))
    small.accumulation = GradientAccumulation(small.trainable_variables, 3)
    samples = dataset(24, 12).unbatch()
    sizes = [7, 1, 4, 2, 9, 1]
    starts = np.cumsum([0, *sizes])

    train(large, dataset(24, 12), steps=2)
    for start, size in zip(starts[:-1], sizes, strict=True):
        train(small, samples.skip(int(start)).take(size).batch(size), steps=1)

    np.testing.assert_allclose(weights_of(large)[0], weights_of(small)[0], rtol=1e-6)


def test_weights_wait_for_the_last_batch_of_an_update():
    model = build(line_params(), keras.optimizers.SGD(0.3))
    model.accumulation = GradientAccumulation(model.trainable_variables, 2)
    start = weights_of(model)[0]

    train(model, dataset(4, 4), steps=1)
    np.testing.assert_array_equal(weights_of(model)[0], start)

    train(model, dataset(4, 4), steps=1)
    assert (weights_of(model)[0] != start).all()


def test_the_average_is_that_of_numpy():
    model = build(line_params(), keras.optimizers.SGD(0.1))
    model.weight_average = WeightAverage(model.trainable_variables, 0.9)
    expected = weights_of(model)[0].copy()
    for _ in range(4):
        train(model, dataset(4, 4), steps=1)
        expected = 0.9 * expected + 0.1 * weights_of(model)[0]

    np.testing.assert_allclose(model.weight_average.averages[0].numpy(), expected, rtol=1e-6)


def test_an_average_moves_once_per_update_when_gradients_accumulate():
    model = build(line_params(), keras.optimizers.SGD(0.1))
    model.accumulation = GradientAccumulation(model.trainable_variables, 2)
    model.weight_average = WeightAverage(model.trainable_variables, 0.9)
    start = weights_of(model)[0].copy()

    train(model, dataset(8, 4), steps=2)

    expected = 0.9 * start + 0.1 * weights_of(model)[0]
    np.testing.assert_allclose(model.weight_average.averages[0].numpy(), expected, rtol=1e-6)


def test_raw_weights_come_back_as_the_same_bits_even_from_a_broken_average():
    model = build(line_params(), keras.optimizers.SGD(0.1))
    average = WeightAverage(model.trainable_variables, 0.9)
    average.averages[0].assign(np.full((3, 1), np.inf, "float32"))
    raw = weights_of(model)[0]

    with average.active():
        assert np.isinf(weights_of(model)[0]).all()

    np.testing.assert_array_equal(weights_of(model)[0], raw)


@pytest.mark.parametrize(
    ("batch", "samples", "expected"), [(16, 16, 0.99), (16, 1000, 0.99540), (1, 100000, 0.99975)]
)
def test_the_automatic_decay_follows_the_formula_within_its_bounds(batch, samples, expected):
    assert automatic_decay(batch, samples) == pytest.approx(expected, abs=1e-5)


def test_an_averaging_rate_of_one_is_refused():
    with pytest.raises(UsageError, match=r"--trainer.ema_decay.*below 1"):
        WeightAverage([], 1.0)


def test_a_mistake_in_the_graph_names_the_users_line():
    class Wrong(LineGraph):
        def build_graph(self, inputs, training=None):
            return {"y": self.dense(inputs["image"])}

    model = TrainingModel(RootGraph(line_params(graph=Wrong)))

    with pytest.raises(UsageError, match=r"test_training_model.py, line \d+.*KeyError.*image"):
        model.trace_graph(SPECS)


def test_a_weight_for_an_unknown_loss_is_refused():
    class Misspelt(Line):
        def _loss_weights(self):
            return {"sqare": 2.0}

    model = TrainingModel(RootGraph(line_params(model=Misspelt)))

    with pytest.raises(UsageError, match=r"sqare.*returns \['square'\]"):
        model.trace_graph(SPECS)


def test_a_graph_is_not_called_directly():
    with pytest.raises(ValueError, match="called directly"):
        ToyGraph(ToyModelParams())({"inputs": {"x": np.zeros((1, 3), "float32")}})


def test_a_graph_trains_and_predicts_on_arrays_with_the_same_weights():
    graph = ToyGraph(ToyModelParams(dropout=0.0))
    x = np.ones((2, 3), "float32")

    trained, predicted = graph.train(inputs={"x": x}, targets=None), graph.predict({"x": x})

    np.testing.assert_allclose(trained["logits"], predicted["logits"], rtol=1e-6)
    assert [w.path.split("/")[0] for w in graph.weights] == ["ToyGraph"] * 8


def test_a_users_train_step_is_called_and_its_logs_are_seen():
    class Own(TrainingModel):
        def train_step(self, data):
            return {**super().train_step(data), "answer": tf.constant(42.0)}

    model = Own(RootGraph(line_params()))
    model.trace_graph(SPECS)
    model.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=False)
    model.prepare_optimizer(5)

    logs = train(model, dataset(8, 4), steps=4, steps_per_execution=2)

    assert logs["answer"] == 42.0


def test_a_writer_holds_the_value_of_the_last_batch():
    class Showing(LineGraph):
        def __init__(self, params, **kwargs):
            super().__init__(params, **kwargs)
            self.writer = TensorboardWriter(func=print, dtype="float32", name="y_of_batch")

        def build_graph(self, inputs, training=None):
            outputs = super().build_graph(inputs, training)
            self.add_tensorboard(self.writer, outputs["y"])
            return outputs

    model = build(line_params(graph=Showing), keras.optimizers.SGD(0.0))
    x, _ = arrays(6)

    train(model, dataset(6, 4), steps=2)

    (writer,) = model.tensorboard_writers
    np.testing.assert_allclose(writer.result(), x[4:] @ np.ones((3, 1)), rtol=1e-5)
    assert "y_of_batch" not in [metric.name for metric in model.metrics]


def test_custom_objects_hold_the_scenarios_graph():
    assert {"ToyGraph", "RootGraph"} <= set(ToyModel.all_custom_objects())


def test_root_and_graph_come_back_from_their_config():
    root = RootGraph(ToyModelParams(nodes=5))

    again = RootGraph.from_config(root.get_config())

    assert again.params == root.params
    assert isinstance(again.graph, ToyGraph)


def test_library_frames_are_not_the_users():
    assert module.is_library(module.__file__)
    assert not module.is_library(__file__)
