"""Trainings that try something out, and the learning rate of a policy."""

import json
import logging

import numpy as np
import pytest

from tests.toy.params import ToyModelParams
from tests.toy.scenario import ToyScenario
from tfaip.errors import UsageError
from tfaip.trainer.policies.value_params import Exponential, Linear
from tfaip.trainer.scheduler import ExponentialDecayParams
from tfaip.trainer.trainer import Trainer

pytestmark = pytest.mark.slow

# pyright: reportOptionalMemberAccess=false


def toy_params(output_dir=None, **kwargs):
    params = ToyScenario.default_trainer_params()
    params.output_dir = None if output_dir is None else str(output_dir)
    params.scenario.print_eval_limit = 0
    for name, value in {"export_best": False, "export_final": False, **kwargs}.items():
        setattr(params, name, value)
    return params


def train(params):
    trainer = ToyScenario.create_trainer(params)
    return trainer, trainer.train()


def weights(trainer):
    return [v.numpy() for v in trainer.scenario.root_graph.weights]


def assert_same_bits(one, other):
    for a, b in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(a, b)


def lines_of(folder, kind):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def test_a_dev_run_touches_every_phase_and_leaves_nothing(tmp_path, caplog, monkeypatch):
    exported = []
    export = ToyScenario.export
    monkeypatch.setattr(
        ToyScenario, "export", lambda self, path, *a: (exported.append(path), export(self, path, *a))
    )

    with caplog.at_level(logging.INFO):
        trainer, logs = train(toy_params(tmp_path / "run", epochs=9, fast_dev_run=2))

    assert int(trainer.scenario.keras_train_model.optimizer.iterations) == 2
    assert {"loss", "val_acc", "lav_l0_acc"} <= set(logs)
    assert [path.rsplit("/", 1)[1] for path in exported] == ["best", "export"]
    assert list(tmp_path.iterdir()) == []
    assert not any(path.startswith(str(tmp_path)) for path in exported)
    assert "nothing of it is left" in caplog.text


def test_a_dev_run_of_a_resume_is_refused(tmp_path):
    train(toy_params(tmp_path, epochs=1))
    params, _ = Trainer.parse_trainer_params(str(tmp_path))
    params.fast_dev_run = 1

    with pytest.raises(UsageError, match="fast_dev_run` does not resume"):
        ToyScenario.create_trainer(params, restore=True).train()


def test_a_model_learns_few_batches_by_heart_and_is_validated_on_them():
    params = toy_params(epochs=150, overfit_batches=1)
    params.scenario.model = ToyModelParams(dropout=0.0, nodes=32)
    params.learning_rate.lr = 0.05

    trainer, logs = train(params)

    assert trainer.steps_per_epoch == 1
    assert logs["cross"] < 0.1
    assert logs["acc"] == logs["val_acc"] == 1


def test_the_same_batches_come_again_after_a_resume_within_an_epoch(tmp_path):
    unbroken, _ = train(toy_params(epochs=3, overfit_batches=3))
    train(toy_params(tmp_path, epochs=3, overfit_batches=3, max_steps=5))
    resumed = Trainer.restore_trainer(str(tmp_path))
    resumed.params.max_steps = 0

    resumed.train()

    assert_same_bits(unbroken, resumed)


@pytest.mark.parametrize("force_eager", [False, True])
def test_timing_tells_how_long_a_step_waits_and_changes_no_result(tmp_path, caplog, force_eager):
    plain, _ = train(toy_params(epochs=1, force_eager=force_eager))

    with caplog.at_level(logging.INFO):
        timed, _ = train(toy_params(tmp_path, epochs=1, debug_timing=True, force_eager=force_eager))

    (line,) = lines_of(tmp_path, "timing")
    assert 0 < line["waiting_seconds_per_step"] < line["seconds_per_step"]
    assert 0 < line["data_wait_share"] < 1
    assert "waiting for data" in caplog.text
    assert_same_bits(plain, timed)


def test_most_of_the_time_is_waiting_if_the_data_are_slow(tmp_path, monkeypatch):
    import time

    monkeypatch.setattr("tests.toy.points.Noise.apply", lambda self, sample: (time.sleep(0.02), sample)[1])

    train(toy_params(tmp_path, epochs=2, debug_timing=True))

    assert lines_of(tmp_path, "timing")[1]["data_wait_share"] > 0.5  # the first epoch traces the step


def test_a_policy_for_the_learning_rate_equals_the_same_schedule(tmp_path):
    schedule = ExponentialDecayParams(lr=0.01, lr_decay_rate=0.5, learning_circle=1)
    by_schedule, logs = train(toy_params(epochs=3, learning_rate=schedule))

    policy = Exponential(name="learning_rate", initial=0.01, multiplier=0.5)
    by_policy, policy_logs = train(toy_params(tmp_path, epochs=3, policies=[policy]))

    assert_same_bits(by_schedule, by_policy)
    assert logs == policy_logs
    rates = [line["rates"] for line in lines_of(tmp_path, "epoch")]
    assert [rate["lr"] for rate in rates] == pytest.approx([0.01, 0.005, 0.0025])
    assert all(rate["lr"] == rate["policy/learning_rate"] for rate in rates)


def test_a_learning_rate_by_step_goes_on_after_a_resume(tmp_path):
    policy = Linear(name="learning_rate", initial=0.02, final=0.0, end=15, by="step")
    unbroken, _ = train(toy_params(epochs=3, policies=[policy]))
    train(toy_params(tmp_path, epochs=3, policies=[policy], max_steps=7))
    resumed = Trainer.restore_trainer(str(tmp_path))
    resumed.params.max_steps = 0

    resumed.train()

    assert_same_bits(unbroken, resumed)
