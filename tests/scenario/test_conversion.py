"""An export in other formats: written, loaded by the program that is meant for it, compared."""

import importlib.util
import json
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.lav.toys import assert_close
from tests.toy.model import ToyGraph
from tests.toy.scenario import ToyScenario
from tfaip.errors import StorageError, UsageError
from tfaip.scenario import formats
from tfaip.scenario.comparison import ComparedSamples
from tfaip.scenario.conversion import convert_export
from tfaip.scenario.formats import FORMATS
from tfaip.scripts import export, lav
from tfaip.trainer.trainer import Trainer

# pyright: reportOptionalMemberAccess=false

MISSING = {
    name: [m for m in f.modules.values() if not importlib.util.find_spec(m)] for name, f in FORMATS.items()
}
needs = {
    name: pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed")
    for name, missing in MISSING.items()
}
ALL = [pytest.param(name, marks=mark) for name, mark in needs.items()]


def toy_params(output_dir, **kwargs):
    params = ToyScenario.default_trainer_params()
    params.output_dir = str(output_dir)
    params.scenario.print_eval_limit = 0
    params.epochs = 1
    for name, value in kwargs.items():
        setattr(params, name, value)
    return params


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    wanted = {f"export_{name}": not MISSING[name] for name in ("onnx", "litert")}
    ToyScenario.create_trainer(toy_params(folder, ema_decay=0.9, **wanted)).train()
    return folder


@pytest.fixture
def copied(run_dir, tmp_path):
    return shutil.copytree(run_dir / "best", tmp_path / "best")


def run_export(*words):
    return export.main(*export.parse_args([str(word) for word in words]))


def report(folder):
    return json.loads((folder / "comparison.json").read_text())["graphs"]


def samples(number=3):
    kept = ComparedSamples()
    kept.keep({"x": np.random.RandomState(0).normal(size=(number, 3)).astype("float32")}, "validation")
    return kept


@pytest.mark.parametrize("name", ALL)
def test_each_format_computes_what_the_saved_model_does(copied, name, capsys):
    (comparison,) = run_export(copied, "--format", name).values()

    entry = report(copied)[FORMATS[name].file_name]
    assert (copied / FORMATS[name].file_name).exists()
    assert (entry["samples"], entry["num_samples"], entry["reference"]) == ("validation", 8, "serve/")
    assert set(entry["outputs"]) == {"logits", "probability", "side"}
    assert all(one.difference < 1e-6 for one in comparison.outputs.values())
    assert "probability: float32 (2,), difference" in capsys.readouterr().out
    assert set(FORMATS[name].modules) <= set(entry["versions"])
    assert "serve" in report(copied)


@needs["onnx"]
def test_a_file_may_be_written_elsewhere_with_its_report_beside_it(copied, tmp_path):
    run_export(copied, "--format", "onnx", "--output", tmp_path / "toy.onnx", "--pipeline.limit", 5)

    assert report(tmp_path)["toy.onnx"]["num_samples"] == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "comparison.json", "toy.onnx"]


@needs["onnx"]
@needs["litert"]
def test_a_training_writes_the_formats_into_its_exports(run_dir):
    for name in ("best", "export"):
        graphs = report(run_dir / name)
        assert {"serve", "model.onnx", "model.tflite"} <= set(graphs)
        assert all(one["difference"] < 1e-6 for one in graphs["model.onnx"]["outputs"].values())


@needs["onnx"]
def test_onnx_runtime_alone_runs_the_file_of_a_training(run_dir):
    session = formats.onnx_session(run_dir / "best" / "model.onnx")
    x = np.eye(3, dtype="float32")

    (probability,) = session.run(["probability"], {"x": x})

    signature = tf.saved_model.load(str(run_dir / "best" / "serve")).signatures["serving_default"]
    np.testing.assert_allclose(probability, signature(x=tf.constant(x))["probability"], atol=1e-6)


@needs["onnx"]
def test_lav_of_an_onnx_file_gives_the_same_losses_and_metrics(run_dir, capsys):
    results = []
    for words in (["--export_dir", run_dir / "best"], ["--onnx", run_dir / "best" / "model.onnx"]):
        for batch_size in (8, 3):
            flags = ["--lav.silent", True, "--pipeline.batch_size", batch_size]
            results.append(lav.main(*lav.parse_args([str(word) for word in [*words, *flags]])))

    assert results[0].num_samples == 20
    assert {"acc", "cross", "size", "loss/mean_epoch"} <= set(results[0])
    for other in results[1:]:
        assert_close(results[0], other, atol=1e-6)
    assert (run_dir / "best" / "model.onnx.lav_results.json").exists()


@needs["onnx"]
def test_lav_finds_the_params_of_an_onnx_file_that_lies_elsewhere(run_dir, tmp_path):
    shutil.copy(run_dir / "best" / "model.onnx", tmp_path / "toy.onnx")
    words = ["--onnx", str(tmp_path / "toy.onnx"), "--export_dir", str(run_dir / "best")]

    result = lav.main(*lav.parse_args([*words, "--lav.silent", "True", "--lav.store_results", "False"]))

    assert result.num_samples == 20


def test_the_keras_file_needs_the_scenario_and_no_unsafe_mode(copied):
    run_export(copied, "--format", "keras")

    custom_objects = ToyScenario.model_cls().all_custom_objects()
    model = keras.saving.load_model(copied / "model.keras", custom_objects=custom_objects)

    x = np.eye(3, dtype="float32")
    signature = tf.saved_model.load(str(copied / "serve")).signatures["serving_default"]
    outputs = model({"x": x}, training=False)  # type: ignore[misc]
    np.testing.assert_allclose(outputs["logits"], signature(x=tf.constant(x))["logits"], atol=1e-6)


# ---- what goes wrong


def write_something_else(model, path, write=FORMATS["saved_model"].write):
    bias = model.weights[-1]
    before = bias.numpy()
    bias.assign(before + 0.01)
    write(model, path)
    bias.assign(before)


def test_a_file_that_computes_something_else_is_refused_and_the_old_one_stays(copied, monkeypatch):
    run_export(copied, "--format", "saved_model")
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    lying = replace(FORMATS["saved_model"], write=write_something_else)
    monkeypatch.setitem(FORMATS, "saved_model", lying)

    with pytest.raises(StorageError, match=r"best/saved_model.*3 validation samples: `logits` \(difference"):
        run_export(copied, "--format", "saved_model", "--pipeline.limit", 3)

    assert StorageError.exit_code == 4
    assert before == {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}


def test_a_larger_difference_is_accepted_where_it_is_asked_for(copied, monkeypatch):
    lying = replace(FORMATS["saved_model"], write=write_something_else)
    monkeypatch.setitem(FORMATS, "saved_model", lying)

    run_export(copied, "--format", "saved_model", "--tolerance", 0.02)

    entry = report(copied)["saved_model"]
    assert entry["tolerance"] == 0.02
    assert 0.001 < entry["outputs"]["logits"]["difference"] < 0.02


@needs["onnx"]
def test_what_onnx_does_not_know_is_found_before_the_training(tmp_path, monkeypatch):
    def build_graph(self, inputs, training=None):
        logits = self.logits(inputs["x"])
        return {"logits": logits, "probability": logits, "side": keras.ops.argmax(logits, axis=-1)}

    monkeypatch.setattr(ToyGraph, "build_graph", build_graph)
    params = toy_params(tmp_path, export_onnx=True, skip_model_load_test=False)

    with pytest.raises(UsageError, match=r"export_onnx True.*Bitcast.*`tf.argmax` does not"):
        ToyScenario.create_trainer(params).train()

    assert not list(tmp_path.rglob("*.onnx"))


@pytest.mark.parametrize(
    ("name", "module", "hint"),
    [
        ("onnx", "tf2onnx", r"needs tf2onnx: `pip install 'tfaip\[onnx\]'`"),
        ("onnx", "onnxruntime", r"needs onnxruntime: `pip install 'tfaip\[onnx\]'`"),
        ("litert", "ai_edge_litert", r"needs ai-edge-litert: `pip install 'tfaip\[litert\]'`"),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    copied, monkeypatch, name, module, hint
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda wanted: None if wanted == module else find("json")
    )

    with pytest.raises(UsageError, match=hint):
        run_export(copied, "--format", name)


def test_an_old_keras_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(formats.keras, "__version__", "3.12.1")

    with pytest.raises(UsageError, match=r"Keras 3.12.1 cannot export LiteRT"):
        FORMATS["litert"].check_installed()


def test_a_training_without_the_packages_does_not_start(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *args: None if name == "tf2onnx" else find(name, *args)
    )

    with pytest.raises(UsageError, match=r"needs tf2onnx"):
        ToyScenario.create_trainer(toy_params(tmp_path, export_onnx=True)).train()


@pytest.mark.parametrize(
    ("line", "telling"),
    [
        ("{0}", r"needs `--format`, one or more of onnx, litert"),
        ("{0} --format pickle", r"pickle"),
        ("{0} --format onnx keras --output x", r"one place for 2 formats"),
        ("{0}/.. --format onnx", r"holds a checkpoint of a training, not an exported model"),
        ("{0}/nothing --format onnx", r"There is no exported model"),
        ("{0} --format keras --output {0}/no/model.keras", r"There is no folder `.*/best/no`"),
    ],
)
def test_a_mistake_is_answered(run_dir, line, telling):
    with pytest.raises(UsageError, match=telling):
        run_export(*line.format(run_dir / "best").split())


@needs["onnx"]
@pytest.mark.parametrize(("content", "telling"), [(None, "no ONNX file"), (b"no model", "cannot load")])
def test_a_file_that_is_no_onnx_model_is_named(copied, content, telling):
    file = copied / "broken.onnx"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises((UsageError, StorageError), match=telling):
        lav.main(*lav.parse_args(["--onnx", str(file)]))


def test_a_better_model_takes_the_files_of_the_old_one_away(run_dir, copied):
    (copied / "model.onnx").touch()
    (copied / ".model.keras.new.xyz").mkdir()
    (copied / "notes.txt").touch()
    trainer = Trainer.restore_trainer(str(run_dir))
    trainer.prepare()

    trainer.scenario.export(str(copied))

    names = {path.name for path in copied.iterdir()}
    assert names == {"comparison.json", "net_config.json", "notes.txt", "scenario_params.json", "serve"} | {
        "trainer_params.json"  # it was of the training, which this export is not
    }


@needs["onnx"]
def test_the_formats_of_a_finished_training_are_written_when_it_is_resumed(run_dir, tmp_path, caplog):
    folder = shutil.copytree(run_dir, tmp_path / "run")
    (folder / "best" / "model.onnx").unlink()
    before = {path: path.read_bytes() for path in folder.rglob("serve/**/*") if path.is_file()}
    params, _ = Trainer.parse_trainer_params(str(folder))
    params.output_dir = str(folder)

    ToyScenario.create_trainer(params, restore=True).train()

    assert (folder / "best" / "model.onnx").exists()
    assert before == {path: path.read_bytes() for path in folder.rglob("serve/**/*") if path.is_file()}
    assert "Training complete, exporting" in caplog.text


def test_an_export_is_converted_by_its_own_code_without_its_params(run_dir, tmp_path):
    folder = shutil.copytree(run_dir / "export", tmp_path / "export")
    scenario = ToyScenario(ToyScenario.params_from_path(str(folder)))

    comparison = convert_export(scenario, folder, FORMATS["saved_model"], samples())

    assert comparison.num_samples == 3
