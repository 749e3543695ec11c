import logging
import random
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.lav.toys import EvaluatedToy
from tests.toy.params import ToyGeneratorParams, ToyPipelineParams
from tests.toy.points import Noise, points
from tfaip.data.pipeline.datagenerator import RawDataGenerator
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.errors import UsageError
from tfaip.lav.lav import LAV
from tfaip.logs import ParseLogFile, WriteToLogFile
from tfaip.trainer.callbacks.lav_callback import is_lav_epoch
from tfaip.trainer.trainer import Trainer

# pyright: reportAttributeAccessIssue=false


def lav_toy_params(output_dir=None, **kwargs):
    params = EvaluatedToy.default_trainer_params()
    params.output_dir = None if output_dir is None else str(output_dir)
    params.scenario.print_eval_limit = 0
    params.lav_every_n = 1
    for name, value in kwargs.items():
        setattr(params, name, value)
    return params


def train(params, scenario=EvaluatedToy, **kwargs):
    trainer = scenario.create_trainer(params)
    return trainer, trainer.train(**kwargs)


def weights(trainer):
    average = trainer.scenario.keras_train_model.weight_average
    if average is not None:
        average.deactivate()
    return [v.numpy() for v in trainer.scenario.root_graph.weights]


def lav_epochs(monkeypatch, params):
    """Return the epochs, counted from 1, after which a training ran LAV."""
    epochs = []
    run = LAV.run

    def noting(self, *args, **kwargs):
        epochs.append(params.current_epoch + 1)
        return run(self, *args, **kwargs)

    monkeypatch.setattr(LAV, "run", noting)
    train(params)
    return epochs


class TwoSets(ToyPipelineParams):
    """Two data sets for LAV."""

    def lav_gen(self):
        return [ToyGeneratorParams(first_id=1000, number=20), ToyGeneratorParams(first_id=0, number=13)]


@pytest.mark.parametrize(
    ("every", "first", "epochs", "expected"),
    [
        (5, 0, 7, [0, 5, 6]),
        (1, 0, 3, [0, 1, 2]),
        (2, 1, 4, [2, 3]),
        (0, 0, 3, []),
        (-1, 0, 3, []),
        (3, 9, 4, []),
    ],
)
def test_lav_runs_after_the_first_every_nth_and_the_last_epoch(every, first, epochs, expected):
    params = lav_toy_params(lav_every_n=every, lav_min_epoch=first, epochs=epochs)

    assert [epoch for epoch in range(epochs) if is_lav_epoch(epoch, params)] == expected


def test_lav_of_every_fifth_of_seven_epochs_comes_after_1_6_and_7(monkeypatch):
    assert lav_epochs(monkeypatch, lav_toy_params(lav_every_n=5, epochs=7)) == [1, 6, 7]


def test_without_the_flag_there_are_no_values():
    _, logs = train(lav_toy_params(lav_every_n=0))

    assert not [name for name in logs if name.startswith("lav_")]


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_lav_gives_the_numbers_of_the_validation_and_of_the_evaluator(ema_decay):
    _, logs = train(lav_toy_params(ema_decay=ema_decay))

    for name in ("acc", "cross", "size", "loss/mean_epoch"):
        assert logs[f"lav_l0_{name}"] == pytest.approx(logs[f"val_{name}"], abs=1e-6)
    assert logs["lav_l0_eval_acc"] == pytest.approx(logs["val_acc"], abs=1e-6)


def test_results_are_in_console_log_file_and_event_files(tmp_path, caplog):
    params = lav_toy_params(tmp_path, gen=TwoSets(setup=lav_toy_params().gen.setup))

    with caplog.at_level(logging.INFO), WriteToLogFile(tmp_path, append=False):
        _, logs = train(params)

    assert logs["lav_l0_cross"] != logs["lav_l1_cross"]
    assert f"lav_l1_eval_acc: {logs['lav_l1_eval_acc']:.4f}" in caplog.text
    assert ParseLogFile(tmp_path).get_metrics()["lav_l0_eval_acc"] == f"{logs['lav_l0_eval_acc']:.4f}"
    assert scalars(tmp_path / "lav_l0")["epoch_eval_acc"][-1] == pytest.approx(logs["lav_l0_eval_acc"])
    assert scalars(tmp_path / "lav_l1")["epoch_cross"][-1] == pytest.approx(logs["lav_l1_cross"])
    assert {p.name for p in tmp_path.iterdir() if list(p.glob("events*"))} == {
        *("train", "validation", "lav_l0", "lav_l1")
    }


def scalars(folder):
    found = {}
    (file,) = folder.glob("events*")
    for event in tf.compat.v1.train.summary_iterator(str(file)):
        for value in event.summary.value:
            found.setdefault(value.tag, []).append(float(tf.make_ndarray(value.tensor)))
    return found


class Restless(RawDataGenerator):
    """Draws from all global random numbers while it yields."""

    def generate(self):
        for sample in self.raw_data:
            random.random()
            np.random.normal(size=7)
            yield sample


class RestlessParams(ToyGeneratorParams):
    """A generator for LAV that disturbs as much as it can."""

    def create(self, mode):
        return Restless(points(self.first_id, self.number), mode, self)


class RestlessSets(ToyPipelineParams):
    def lav_gen(self):
        return [RestlessParams(first_id=1000, number=200)]


def slow_noise(monkeypatch, applied=None):
    """Let the training data never be ready, and give way to other threads between a seed and its use."""
    apply = Noise.apply

    def slowly(self, sample):
        time.sleep(0.0005)
        if applied is not None:
            applied.append(sample.meta["id"])
        return apply(self, sample)

    monkeypatch.setattr(Noise, "apply", slowly)


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_lav_does_not_change_the_training(monkeypatch, ema_decay):
    """Also if its processors draw random numbers while the training data are read in another thread."""
    slow_noise(monkeypatch)
    results = []
    for every in (0, 1, 2):
        params = lav_toy_params(lav_every_n=every, epochs=4, ema_decay=ema_decay, samples_per_epoch=40)
        params.gen = RestlessSets(train=params.gen.train, val=params.gen.val, setup=params.gen.setup)
        params.gen.train.number = 400
        params.gen.setup.train.prefetch = 100
        for processor in params.scenario.data.pre_proc.processors:
            processor.modes = {PipelineMode.TRAINING, PipelineMode.EVALUATION}
        params.val_every_n = 0
        trainer, _ = train(params)
        results.append(weights(trainer))

    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_no_training_sample_is_processed_while_lav_runs(monkeypatch):
    applied, during = [], []

    def run(*_, **__):
        before = len(applied)
        time.sleep(0.05)
        during.append(len(applied) - before)
        return iter(())

    slow_noise(monkeypatch, applied)
    monkeypatch.setattr(LAV, "run", run)
    params = lav_toy_params(epochs=2, samples_per_epoch=40)
    params.gen.train.number = 10_000
    params.gen.setup.train.prefetch = 1000

    train(params)

    assert during == [0, 0]


def test_lav_can_decide_which_model_is_the_best(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("tests.toy.model.ToyModel._best_logging_settings", lambda _: ("min", "lav_l0_cross"))
    params = lav_toy_params(tmp_path, lav_every_n=2, epochs=4)
    seen = []

    class Sees(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((logs or {}).get("lav_l0_cross"))

    train(params, callbacks=[Sees()])

    assert [value is None for value in seen] == [False, True, False, False]
    assert params.early_stopping.current == min(value for value in seen if value is not None)
    assert (tmp_path / "best" / "serve").is_dir()
    assert "is not logged" not in caplog.text


def test_a_monitor_of_lav_without_lav_is_reported_once(monkeypatch, caplog):
    monkeypatch.setattr("tests.toy.model.ToyModel._best_logging_settings", lambda _: ("min", "lav_l0_cross"))

    train(lav_toy_params(lav_every_n=0))

    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert "`lav_l0_cross`" in line
    assert "--trainer.lav_every_n" in line


def test_the_graph_is_traced_once_for_all_epochs_and_data_sets(monkeypatch):
    traces = []
    evaluate = "tfaip.model.lav_model.LavModel._evaluate"
    original = __import__("tfaip.model.lav_model", fromlist=["LavModel"]).LavModel._evaluate
    monkeypatch.setattr(evaluate, lambda self, batch: traces.append(1) or original(self, batch))
    params = lav_toy_params(gen=TwoSets(setup=lav_toy_params().gen.setup), epochs=4)

    train(params)

    assert len(traces) == 2  # to find the metrics, and to compile


def test_lav_reads_as_the_validation_does(caplog):
    params = lav_toy_params(epochs=1)
    params.gen.setup.val.limit = 7

    with caplog.at_level(logging.INFO):
        train(params)

    assert "1 batches, 7 samples" in next(
        r.getMessage() for r in caplog.records if "LAV of" in r.getMessage()
    )


def test_an_empty_data_set_gives_a_warning_and_no_values(caplog):
    params = lav_toy_params(epochs=1)
    params.gen.val.number = 0

    _, logs = train(params)

    assert not [name for name in logs if name.startswith("lav_")]
    assert "no samples to validate on" in caplog.text


def test_lav_without_data_is_refused():
    class NoSets(ToyPipelineParams):
        def lav_gen(self):
            return []

    setup = lav_toy_params().gen.setup

    with pytest.raises(UsageError, match=r"`--trainer.lav_every_n \d` needs data to validate"):
        train(lav_toy_params(gen=NoSets(setup=setup)))


def test_an_error_in_lav_ends_the_training_as_itself(monkeypatch):
    def fail(self, sample):
        raise ZeroDivisionError("broken evaluator")

    monkeypatch.setattr("tests.lav.toys.ToyEvaluator.update_state", fail)

    with pytest.raises(ZeroDivisionError, match="broken evaluator"):
        train(lav_toy_params())


def test_lav_in_an_eager_training_runs_line_by_line(monkeypatch):
    is_eager = []
    update = "tests.toy.model.ToyModel._metric"
    original = __import__("tests.toy.model", fromlist=["ToyModel"]).ToyModel._metric
    monkeypatch.setattr(update, lambda *args: is_eager.append(tf.executing_eagerly()) or original(*args))

    train(lav_toy_params(epochs=1, force_eager=True, val_every_n=0))

    assert is_eager[-3:] == [True] * 3


def test_a_resumed_training_goes_on_with_lav(tmp_path, monkeypatch):
    params = lav_toy_params(tmp_path, epochs=2, lav_every_n=2)
    train(params)
    resumed, _ = Trainer.parse_trainer_params(str(tmp_path))
    resumed.epochs = 4

    logs = EvaluatedToy.create_trainer(resumed, restore=True).train()

    assert "lav_l0_eval_acc" in logs


def test_a_plain_function_validates():
    values = iter([0.5, 0.9])

    trainer, logs = train(lav_toy_params(lav_every_n=0), validate=lambda: {"auc": next(values)})

    assert logs["val/auc"] == 0.9
    assert trainer.params.epochs == 2


def test_a_plain_function_can_decide_which_model_is_the_best(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.toy.model.ToyModel._best_logging_settings", lambda _: ("max", "val/auc"))
    values = iter([0.9, 0.5])

    trainer, _ = train(lav_toy_params(tmp_path, lav_every_n=0), validate=lambda: {"auc": next(values)})

    assert trainer.params.early_stopping.monitor == "val/auc"
    assert trainer.params.early_stopping.current == 0.9
    assert scalars(tmp_path / "validation")["epoch_auc"] == pytest.approx([0.9, 0.5])


@pytest.mark.parametrize(
    ("results", "telling"), [(0.5, "must return a dict of numbers, got 0.5"), ({"a": "b"}, "'b' for `a`")]
)
def test_a_function_that_returns_no_numbers_is_refused(results, telling):
    with pytest.raises(UsageError, match=telling):
        train(lav_toy_params(lav_every_n=0, epochs=1), validate=lambda: results)
