import json
import logging
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.lav.toys import (
    EvaluatedToy,
    PostParams,
    Records,
    ShortParams,
    assert_close,
    create_lav,
    lav_params,
    run,
    validation_samples,
)
from tests.toy.model import ToyModel
from tests.toy.params import ToyModelParams
from tfaip.errors import DataError, UsageError
from tfaip.lav.callbacks.dump_results import DumpResultsCallback
from tfaip.lav.callbacks.lav_callback import LAVCallback
from tfaip.lav.lav import LAV
from tfaip.model.lav_model import LavModel
from tfaip.model.modelbase import ModelBase
from tfaip.predict.dumps import EvalDataset
from tfaip.predict.exported_model import ExportedModel


def test_the_export_reproduces_the_last_validation(trained):
    folder, logs = trained

    (result,) = run(create_lav(folder / "export"))

    expected = {name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")}
    del expected["loss"]  # the layers' own losses are no part of an export
    assert_close({name: result[name] for name in expected}, expected)
    assert result["eval_acc"] == pytest.approx(result["acc"])
    assert result.num_samples == 20


def test_the_best_export_reproduces_the_best_value(run_dir):
    stored = json.loads((run_dir / "best" / "trainer_params.json").read_text())

    (result,) = run(create_lav(run_dir / "best"))

    assert result["acc"] == pytest.approx(stored["early_stopping"]["current"], abs=1e-6)


def test_the_batch_size_changes_nothing(export_dir):
    results = [run(create_lav(export_dir, size))[0] for size in (1, 3, 7, 20, 64)]

    for other in results[1:]:
        assert_close(results[0], other)


def test_each_data_set_has_its_own_numbers(export_dir):
    lav = create_lav(export_dir)

    both = run(lav, validation_samples(), validation_samples(30, 5000))
    second = run(lav, validation_samples(30, 5000))

    assert [result.num_samples for result in both] == [20, 30]
    assert both[0]["cross"] != both[1]["cross"]
    assert_close(both[1], second[0])
    assert lav.benchmark_results.n_samples == 30
    assert lav.benchmark_results.n_batches == 4


def test_nothing_happens_before_the_results_are_asked_for(tmp_path):
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "scenario_params.json").write_text("{}")

    results = LAV(lav_params(tmp_path), EvaluatedToy.default_params()).run([validation_samples()])

    with pytest.raises(UsageError, match="no exported model"):
        next(iter(results))


@pytest.mark.parametrize("how", [{"instantiate_graph": True}, {"run_eagerly": True}])
def test_a_graph_built_from_code_gives_the_same(export_dir, how):
    lav = create_lav(export_dir)

    assert_close(run(lav)[0], run(lav, **how)[0])


def test_run_eagerly_runs_the_users_code_line_by_line(export_dir, monkeypatch):
    is_eager = []
    metric = ToyModel._metric
    monkeypatch.setattr(
        ToyModel, "_metric", lambda *args: is_eager.append(tf.executing_eagerly()) or metric(*args)
    )

    run(create_lav(export_dir), run_eagerly=True)

    assert is_eager == [False, True, True, True]  # once to find the metrics, then three batches


def test_code_that_makes_other_layers_is_refused(export_dir):
    scenario_params = EvaluatedToy.params_from_path(str(export_dir))
    scenario_params.model.nodes = 9

    with pytest.raises(UsageError, match=r"can not be built from the code of `EvaluatedToy`"):
        run(EvaluatedToy.create_lav(lav_params(export_dir), scenario_params), instantiate_graph=True)


def test_a_given_model_is_traced_once(export_dir, monkeypatch):
    traces = []
    metric = ToyModel._metric
    monkeypatch.setattr(ToyModel, "_metric", lambda *args: traces.append(1) or metric(*args))
    x = keras.Input((3,), name="x")
    logits = keras.layers.Dense(2)(x)
    outputs = {
        "logits": logits,
        "probability": keras.ops.softmax(logits),
        "side": keras.ops.argmax(logits, -1),
    }
    model = keras.Model({"x": x}, outputs)
    lav = create_lav(export_dir)
    before = run(lav, keras_model=model)[0]
    number = len(traces)

    model.set_weights([10 * w for w in model.get_weights()])
    after = run(lav, validation_samples(19), keras_model=model)[0]

    assert len(traces) == number == 2
    assert after["size"] > 10 * before["size"]


def test_samples_are_post_processed_whole_and_in_order(export_dir):
    records = Records()

    run(create_lav(export_dir, post=PostParams()), callbacks=[records])

    first = records.samples[0]
    assert [sample.meta["id"] for sample in records.samples] == list(range(1000, 1020))
    assert first.outputs["post"] is True
    assert first.inputs["x"].shape == (3,)
    assert first.targets["side"].shape == (1,)
    assert set(first.outputs) == {"logits", "probability", "side", "post"}


def test_callbacks_are_told_what_is_evaluated(export_dir):
    records = Records()
    lav = create_lav(export_dir)

    (result,) = run(lav, callbacks=[records])

    assert records.events == ["start", dict(result), "close"]
    assert records.lav is lav
    assert isinstance(records.model, ToyModel)
    assert records.data is lav.data
    assert records.current_data_generator_params == validation_samples()


def test_the_callers_list_of_callbacks_stays_as_it_is(export_dir):
    callbacks: list[LAVCallback] = [Records()]

    run(create_lav(export_dir, print_samples=True), callbacks=callbacks)

    assert len(callbacks) == 1


def test_samples_are_printed_in_readable_form(export_dir, caplog):
    with caplog.at_level(logging.INFO):
        run(create_lav(export_dir, print_samples=True), validation_samples(3))

    lines = [r.message for r in caplog.records if r.message.startswith("sample ")]
    assert [line.partition(" is on")[0] for line in lines] == ["sample 1000", "sample 1001", "sample 1002"]


def test_an_empty_data_set_is_marked_and_no_error(export_dir, caplog):
    records = Records()

    (result,) = run(create_lav(export_dir), validation_samples(0), callbacks=[records])

    assert result == {}
    assert result.is_empty
    assert json.loads(result.to_json()) == {"num_samples": 0, "empty": True}
    assert records.events == ["start", {}, "close"]
    assert "no samples to validate on" in caplog.text


def test_results_are_divided_by_the_real_number_of_samples(export_dir, caplog):
    lav = create_lav(export_dir)

    (result,) = run(lav, ShortParams(number=20, first_id=1000))

    assert result.num_samples == 20
    assert "yielded 20 of 1000 samples" in caplog.text
    assert_close(result, run(lav)[0])


@pytest.mark.parametrize("where", ["evaluator", "callback", "post-processing", "generator", "metric"])
def test_an_error_anywhere_is_raised_and_leaves_no_dump(export_dir, tmp_path, monkeypatch, where):
    post = PostParams(raises=1013 if where == "post-processing" else -1)
    generator = validation_samples()
    callbacks: list[LAVCallback] = [DumpResultsCallback(tmp_path / "dump")]

    def fail(*_):
        raise ValueError("broken evaluator")

    class Fails(LAVCallback):
        def on_sample_end(self, sample):
            raise ValueError("broken callback")

    if where == "evaluator":
        monkeypatch.setattr("tests.lav.toys.ToyEvaluator.update_state", fail)
    if where == "callback":
        callbacks.append(Fails())
    if where == "generator":
        monkeypatch.setattr("tests.toy.params.ToyGeneratorParams.create", fail)
    if where == "metric":
        monkeypatch.setattr("tests.toy.model.ToyModel._metric", fail)

    with pytest.raises(ValueError, match="broken"):
        run(create_lav(export_dir, post=post), generator, callbacks=callbacks)

    assert list(tmp_path.iterdir()) == []


def test_a_dump_holds_one_entry_a_sample_and_its_losses(export_dir, tmp_path):
    callback = DumpResultsCallback(tmp_path / "dump", with_losses=True)

    (result,) = run(create_lav(export_dir), callbacks=[callback])

    dump = EvalDataset(tmp_path / "dump")
    assert len(dump) == 20
    assert [item["meta"]["id"] for item in dump] == list(range(1000, 1020))
    assert dump.result == dict(result)
    assert set(dump.labels) == {"loss", "cross", "size"}
    for label, name in {"loss": "loss/mean_epoch", "cross": "cross", "size": "size"}.items():
        assert dump.labels[label].mean() == pytest.approx(result[name], abs=1e-6)
    logits, side = dump[3]["logits"].astype("float64"), dump[3]["targets/side"][0]
    assert dump.labels["cross"][3] == pytest.approx(np.log(np.exp(logits).sum()) - logits[side], abs=1e-5)


def test_a_dump_without_losses_has_no_labels(export_dir, tmp_path):
    run(create_lav(export_dir), callbacks=[DumpResultsCallback(tmp_path / "dump")])

    assert EvalDataset(tmp_path / "dump").labels == {}


def test_a_dump_of_several_data_sets_is_several_files(export_dir, tmp_path):
    callback = DumpResultsCallback(tmp_path / "dump")

    run(create_lav(export_dir), validation_samples(), validation_samples(5), callbacks=[callback])

    assert len(EvalDataset(tmp_path / "dump")) == 20
    assert len(EvalDataset(tmp_path / "dump.1")) == 5


def test_what_a_dump_holds_can_be_chosen(export_dir, tmp_path):
    class Chooses(LAV):
        def extract_dump_data(self, sample):
            return None, {"side": sample.outputs["side"]}

    lav = Chooses(lav_params(export_dir), EvaluatedToy.params_from_path(str(export_dir)))

    run(lav, callbacks=[DumpResultsCallback(tmp_path / "dump")])

    sample = EvalDataset(tmp_path / "dump").sample(0)
    assert list(sample.outputs) == ["side"]
    assert sample.targets is None


def test_losses_of_samples_that_post_processing_drops_are_refused(export_dir, tmp_path):
    callback = DumpResultsCallback(tmp_path / "dump", with_losses=True)

    with pytest.raises(DataError, match="drops samples"):
        run(create_lav(export_dir, post=PostParams(drops=1004)), callbacks=[callback])

    assert list(tmp_path.iterdir()) == []


def test_outputs_without_batch_axis_are_named(export_dir):
    x = keras.Input((3,), name="x")
    logits = keras.layers.Dense(2)(x)
    outputs = {"logits": logits, "probability": keras.ops.softmax(logits), "mean": keras.ops.mean(logits)}
    lav = create_lav(export_dir)

    with pytest.raises(DataError, match=r"`outputs/mean` must have one row for each of the 8 samples.*\(\)"):
        run(lav, keras_model=keras.Model({"x": x}, outputs))


def test_results_are_written_beside_the_model(export_dir, tmp_path, monkeypatch):
    lav = create_lav(export_dir, store_results=True)
    monkeypatch.setattr(lav._params, "model_path", str(tmp_path))
    lav._opened = create_lav(export_dir)._open(None, False, False)
    lav._opened.source = (None, False, False)

    first, _ = run(lav, validation_samples(), validation_samples(5))

    stored = json.loads((tmp_path / "lav_results.json").read_text())
    assert stored == {"num_samples": 20, **first}
    assert json.loads((tmp_path / "lav_results_1.json").read_text())["num_samples"] == 5


def test_a_checkpoint_is_no_export(run_dir):
    with pytest.raises(UsageError, match=r"holds a checkpoint of a training.*best"):
        run(create_lav(run_dir))


def test_a_model_path_is_needed():
    with pytest.raises(UsageError, match="model_path"):
        LAV(lav_params("", model_path=None), EvaluatedToy.default_params())


def test_several_models_are_for_multi_lav(export_dir):
    lav = LAV(lav_params("", model_path=[str(export_dir)] * 2), EvaluatedToy.default_params())

    with pytest.raises(UsageError, match="MultiLAV"):
        run(lav)


def test_arguments_that_nobody_takes_are_refused(export_dir):
    with pytest.raises(TypeError, match=r"LAV.*'voice'.*static_lav_kwargs"):
        LAV(lav_params(export_dir), EvaluatedToy.default_params(), voice=1)


def test_an_export_of_keras_2_is_validated():
    class Zebra(ModelBase[ToyModelParams]):
        def _loss(self, inputs, targets, outputs):
            return {"distance": tf.cast(outputs["zebra"], tf.float32) - targets["y"]}

    exported = ExportedModel(Path(__file__).parents[1] / "predict" / "written_by_keras_2")
    specs = (
        exported.input_specs,
        {"y": tf.TensorSpec((None, 1), tf.float32)},
        {"meta": tf.TensorSpec((None, 1), tf.string)},
    )
    model = LavModel(exported, Zebra(ToyModelParams()), specs)
    inputs = {"img": np.ones((2, 4), "float32"), "length": np.array([[4], [5]], "int32")}

    model.validate(
        (inputs, {"y": np.array([[1.0], [2.0]], "float32")}, {"meta": np.full((2, 1), b"{}", object)})
    )

    assert model.results()["distance"] == pytest.approx(2.5)


def test_validating_needs_no_target_that_only_training_has(export_dir, monkeypatch, caplog):
    monkeypatch.setattr(ToyModel, "_loss", lambda self, i, t, o: {"late": tf.cast(t["epoch"], tf.float32)})

    (result,) = run(create_lav(export_dir))

    assert set(result) == {"acc", "eval_acc"}
    assert "`_loss` needs `epoch`" in caplog.text


def test_a_mistake_in_a_loss_is_not_hidden(export_dir, monkeypatch):
    def loss(self, inputs, targets, outputs):
        del inputs, targets, outputs
        raise IndexError("a mistake")

    monkeypatch.setattr(ToyModel, "_loss", loss)

    with pytest.raises(UsageError, match=r"test_lav.py, line \d+.*IndexError: a mistake"):
        run(create_lav(export_dir))
