import json

import numpy as np
import pytest
import tensorflow as tf

from tests.toy.scenario import ToyScenario
from tfaip.trainer.trainer import Trainer

pytestmark = pytest.mark.slow


def train(output_dir, **kwargs):
    params = ToyScenario.default_trainer_params()
    params.output_dir = str(output_dir)
    params.scenario.print_eval_limit = 0
    for name, value in kwargs.items():
        setattr(params, name, value)
    trainer = ToyScenario.create_trainer(params)
    return trainer, trainer.train()


def weights(trainer):
    return [v.numpy() for v in trainer.scenario.root_graph.weights]


def lines_of(folder, kind):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def test_logging_by_steps_changes_no_result(tmp_path):
    plain, logs = train(tmp_path / "plain", epochs=2)
    logged, logged_logs = train(tmp_path / "logged", epochs=2, log_every_n=2)

    for a, b in zip(weights(plain), weights(logged), strict=True):
        np.testing.assert_array_equal(a, b)
    assert logs == logged_logs


def test_lines_come_every_n_steps_with_a_validation_batch(tmp_path):
    _, logs = train(tmp_path, epochs=2, log_every_n=2)

    lines = lines_of(tmp_path, "steps")

    assert [(line["epoch"], line["step"]) for line in lines] == [(1, 2), (1, 4), (2, 6), (2, 8), (2, 10)]
    assert all(line["steps_per_second"] > 0 and line["rates"]["lr"] > 0 for line in lines)
    assert ["val_acc" in line["metrics"] for line in lines] == [True, True, True, True, False]
    # At the end of an epoch the means so far are those of the epoch.
    assert lines[-1]["metrics"]["loss"] == pytest.approx(logs["loss"])


def test_steps_go_on_after_a_resume(tmp_path):
    train(tmp_path, epochs=1, log_every_n=2)
    resumed = Trainer.restore_trainer(str(tmp_path))
    resumed.params.epochs = 2

    resumed.train()

    assert [line["step"] for line in lines_of(tmp_path, "steps")] == [2, 4, 6, 8, 10]
    steps = []
    for file in sorted((tmp_path / "train").glob("events*")):
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            steps += [event.step for value in event.summary.value if value.tag == "step_loss"]
    assert steps == [2, 4, 6, 8, 10]
