import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.lav.toys import EvaluatedToy, PostParams
from tfaip.errors import StorageError, UsageError
from tfaip.scripts import adapt_exported_model, lav

# pyright: reportAttributeAccessIssue=false, reportOptionalSubscript=false


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    params = EvaluatedToy.default_trainer_params()
    params.epochs = 1
    params.output_dir = str(folder)
    params.scenario.print_eval_limit = 0
    EvaluatedToy.create_trainer(params).train()
    return folder


def adapt(*words):
    return adapt_exported_model.main(*adapt_exported_model.parse_args([str(word) for word in words]))


def logits(export):
    loaded = tf.saved_model.load(str(export / "serve"))
    return loaded.signatures["serving_default"](x=tf.constant(np.eye(3, dtype="float32")))["logits"]


@pytest.mark.parametrize("name", ["best", "export"])
def test_the_new_export_has_the_changed_params_and_the_same_weights(run_dir, tmp_path, capsys, name):
    out = adapt(run_dir / name, "--output_dir", tmp_path / "out", "--model.dropout", 0.25)

    assert EvaluatedToy.params_from_path(str(out)).model.dropout == 0.25
    assert EvaluatedToy.params_from_path(str(run_dir / name)).model.dropout == 0.5
    np.testing.assert_array_equal(logits(out), logits(run_dir / name))
    assert {path.name for path in out.iterdir()} == {path.name for path in (run_dir / name).iterdir()}
    serve = json.loads((out / "comparison.json").read_text())["graphs"]["serve"]
    assert (serve["samples"], serve["num_samples"]) == ("validation", 8)
    assert "dropout" in capsys.readouterr().out


def test_the_new_export_can_be_validated_like_the_old_one(run_dir, tmp_path):
    processor = "tests.lav.toys:PostParams"
    out = adapt(run_dir / "best", "--output_dir", tmp_path / "out", "--data.post_proc.processors", processor)

    words = ["--lav.silent", "True", "--lav.store_results", "False"]
    one, other = (
        lav.main(*lav.parse_args(["--export_dir", str(path), *words])) for path in (run_dir / "best", out)
    )

    assert dict(one) == dict(other)
    processors = EvaluatedToy.params_from_path(str(out)).data.post_proc.processors
    assert [type(one) for one in processors] == [PostParams]


def test_params_that_need_other_weights_are_refused_and_nothing_is_written(run_dir, tmp_path):
    with pytest.raises(UsageError, match=r"hidden/kernel"):
        adapt(run_dir / "best", "--output_dir", tmp_path / "out", "--model.nodes", 9)

    assert list(tmp_path.iterdir()) == []


def test_an_export_is_overwritten_only_if_asked_for(run_dir, tmp_path):
    export = shutil.copytree(run_dir / "best", tmp_path / "best")
    with pytest.raises(UsageError, match=r"exists already.*--overwrite"):
        adapt(export, "--output_dir", export, "--model.dropout", 0.25)

    adapt(export, "--output_dir", export, "--model.dropout", 0.25, "--overwrite")

    assert EvaluatedToy.params_from_path(str(export)).model.dropout == 0.25


def test_a_new_export_that_computes_something_else_is_refused_unless_it_is_not_checked(
    run_dir, tmp_path, monkeypatch
):
    def build_graph(self, inputs, training=None):
        logits = self.logits(self.normalise(self.hidden(inputs["x"]), training=training))
        return {"logits": logits + tf.random.normal([2])}

    monkeypatch.setattr("tests.toy.model.ToyGraph.build_graph", build_graph)
    words = [run_dir / "best", "--output_dir", tmp_path / "out"]

    with pytest.raises(StorageError, match=r"out/serve.*`logits` \(difference"):
        adapt(*words)
    adapt(*words, "--no_check_loaded")

    serve = json.loads((tmp_path / "out" / "comparison.json").read_text())["graphs"]["serve"]
    assert (serve["tolerance"], serve["samples"]) == (None, "made-up")


@pytest.mark.parametrize(
    ("line", "telling"),
    [
        ("{0}/best", r"needs `--output_dir`"),
        ("{0} --output_dir {1}/out", r"holds a checkpoint of a training, not an exported model"),
        ("{0}/nothing --output_dir {1}/out", r"There is no exported model"),
        ("{0}/best --output_dir {1}/out --model.droput 1", r"--model.dropout"),
        ("{0}/best --output_dir {1}/file/out", r"`--output_dir .*` needs a folder"),
    ],
)
def test_a_mistake_is_answered(run_dir, tmp_path, line, telling):
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match=telling):
        adapt(*line.format(run_dir, tmp_path).split())

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
