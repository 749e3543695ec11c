"""Numbers that are not finite end a training before they are saved anywhere."""

import json
import logging
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.toy.points import Noise
from tests.toy.scenario import ToyScenario
from tests.trainer.test_trainer import assert_same_bits, toy_params, train, weights
from tfaip.errors import NonFiniteError
from tfaip.model.metric_books import MetricBooks
from tfaip.trainer.trainer import Trainer

# pyright: reportOptionalMemberAccess=false

EPOCH_SAMPLES, BATCH = 40, 8


class TakesAPart(keras.callbacks.Callback):
    """Calls `act(model)` after the last step of an epoch."""

    def __init__(self, epoch, act):
        super().__init__()
        self.epoch, self.act = epoch, act
        self.now = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == EPOCH_SAMPLES // BATCH - 1:
            self.act(self.model)


def poison(monkeypatch, number):
    """Let the sample that is processed as `number`, from 0 on, be infinite; its id appears in the list."""
    apply, count, ids = Noise.apply, iter(range(10**6)), []

    def poisoned(self, sample):
        sample = apply(self, sample)
        if next(count) == number:
            ids.append(sample.meta["id"])
            sample = sample.new_inputs({"x": sample.inputs["x"] * np.float32(np.inf)})
        return sample

    monkeypatch.setattr(Noise, "apply", poisoned)
    return ids


def tensors(folder):
    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def all_finite(folder):
    floats = [x for x in tensors(folder).values() if x.dtype.kind == "f"]
    return bool(floats) and all(np.isfinite(x).all() for x in floats)


def test_a_poisoned_batch_ends_the_training_and_a_resume_ends_with_the_right_bits(tmp_path, monkeypatch):
    unbroken, _ = train(toy_params(tmp_path / "a", epochs=4))
    with monkeypatch.context() as patch:
        ids = poison(patch, 2 * EPOCH_SAMPLES + 4 * BATCH + 3)
        with pytest.raises(NonFiniteError) as error:
            train(toy_params(tmp_path / "b", epochs=4))

    assert "in epoch 3, step 5" in str(error.value)
    (named,) = re.findall(r"trained on the samples ([^.]*)\.", str(error.value))
    assert f"`{ids[0]}`" in named.split(", ")
    assert len(named.split(", ")) == BATCH
    assert f"after epoch 2, is `{tmp_path / 'b' / 'variables'}`" in str(error.value)
    assert json.loads((tmp_path / "b" / "variables" / "state.json").read_text())["state"]["epoch"] == 2
    assert all_finite(tmp_path / "b")
    resumed = Trainer.restore_trainer(str(tmp_path / "b"))
    resumed.train()
    assert_same_bits(weights(unbroken), weights(resumed))


def test_weights_that_a_last_step_spoiled_are_not_saved(tmp_path):
    def spoil(model):
        model.root.graph.normalise.moving_variance.assign([np.inf] * 8)

    with pytest.raises(NonFiniteError, match=r"NaN or infinite numbers in .*moving_variance.*after epoch 1"):
        train(toy_params(tmp_path), callbacks=[TakesAPart(1, spoil)])

    assert all_finite(tmp_path)


def test_spoiled_weights_are_never_the_best_even_if_the_monitor_is_finite(tmp_path, caplog):
    params = toy_params(tmp_path, write_checkpoints=False, epochs=1)

    with caplog.at_level(logging.WARNING):
        train(params, callbacks=[TakesAPart(0, lambda m: m.root.graph.hidden.bias.assign([np.nan] * 8))])

    assert params.early_stopping.current is None
    assert not (tmp_path / "best").exists()
    assert "`val_acc` does not count" in caplog.text


def test_a_broken_average_marks_the_validation_invalid_and_leaves_the_training_alone(tmp_path, caplog):
    def spoil(model):
        model.weight_average.averages[0].assign(np.full((3, 8), np.inf))

    clean, _ = train(toy_params(epochs=3, ema_decay=0.9))
    seen = []
    looks = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["val_acc"]))

    with caplog.at_level(logging.WARNING):
        broken, _ = train(
            toy_params(tmp_path, epochs=3, ema_decay=0.9), callbacks=[TakesAPart(1, spoil), looks]
        )

    assert "The validation is invalid" in caplog.text
    assert list(np.isfinite(seen)) == [True, False, True]
    assert all_finite(tmp_path)
    for trainer in (clean, broken):
        trainer.scenario.keras_train_model.weight_average.deactivate()
    assert_same_bits(weights(clean), weights(broken))


def test_an_exploding_training_stops_unless_its_gradient_is_clipped():
    params = toy_params(epochs=5)
    params.scenario.model.dropout = 0.0
    params.learning_rate.lr = 1e30
    params.scenario.data.pre_proc.processors = []

    with pytest.raises(NonFiniteError, match="epoch"):
        train(params)


def test_a_value_that_is_not_finite_is_never_the_best_and_is_told(tmp_path, caplog):
    values = iter([np.nan, 0.5, np.inf, 0.4])
    params = toy_params(epochs=4, val_every_n=0)
    params.early_stopping.mode, params.early_stopping.monitor = "max", "val/mine"

    with caplog.at_level(logging.WARNING):
        ToyScenario.create_trainer(params).train(validate=lambda: {"mine": next(values)})

    assert params.early_stopping.current == 0.5
    warnings = [r.message for r in caplog.records if "does not count as better" in r.message]
    assert warnings == [f"`val/mine` is {value}; it does not count as better." for value in ("nan", "inf")]


def test_numbers_that_json_does_not_know_are_stored_so_that_every_reader_takes_them(tmp_path):
    def refuse(constant):
        raise ValueError(constant)

    params = toy_params(tmp_path, epochs=1, export_best=False, export_final=False)
    params.early_stopping.upper_threshold = np.inf
    params.early_stopping.current = -np.inf
    train(params)

    for file in ("trainer_params.json", "variables/state.json", "run_info.json"):
        json.loads((tmp_path / file).read_text(), parse_constant=refuse)
    restored, _ = Trainer.parse_trainer_params(str(tmp_path))
    assert restored.early_stopping.upper_threshold == np.inf


def test_the_means_of_no_samples_are_zero():
    books = MetricBooks()
    books.open(["loss"], [])

    books.add({"loss": tf.constant(3.0)}, tf.constant(0))

    assert float(books.results()["loss"]) == 0
