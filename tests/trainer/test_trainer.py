import itertools
import json
import logging
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.toy.params import NoiseParams, ToyModelParams
from tests.toy.scenario import ToyScenario
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.errors import DataError, UsageError
from tfaip.trainer.callbacks.earlystopping.callback import EarlyStoppingCallback
from tfaip.trainer.callbacks.logger_callback import LoggerCallback
from tfaip.trainer.callbacks.train_params_logger import TrainerCheckpointsCallback
from tfaip.trainer.trainer import Trainer

TREE = [
    *("best", "best/comparison.json", "best/net_config.json", "best/serve", "best/trainer_params.json"),
    *("export", "export/comparison.json", "export/net_config.json", "export/scenario_params.json"),
    "export/serve",
    *("metrics.jsonl", "run_info.json", "train", "trainer_params.json", "validation"),
    *("checkpoints", "variables"),
]
CHECKPOINT = ["manifest.json", "state.json", "trainer_params.json"]
CHECKPOINT += ["variables.data-00000-of-00001", "variables.index"]
for name in ("checkpoints/00001-epoch-1", "checkpoints/00002-epoch-2"):
    TREE += [name, *(f"{name}/{file}" for file in CHECKPOINT)]


def toy_params(output_dir=None, **kwargs):
    params = ToyScenario.default_trainer_params()
    params.output_dir = None if output_dir is None else str(output_dir)
    params.scenario.print_eval_limit = 0
    for name, value in kwargs.items():
        setattr(params, name, value)
    return params


def train(params, *, restore=False, callbacks=None):
    trainer = ToyScenario.create_trainer(params, restore=restore)
    logs = trainer.train(callbacks=callbacks)
    return trainer, logs


def weights(trainer):
    return [v.numpy() for v in trainer.scenario.root_graph.weights]


def assert_same_bits(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportArgumentType=false, reportCallIssue=false, reportOptionalCall=false


class FailsIn(keras.callbacks.Callback):
    """Ends a training hard at the start of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def test_a_training_leaves_the_documented_tree(tmp_path):
    _, logs = train(toy_params(tmp_path))

    tree = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*"))
    assert [p for p in tree if "serve/" not in p and "events" not in p] == sorted(TREE)
    assert {"loss", "loss/mean_epoch", "acc", "val_acc", "val_loss/mean_epoch"} <= set(logs)
    assert not {"count", "lr"} & set(logs)


def test_without_an_output_dir_nothing_is_written_and_said(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)

    with caplog.at_level(logging.INFO):
        train(toy_params())

    assert list(tmp_path.iterdir()) == []
    assert "Nothing is written" in caplog.text


def test_the_same_seed_gives_the_same_bits():
    assert_same_bits(weights(train(toy_params())[0]), weights(train(toy_params())[0]))


def test_another_seed_gives_another_result():
    one, other = train(toy_params())[0], train(toy_params(random_seed=8))[0]

    assert any(not np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_a_broken_training_ends_with_the_same_bits_as_an_unbroken_one(tmp_path, ema_decay):
    unbroken, logs = train(toy_params(tmp_path / "a", epochs=4, ema_decay=ema_decay))
    broken = toy_params(tmp_path / "b", epochs=4, ema_decay=ema_decay)
    with pytest.raises(KeyboardInterrupt):
        train(broken, callbacks=[FailsIn(2)])

    resumed = Trainer.restore_trainer(str(tmp_path / "b"))
    resumed_logs = resumed.train()

    assert resumed.params.current_epoch == 4
    assert_same_bits(weights(unbroken), weights(resumed))
    assert logs == resumed_logs


def test_the_best_value_survives_a_resume(tmp_path):
    params = toy_params(tmp_path, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        train(params, callbacks=[FailsIn(1)])

    resumed = Trainer.restore_trainer(str(tmp_path))

    resumed.train()
    assert resumed.params.early_stopping.current is not None
    assert resumed.params.early_stopping.current >= params.early_stopping.current


def test_more_epochs_can_be_asked_for_in_the_file(tmp_path):
    unbroken, _ = train(toy_params(tmp_path / "a", epochs=3))
    train(toy_params(tmp_path / "b", epochs=1))
    file = tmp_path / "b" / "trainer_params.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "epochs": 3}))

    resumed = Trainer.restore_trainer(str(tmp_path / "b"))
    resumed.train()

    assert_same_bits(weights(unbroken), weights(resumed))


def test_a_finished_training_says_so_and_changes_nothing(tmp_path, caplog):
    train(toy_params(tmp_path))
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}

    with caplog.at_level(logging.WARNING):
        logs = Trainer.restore_trainer(str(tmp_path)).train()

    assert logs == {}
    assert "already finished: 2 of 2 epochs" in caplog.text
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}


def test_a_finished_training_without_its_export_is_exported(tmp_path):
    train(toy_params(tmp_path / "a", ema_decay=0.9))
    train(toy_params(tmp_path / "b", ema_decay=0.9, export_final=False))
    params, _ = Trainer.parse_trainer_params(str(tmp_path / "b"))
    params.export_final = True

    train(params, restore=True)

    x = tf.constant(np.eye(3, dtype="float32"))
    one, other = (
        tf.saved_model.load(str(tmp_path / name / "export" / "serve"))({"x": x}, training=False)
        for name in "ab"
    )
    np.testing.assert_array_equal(one["logits"], other["logits"])


def test_validating_does_not_change_the_training():
    runs = [train(toy_params(val_every_n=n, ema_decay=0.9, epochs=3))[0] for n in (1, 2, 0)]
    raw = []
    for trainer in runs:
        trainer.scenario.keras_train_model.weight_average.deactivate()
        raw.append(weights(trainer))

    assert_same_bits(raw[0], raw[1])
    assert_same_bits(raw[0], raw[2])


def test_averaging_changes_validation_and_leaves_training_alone():
    _, with_average = train(toy_params(ema_decay=0.9))
    _, without = train(toy_params())

    assert with_average["loss"] == without["loss"]
    assert with_average["val_loss"] != without["val_loss"]


def test_the_export_computes_what_the_model_computes(tmp_path):
    trainer, _ = train(toy_params(tmp_path, ema_decay=0.9))
    x = np.random.RandomState(0).normal(size=(5, 3)).astype("float32")
    expected = trainer.scenario.keras_predict_model({"x": x})

    loaded = tf.saved_model.load(str(tmp_path / "export" / "serve"))
    signature = loaded.signatures["serving_default"]

    assert set(signature.structured_input_signature[1]) == {"x"}
    assert set(signature.structured_outputs) == {"logits", "probability", "side"}
    for outputs in (signature(x=tf.constant(x)), loaded({"x": x}, training=False)):
        np.testing.assert_allclose(outputs["logits"], expected["logits"], atol=1e-5)


def test_net_config_names_the_nodes(tmp_path):
    train(toy_params(tmp_path))

    config = json.loads((tmp_path / "export" / "net_config.json").read_text())

    assert config["inNodes"] == {
        "x": {"shape": ["None", "3"], "dtype": "float32", "nodeServe": "serving_default_x:0"}
    }
    assert config["outNodes"]["side"]["nodeServe"] == "StatefulPartitionedCall:2"
    assert config["idServe"] == "serve"


def test_the_live_params_mirror_the_state():
    params = toy_params()

    train(params)

    assert params.current_epoch == 2
    assert (params.learning_rate.epochs, params.learning_rate.steps_per_epoch) == (2, 5)
    assert params.early_stopping.monitor == "val_acc"
    assert params.early_stopping.mode == "max"


def test_fit_can_be_called_again_with_other_epochs_and_a_reset_state():
    trainer, _ = train(toy_params())
    params = trainer.params
    params.early_stopping.current, params.early_stopping.n = 1.0, 0
    params.epochs = 4

    logs = trainer.fit()

    assert params.current_epoch == 4
    assert params.early_stopping.current == 1.0
    assert "val_acc" in logs


def test_callbacks_come_in_the_documented_order(tmp_path):
    own = keras.callbacks.Callback()
    trainer, _ = train(toy_params(tmp_path, epochs=1, progress_bar_mode=2), callbacks=[own])

    names = [type(c).__name__ for c in trainer._callbacks]
    assert names == [
        *("ExtractLogsCallback", "TFAIPProgbarLogger", "BenchmarkCallback"),
        *("TrainerCheckpointsCallback", "EarlyStoppingCallback", "MetricsCallback"),
        *("TrainerCheckpointsCallback", "TensorBoardCallback", "LoggerCallback", "Callback"),
        "StepCheckpointsCallback",
    ]
    first, second = (c for c in trainer._callbacks if isinstance(c, TrainerCheckpointsCallback))
    assert first._store_weights
    assert second._store_params


def test_what_callbacks_change_in_the_logs_is_seen_at_the_end():
    seen = {}

    class Adds(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["added"] = 1.0
            del logs["cross"]

        def on_train_end(self, logs=None):
            seen.update(logs)

    train(toy_params(epochs=1), callbacks=[Adds()])

    assert seen["added"] == 1.0
    assert "cross" not in seen


def test_logs_of_training_and_validation_are_twins_on_the_same_data():
    params = toy_params(epochs=1)
    params.scenario.model = ToyModelParams(dropout=0.0)
    params.scenario.data.pre_proc.processors = []
    params.learning_rate.lr = 0.0
    params.gen.val.first_id, params.gen.val.number = 0, 40
    _, logs = train(params)

    # Batch normalisation differs between the two; its share is taken out by comparing names only.
    assert {name for name in logs if not name.startswith("val_")} == {
        name.removeprefix("val_") for name in logs if name.startswith("val_")
    }


def test_early_stopping_stops_and_the_stopping_epoch_is_saved(tmp_path):
    params = toy_params(tmp_path, epochs=9)
    params.early_stopping.n_to_go = 2
    params.learning_rate.lr = 0.0

    train(params)

    stored = json.loads((tmp_path / "variables" / "state.json").read_text())["state"]
    assert stored["epoch"] == params.current_epoch == 2
    assert stored["best"]["n"] == 2


def test_events_are_written_for_training_and_validation(tmp_path):
    train(toy_params(tmp_path))

    tags = {}
    for folder in ("train", "validation"):
        (file,) = (tmp_path / folder).glob("events*")
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                tags.setdefault(f"{folder}/{value.tag}", []).append(event.step)

    assert tags["train/epoch_loss"] == tags["validation/epoch_acc"] == [0, 1]
    assert tags["train/lr"] == tags["train/gradient_norm"] == [0, 1]
    assert "train/epoch_val_acc" not in tags


def test_samples_are_printed_after_post_processing(caplog):
    params = toy_params(epochs=1)
    params.scenario.print_eval_limit = 10

    with caplog.at_level(logging.INFO):
        train(params)

    lines = [r.message for r in caplog.records if r.message.startswith("sample ")]
    assert len(lines) == 10
    assert lines[0].startswith("sample 1000 is on side")


def test_one_line_holds_the_results_of_an_epoch(caplog):
    with caplog.at_level(logging.INFO):
        _, logs = train(toy_params(epochs=1))

    (line,) = [r.message for r in caplog.records if r.message.startswith("Results of epoch")]
    assert line.startswith(f"Results of epoch    1 acc: {logs['acc']:.4f} - cross: {logs['cross']:.4f}")


def test_an_error_in_the_data_reaches_the_caller_as_itself(monkeypatch):
    def fail(self, sample):
        if sample.meta["id"] == 17:
            raise FloatingPointError("no such point")
        return sample

    monkeypatch.setattr("tests.toy.points.Noise.apply", fail)

    with pytest.raises(DataError, match=r"Noise.*17.*FloatingPointError.*no such point"):
        train(toy_params())


def test_an_error_in_the_validation_data_reaches_the_caller_as_itself():
    params = toy_params()
    params.scenario.data.pre_proc.processors = [NoiseParams(modes={PipelineMode.EVALUATION})]
    params.scenario.data.pre_proc.processors[0].size = -1.0  # NumPy refuses it

    with pytest.raises(DataError, match=r"Noise.*1000.*ValueError"):
        train(params)


def test_a_mistake_in_the_graph_is_reported_before_data_are_opened(monkeypatch):
    def never(*_):
        raise AssertionError("data were opened")

    monkeypatch.setattr("tests.toy.params.ToyGeneratorParams.create", never)
    monkeypatch.setattr("tests.toy.model.ToyModel._loss", lambda self, i, t, o: {"a": o["y"]})

    with pytest.raises(UsageError, match="does not fit its data specification"):
        train(toy_params())


def test_layers_that_match_no_train_scope_stay_as_they_are():
    class Sees(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.before = [w.numpy() for w in self.model.root.graph.hidden.weights]

    sees = Sees()
    trainer, _ = train(toy_params(no_train_scope=".*/hidden"), callbacks=[sees])

    assert_same_bits(sees.before, [w.numpy() for w in trainer.scenario.graph.hidden.weights])


def test_a_save_and_load_test_finds_a_graph_whose_export_differs(monkeypatch):
    traces = itertools.count()

    def counting(self, inputs, training=None):
        return {"logits": self.logits(self.hidden(inputs["x"])) + float(next(traces))}

    monkeypatch.setattr("tests.toy.model.ToyGraph.build_graph", counting)
    monkeypatch.setattr("tests.toy.model.ToyModel._loss", lambda self, i, t, o: {"size": o["logits"] ** 2})
    monkeypatch.setattr("tests.toy.model.ToyModel._metric", lambda *_: [])

    with pytest.raises(UsageError, match=r"computes another `logits`.*skip_model_load_test"):
        train(toy_params(skip_model_load_test=False))


def test_eager_training_runs_the_users_graph_line_by_line():
    is_eager = []

    class Params(ToyModelParams):
        pass

    params = toy_params(epochs=1, force_eager=True)
    params.scenario.print_eval_limit = 2

    class Looks(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            graph = self.model.root.graph
            build = graph.build_graph
            graph.build_graph = lambda inputs, training=None: (
                is_eager.append(tf.executing_eagerly()) or build(inputs, training)
            )

    train(params, callbacks=[Looks()])

    assert len(is_eager) == 5 + 3
    assert all(is_eager)


def test_best_without_an_output_dir_is_refused():
    with pytest.raises(UsageError, match="export_best True"):
        train(toy_params(export_best=True))


def test_a_resume_without_an_output_dir_is_refused():
    with pytest.raises(UsageError, match="output_dir"):
        train(toy_params(), restore=True)


def test_the_best_folder_changes_only_with_a_better_model(tmp_path):
    params = toy_params(tmp_path, epochs=3)
    exported = []

    class Watches(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            stamp = Path(tmp_path / "best" / "trainer_params.json").stat().st_mtime_ns
            exported.append((logs["val_acc"], stamp))

    train(params, callbacks=[Watches()])

    for (old_value, old), (value, new) in itertools.pairwise(exported):
        best_before = max(v for v, _ in exported[: exported.index((old_value, old)) + 1])
        assert (new != old) == (value > best_before)


def test_checkpoints_can_be_left_out(tmp_path):
    train(toy_params(tmp_path, write_checkpoints=False))

    assert not (tmp_path / "variables").exists()
    assert (tmp_path / "trainer_params.json").exists()


def test_a_checkpoint_folder_may_have_the_epoch_in_its_name(tmp_path):
    params = toy_params(tmp_path, checkpoint_sub_dir="checkpoint/checkpoint_{epoch:04d}")

    train(params)

    assert sorted(p.name for p in (tmp_path / "checkpoint").iterdir()) == [
        *("checkpoint_0001", "checkpoint_0002")
    ]
    assert params.saved_checkpoint_sub_dir == "checkpoint/checkpoint_0002"
    stored = json.loads((tmp_path / params.saved_checkpoint_sub_dir / "trainer_params.json").read_text())
    assert stored["current_epoch"] == 2


def test_early_stopping_ignores_an_epoch_without_validation(caplog):
    params = toy_params(val_every_n=2)

    with caplog.at_level(logging.ERROR):
        trainer, _ = train(params)

    assert caplog.text == ""
    assert any(isinstance(c, EarlyStoppingCallback) for c in trainer._callbacks)
    assert any(isinstance(c, LoggerCallback) for c in trainer._callbacks)
