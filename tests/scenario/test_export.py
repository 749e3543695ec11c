"""What is exported is loaded and compared, on samples of the validation."""

import json
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.toy.model import ToyGraph, ToyModel
from tests.toy.scenario import ToyScenario
from tfaip.errors import StorageError
from tfaip.scenario.export import taken
from tfaip.scenario.rebuilding import rebuilt_model
from tfaip.scenario.saved_weights import WEIGHTS, saved_weights
from tfaip.trainer.trainer import Trainer

# pyright: reportOptionalMemberAccess=false


def toy_params(output_dir, **kwargs):
    params = ToyScenario.default_trainer_params()
    params.output_dir = str(output_dir)
    params.scenario.print_eval_limit = 0
    for name, value in kwargs.items():
        setattr(params, name, value)
    return params


def train(output_dir, **kwargs):
    trainer = ToyScenario.create_trainer(toy_params(output_dir, **kwargs))
    trainer.train()
    return trainer


def report(folder):
    return json.loads((folder / "comparison.json").read_text())["graphs"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, train(folder, epochs=3, ema_decay=0.9)


def test_the_outputs_of_an_export_are_compared_on_samples_of_the_validation(trained):
    entry = report(trained[0] / "export")["serve"]

    assert (entry["compared"], entry["samples"], entry["num_samples"]) == ("outputs", "validation", 8)
    assert entry["loaded_with"] == "tf.saved_model.load"
    assert set(entry["outputs"]) == {"logits", "probability", "side"}
    assert all(0 <= one["difference"] < 1e-5 for one in entry["outputs"].values())
    assert entry["versions"]["keras"] == keras.__version__


def test_the_samples_are_those_that_the_validation_read_first(trained):
    kept = trained[1].scenario.compared_samples.batches
    with (
        trained[1]
        .data.create_pipeline(trained[1].params.gen.setup.val, trained[1].params.gen.val)
        .generate_input_batches() as batches
    ):
        inputs, _, _ = next(iter(batches))

    np.testing.assert_array_equal(kept[0]["x"], inputs["x"])
    np.testing.assert_array_equal(kept[1]["x"], inputs["x"][:1])


def test_a_better_model_of_the_same_graph_is_compared_by_its_weights(trained, tmp_path):
    scenario = trained[1].scenario

    scenario.export(str(tmp_path / "again"))
    weights_only = report(tmp_path / "again")["serve"]
    scenario.compare_outputs_again()
    scenario.export(str(tmp_path / "again"))

    assert (weights_only["compared"], weights_only["num_weights"]) == ("weights", 8)
    assert set(weights_only["outputs_of_an_earlier_export"]["outputs"]) == {"logits", "probability", "side"}
    assert report(tmp_path / "again")["serve"]["compared"] == "outputs"


def test_weights_that_were_not_written_as_they_are_are_refused(trained, tmp_path, monkeypatch):
    def damaged(folder):
        weights = saved_weights(folder) or {}
        return {name: value + (name.endswith("hidden/bias")) for name, value in weights.items()}

    monkeypatch.setattr("tfaip.scenario.saved_weights.saved_weights", damaged)

    with pytest.raises(StorageError, match="weights read back from"):
        trained[1].scenario.export(str(tmp_path / "again"))

    assert list(tmp_path.iterdir()) == []


class NoisyGraph(ToyGraph):
    """Computes something else each time."""

    def build_prediction_graph(self, inputs):
        outputs = super().build_prediction_graph(inputs)
        return {**outputs, "logits": outputs["logits"] + tf.random.normal([2])}


class CountingGraph(ToyGraph):
    """Computes something else each time it is traced."""

    traces = 0

    def build_prediction_graph(self, inputs):
        type(self).traces += 1
        outputs = super().build_prediction_graph(inputs)
        return {**outputs, "probability": outputs["probability"] * float(self.traces)}


@pytest.mark.parametrize(("graph", "output"), [(NoisyGraph, "logits"), (CountingGraph, "probability")])
def test_a_graph_that_exports_wrongly_is_refused_and_nothing_is_left(tmp_path, monkeypatch, graph, output):
    monkeypatch.setattr("tests.toy.params.ToyModelParams.graph_cls", lambda _: graph)

    with pytest.raises(StorageError, match=rf"best/serve.*8 validation samples: `{output}` \(difference"):
        train(tmp_path, epochs=1)

    assert not [path for path in tmp_path.iterdir() if "best" in path.name or "export" in path.name]


def test_what_the_user_accepts_is_exported_and_reported(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.toy.params.ToyModelParams.graph_cls", lambda _: NoisyGraph)
    params = toy_params(tmp_path, epochs=1)
    params.scenario.export_tolerance = None

    ToyScenario.create_trainer(params).train()

    entry = report(tmp_path / "export")["serve"]
    assert entry["tolerance"] is None
    assert entry["outputs"]["logits"]["difference"] > 0.01


def test_further_graphs_are_compared_too_and_targets_may_be_their_inputs(tmp_path, monkeypatch):
    def graphs(self, inputs, outputs, targets):
        judged = {
            "is_right": keras.ops.equal(targets["side"][:, 0], keras.ops.cast(outputs["side"], "int32"))
        }
        return {
            "default": keras.Model(inputs, outputs),
            "judge": keras.Model({**inputs, **targets}, judged),
        }

    monkeypatch.setattr(ToyModel, "_export_graphs", graphs)

    train(tmp_path, epochs=1)

    assert set(report(tmp_path / "export")) == {"serve", "additional/judge"}
    loaded = tf.saved_model.load(str(tmp_path / "best" / "additional" / "judge"))
    assert set(loaded.signatures["serving_default"].structured_input_signature[1]) == {"x", "side"}


def test_targets_that_the_model_changed_are_no_input_of_a_graph():
    specs = {"side": tf.TensorSpec([None, 1], tf.int32), "x": tf.TensorSpec([None, 3], tf.float32)}
    batch = {"side": np.ones((2, 4), "int32"), "x": np.ones((2, 3), "float32")}

    tensors = taken(batch, specs)

    np.testing.assert_array_equal(tensors["side"], np.zeros((2, 1)))
    np.testing.assert_array_equal(tensors["x"], batch["x"])


def test_without_validation_the_samples_are_made_up(tmp_path):
    params = toy_params(tmp_path, epochs=1)
    params.gen.val.number = 0

    ToyScenario.create_trainer(params).train()

    assert report(tmp_path / "export")["serve"]["samples"] == "made-up"


def test_comparing_does_not_change_the_training(tmp_path, monkeypatch):
    with_comparison = train(tmp_path / "a", epochs=2)
    monkeypatch.setattr("tfaip.scenario.scenariobase.ComparedSamples.keep", lambda *_: None)
    monkeypatch.setattr("tfaip.scenario.export._compared", lambda *_: {})
    without = train(tmp_path / "b", epochs=2)

    for one, other in zip(
        with_comparison.scenario.root_graph.weights, without.scenario.root_graph.weights, strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_full_disk_leaves_the_old_export_whole(trained, tmp_path, monkeypatch):
    scenario = trained[1].scenario
    scenario.export(str(tmp_path / "out"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(self, folder):
        raise tf.errors.ResourceExhaustedError(None, None, f"{folder}/variables; No space left on device")

    monkeypatch.setattr("tfaip.scenario.export.SavedGraph.save", full)
    with pytest.raises(StorageError, match=r"No space left on device.*unchanged"):
        scenario.export(str(tmp_path / "out"))

    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert os.listdir(tmp_path) == ["out"]


def test_a_finished_run_is_resumed_without_changing_a_byte(trained):
    folder = trained[0]
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    Trainer.restore_trainer(str(folder)).train()

    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_export_of_an_earlier_end_is_written_anew_without_training(tmp_path, caplog):
    train(tmp_path, epochs=1, ema_decay=0.9)
    params = toy_params(tmp_path, epochs=2, ema_decay=0.9)
    resumed = ToyScenario.create_trainer(params, restore=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_export_final", lambda _: None)  # as if it was killed there
        resumed.train()

    logs = Trainer.restore_trainer(str(tmp_path)).train()

    assert logs == {}
    assert "Training complete, exporting: 2 of 2 epochs" in caplog.text
    weights = saved_weights(tmp_path / "export" / "serve") or {}
    with resumed._averaged():
        expected = [weight.numpy() for weight in resumed.scenario.keras_predict_model.weights]
    assert sorted(a.tobytes() for a in weights.values()) == sorted(b.tobytes() for b in expected)


class ListGraph(ToyGraph):
    """Keeps a layer in a list."""

    def __init__(self, params, name="ListGraph", **kwargs):
        super().__init__(params, name=name, **kwargs)
        self.hidden = [keras.layers.Dense(params.nodes, name="first"), keras.layers.Dense(params.nodes)]

    def build_graph(self, inputs, training=None):
        first, second = self.hidden
        logits = self.logits(second(first(inputs["x"])))
        return {"logits": logits, "probability": tf.nn.softmax(logits), "side": tf.argmax(logits, axis=-1)}


@pytest.mark.parametrize("graph", [ToyGraph, ListGraph])
def test_a_model_built_from_its_code_has_the_weights_of_the_export(tmp_path, monkeypatch, graph):
    monkeypatch.setattr("tests.toy.params.ToyModelParams.graph_cls", lambda _: graph)
    trainer = train(tmp_path, epochs=1)
    keras.layers.Dense(3)  # counts up the names of layers

    model = rebuilt_model(ToyScenario(trainer.scenario.params), tmp_path / "export" / "serve")

    expected = [weight.numpy() for weight in trainer.scenario.keras_predict_model.weights]
    for one, other in zip(model.weights, expected, strict=True):
        np.testing.assert_array_equal(one.numpy(), other)


def test_each_weight_is_stored_once(trained):
    names = [name for name, _ in tf.train.list_variables(str(trained[0] / "export" / "serve" / WEIGHTS))]

    assert len(names) == len(trained[1].scenario.keras_predict_model.weights) + 1  # and what belongs to what
