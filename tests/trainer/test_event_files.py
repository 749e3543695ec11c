import logging
from dataclasses import dataclass
from typing import Any

import keras
import pytest
import tensorflow as tf
from paiargparse import pai_dataclass

from tests.toy.model import ToyModel
from tests.toy.params import ToyModelParams
from tests.toy.scenario import ToyScenario
from tfaip.trainer.event_files import forget_later_events
from tfaip.trainer.trainer import Trainer

Event: Any = tf.compat.v1.Event
Summary: Any = tf.compat.v1.Summary


def points(folder):
    """Return (tag, step) of all values, with repetitions."""
    found = []
    for file in sorted(folder.glob("events*")):
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            event = Event.FromString(record)
            found += [(value.tag, event.step) for value in event.summary.value]
    return found


class BytesMetric(keras.metrics.Metric):
    """Counts, and shows the count as a serialized summary."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.count.assign_add(tf.cast(tf.shape(y_true)[0], "float32"))

    def result(self):
        def serialized(count):
            value = Summary.Value(tag="my_curve", simple_value=float(count))
            return Summary(value=[value]).SerializeToString()

        return tf.numpy_function(serialized, [self.count.value], tf.string)


class CurveModel(ToyModel):
    def __init__(self, params, **kwargs):
        super().__init__(params, **kwargs)
        self.curve = BytesMetric(name="curve")

    def _metric(self, inputs, targets, outputs):
        return [
            self.acc(targets["side"], outputs["probability"]),
            self.curve(targets["side"], outputs["probability"]),
        ]


@pai_dataclass
@dataclass
class CurveParams(ToyModelParams):
    @staticmethod
    def cls():
        return CurveModel


def toy_params(output_dir, **kwargs):
    params = ToyScenario.default_trainer_params()
    params.output_dir = str(output_dir)
    params.scenario.print_eval_limit = 0
    for name, value in kwargs.items():
        setattr(params, name, value)
    return params


class FailsIn(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if self._now == self.epoch:
            raise KeyboardInterrupt

    def on_epoch_begin(self, epoch, logs=None):
        self._now = epoch


def write_events(folder, steps):
    with tf.summary.create_file_writer(str(folder)).as_default():
        for step in steps:
            tf.summary.scalar("epoch_loss", 1.0, step=step)
            tf.summary.scalar("step_loss", 1.0, step=step * 5)


def test_points_after_the_checkpoint_are_forgotten(tmp_path):
    write_events(tmp_path / "train", range(4))

    forget_later_events(tmp_path, epochs_done=2, steps_done=10)

    kept = points(tmp_path / "train")
    assert [step for tag, step in kept if tag == "epoch_loss"] == [0, 1]
    assert [step for tag, step in kept if tag == "step_loss"] == [0, 5, 10]


def test_a_record_that_is_cut_off_is_forgotten(tmp_path):
    write_events(tmp_path / "train", range(2))
    file = next((tmp_path / "train").iterdir())
    file.write_bytes(file.read_bytes()[:-3])

    forget_later_events(tmp_path, epochs_done=9, steps_done=45)

    assert points(tmp_path / "train") == [("epoch_loss", 0), ("step_loss", 0), ("epoch_loss", 1)]


@pytest.mark.slow
def test_curves_and_summaries_of_metrics_continue_after_a_kill(tmp_path):
    params = toy_params(tmp_path, epochs=4, checkpoint_save_freq=2)
    params.scenario.model = CurveParams()
    with pytest.raises(KeyboardInterrupt):
        ToyScenario.create_trainer(params).train(callbacks=[FailsIn(3)])

    logs = Trainer.restore_trainer(str(tmp_path)).train()

    for folder in ("train", "validation"):
        found = points(tmp_path / folder)
        for tag in ("epoch_loss", "my_curve"):
            assert sorted(step for name, step in found if name == tag) == [0, 1, 2, 3]
    assert not {"curve", "val_curve"} & set(logs)


@pytest.mark.slow
def test_a_profile_may_begin_in_a_later_epoch(tmp_path, caplog):
    caplog.set_level(logging.INFO)

    ToyScenario.create_trainer(toy_params(tmp_path, profile=True, profile_steps=[6, 7])).train()

    assert list(tmp_path.glob("plugins/profile/*/*.xplane.pb"))
    assert "profile is written" in caplog.text


@pytest.mark.slow
def test_a_profile_that_never_began_is_reported(tmp_path, caplog):
    ToyScenario.create_trainer(toy_params(tmp_path, epochs=1, profile=True)).train()

    assert "ended before step 10" in caplog.text
