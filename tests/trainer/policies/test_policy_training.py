import json
import logging
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from paiargparse import pai_dataclass
from tensorboard.compat.proto import event_pb2

from tests.toy.model import ToyModel
from tests.toy.params import ToyModelParams
from tests.toy.scenario import ToyScenario
from tfaip.errors import UsageError
from tfaip.trainer.policies import (
    Constant,
    EarlyStopping,
    Exponential,
    Linear,
    LossExplodesParams,
    OnPlateau,
    Policy,
    TrainLossBelowParams,
)

pytestmark = pytest.mark.slow

Event: Any = getattr(event_pb2, "Event")  # noqa: B009 - made at run time


class WeighedModel(ToyModel):
    """One loss of the toy has a weight that policies may change."""

    def _loss_weights(self):
        return {"size": self.value("size", 0.01)}


@pai_dataclass
@dataclass
class WeighedParams(ToyModelParams):
    @staticmethod
    def cls():
        return WeighedModel


def toy_params(output_dir=None, **kwargs):
    params = ToyScenario.default_trainer_params()
    params.output_dir = None if output_dir is None else str(output_dir)
    params.scenario.print_eval_limit = 0
    params.scenario.model = WeighedParams()
    for name, value in kwargs.items():
        setattr(params, name, value)
    return params


def train(params, *, restore=False, callbacks=None):
    trainer = ToyScenario.create_trainer(params, restore=restore)
    logs = trainer.train(callbacks=callbacks)
    return trainer, logs


def weights(trainer):
    return [v.numpy() for v in trainer.scenario.root_graph.weights]


def scalars(folder, tag):
    found = {}
    for file in sorted(folder.glob("events*")):
        for record in tf.data.TFRecordDataset(str(file)):
            event = Event.FromString(record.numpy())
            for value in event.summary.value:
                if value.tag == tag:
                    found[event.step] = float(tf.make_ndarray(value.tensor))
    return found


class Recorder(Policy):
    def __init__(self):
        self.events = []

    def train_started(self):
        self.events.append("train")

    def epoch_started(self, epoch):
        self.events.append(f"epoch {epoch}")

    def step_started(self, step):
        self.events.append(f"step {step}")

    def step_finished(self, step, *, train_losses):
        self.events.append(f"step {step} done {'loss' in train_losses}")

    def validation_started(self):
        self.events.append("validation")

    def validation_finished(self, *, metrics):
        self.events.append(f"validation done {'acc' in metrics}")

    def epoch_finished(self, epoch, *, train_losses, metrics):
        self.events.append(f"epoch {epoch} done {'acc' in train_losses} {sorted(metrics)[0]}")

    def train_finished(self):
        self.events.append("train done")

    def exception_raised(self, error):
        self.events.append(type(error).__name__)


class StopsInEpoch(Policy):
    def __init__(self, epoch, event="epoch_finished"):
        setattr(self, event, self._stop)
        self._epoch = epoch

    def epoch_started(self, epoch):
        self._now = epoch

    def _stop(self, *args, **kwargs):
        if self._now == self._epoch:
            raise EarlyStopping("it is enough")


class Fails(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise ZeroDivisionError


class Counter(Policy):
    """Of the user, by class path: its state is saved."""

    count = 0
    last: "Counter"

    def __init__(self):
        Counter.last = self

    def epoch_finished(self, epoch, *, train_losses, metrics):
        self.count += 1

    def get_state(self):
        return {"count": self.count}

    def set_state(self, state):
        self.count = state["count"]


COUNTER = f"{Counter.__module__}:Counter"


def test_a_policy_sees_the_events_in_order():
    recorder = Recorder()
    params = toy_params(epochs=1, steps_per_execution=1)
    params.gen.train.number = 16

    train(params, callbacks=[recorder])

    assert recorder.events == [
        *("train", "epoch 0", "step 0", "step 0 done True", "step 1", "step 1 done True"),
        *("validation", "validation done True", "epoch 0 done True val_acc", "train done"),
    ]


def test_a_policy_is_told_of_an_error():
    recorder = Recorder()

    with pytest.raises(ZeroDivisionError):
        train(toy_params(), callbacks=[recorder, Fails()])

    assert recorder.events[-1] == "ZeroDivisionError"


@pytest.mark.parametrize("event", ["epoch_finished", "step_finished", "validation_finished"])
def test_early_stopping_is_no_error_and_its_epoch_is_saved(tmp_path, caplog, event):
    caplog.set_level(logging.INFO)

    train(toy_params(tmp_path, epochs=5), callbacks=[StopsInEpoch(1, event)])

    assert "Training stops early: StopsInEpoch: it is enough" in caplog.text
    assert json.loads((tmp_path / "variables" / "state.json").read_text())["state"]["epoch"] == 2
    assert (tmp_path / "export" / "serve").exists()
    assert (tmp_path / "best" / "serve").exists()


def test_stopping_policies_of_the_command_line_end_a_training(caplog):
    caplog.set_level(logging.INFO)

    trainer, _ = train(toy_params(epochs=5, policies=[LossExplodesParams(), TrainLossBelowParams(1000)]))

    assert trainer.params.current_epoch == 1
    assert "TrainLossBelow: `loss/mean_epoch` is" in caplog.text


def test_a_value_weighs_a_loss():
    _, logs = train(toy_params(epochs=1, policies=[Constant(3, name="size")]))

    np.testing.assert_allclose(logs["loss/mean_epoch"], logs["cross"] + 3 * logs["size"], rtol=1e-5)


def test_a_ramp_by_step_does_not_depend_on_steps_in_one_call(tmp_path):
    def ramp():
        return [Linear(0, 9, end=9, by="step", name="size")]

    one, _ = train(toy_params(tmp_path, policies=ramp(), steps_per_execution=1))
    five, _ = train(toy_params(policies=ramp(), steps_per_execution=5))
    constant, _ = train(toy_params(steps_per_execution=5))

    for a, b in zip(weights(one), weights(five), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(weights(one), weights(constant), strict=True))
    assert scalars(tmp_path / "train", "policy/size") == {0: 0.0, 1: 5.0}


def test_values_and_policies_go_on_after_a_resume(tmp_path):
    def policies():
        plateau = OnPlateau(1, 0.5, patience=1, monitor="val_acc", mode="max", name="size")
        return [plateau]

    whole, _ = train(toy_params(tmp_path / "whole", epochs=4, policies=policies()))
    train(toy_params(tmp_path / "cut", epochs=2, policies=policies(), callbacks=[COUNTER]))
    params = toy_params(tmp_path / "cut", epochs=4, policies=policies(), callbacks=[COUNTER])
    cut, _ = train(params, restore=True)

    for a, b in zip(weights(whole), weights(cut), strict=True):
        np.testing.assert_array_equal(a, b)
    one, other = (scalars(tmp_path / run / "train", "policy/size") for run in ("whole", "cut"))
    assert one == other
    assert sorted(one) == [0, 1, 2, 3]
    assert Counter.last.count == 4


def test_exponential_follows_the_epoch_also_after_a_resume(tmp_path):
    def policies():
        return [Exponential(10, 0.5, name="size")]

    train(toy_params(tmp_path, epochs=1, policies=policies()))
    train(toy_params(tmp_path, epochs=3, policies=policies()), restore=True)

    assert scalars(tmp_path / "train", "policy/size") == {0: 10.0, 1: 5.0, 2: 2.5}


@pytest.mark.parametrize(
    ("change", "telling"),
    [
        ({"policies": [Constant(1, name="syze")]}, "got `syze`.*asks for `size`.*mean `size`"),
        ({"policies": [TrainLossBelowParams(1, loss="los")]}, "not logged; there are"),
        ({"callbacks": ["nowhere"]}, "module:Class"),
        ({"callbacks": ["json:JSONDecoder"]}, "must name a subclass"),
        ({"callbacks": [f"{Counter.__module__}:StopsInEpoch"]}, "created without arguments"),
        ({"callbacks": [f"{Counter.__module__}:Countr"]}, "mean `Counter`"),
    ],
)
def test_mistakes_are_named(change, telling):
    with pytest.raises(UsageError, match=telling):
        train(toy_params(epochs=1, **change))
