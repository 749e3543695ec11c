import json
import math

import keras
import numpy as np
import pytest

from tests.toy.scenario import ToyScenario
from tfaip.trainer.metrics_file import append_metrics, start_metrics
from tfaip.trainer.run_info import git_state, write_run_info
from tfaip.trainer.trainer import Trainer


def lines_of(path):
    return [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines()]


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

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def test_lines_are_strict_json(tmp_path):
    path = tmp_path / "metrics.jsonl"

    append_metrics(
        path, {"step": 1, "metrics": {"a": math.nan, "b": np.float32(2), "c": np.array([1.0, np.inf])}}
    )

    assert lines_of(path) == [{"step": 1, "metrics": {"a": None, "b": 2.0, "c": [1.0, None]}}]


def test_later_and_broken_lines_are_removed(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 5}\n{"step": 10}\n{"step": 15}\n{"step": 2')

    start_metrics(path, steps_done=10)

    assert [line["step"] for line in lines_of(path)] == [5, 10]


def test_a_new_training_starts_empty(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 5}\n')

    start_metrics(path, steps_done=0)

    assert path.read_text() == ""


def test_run_info_never_fails_a_training(tmp_path, caplog):
    file = tmp_path / "file"
    file.write_text("")

    write_run_info(file, toy_params(tmp_path), is_resumed=False, devices=[])

    assert "was not written" in caplog.text


def test_a_folder_without_git_has_no_state(tmp_path):
    assert git_state(tmp_path) is None


@pytest.mark.slow
def test_a_resumed_training_continues_its_logs(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        ToyScenario.create_trainer(toy_params(tmp_path, epochs=4, checkpoint_save_freq=2)).train(
            callbacks=[FailsIn(2)]
        )
    assert [line["epoch"] for line in lines_of(tmp_path / "metrics.jsonl")] == [1, 2, 3]

    Trainer.restore_trainer(str(tmp_path)).train()

    lines = lines_of(tmp_path / "metrics.jsonl")
    assert [(line["epoch"], line["step"]) for line in lines] == [(1, 5), (2, 10), (3, 15), (4, 20)]
    assert {"loss", "val_acc"} <= set(lines[-1]["metrics"])
    assert lines[-1]["rates"]["lr"] > 0
    assert lines[-1]["gradient_norm"] > 0
    starts = json.loads((tmp_path / "run_info.json").read_text())["starts"]
    assert [start["epoch"] for start in starts] == [0, 2]
    assert starts[0]["random_seed"] == 7
    assert {"python", "tfaip", "tensorflow", "keras"} <= set(starts[0]["versions"])
    assert starts[0]["hardware"]["devices"]
