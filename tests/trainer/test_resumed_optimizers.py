"""A resumed training ends with the same bits, with each optimizer and what may stand around it."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.toy.scenario import ToyScenario
from tfaip.errors import UsageError
from tfaip.trainer.optimizer import (
    DEFAULT_OPTIMIZERS,
    AdamOptimizer,
    AdamWOptimizer,
    KerasOptimizer,
    ScheduleFreeAdamWOptimizer,
    SGDOptimizer,
)
from tfaip.trainer.optimizer.part_params import PartOptimizerParams
from tfaip.trainer.scheduler import OneCycleParams, ReduceOnPlateauParams
from tfaip.trainer.trainer import Trainer

PARTS = [
    PartOptimizerParams("hidden", SGDOptimizer(momentum=0.9), OneCycleParams(step_function=False)),
    PartOptimizerParams("dense", AdamOptimizer(), ReduceOnPlateauParams(patience=1, min_delta=0.5)),
]
FIELDS = {
    **{cls.__name__: {"optimizer": cls()} for cls in DEFAULT_OPTIMIZERS},
    "KerasOptimizer": {"optimizer": KerasOptimizer(path="Ftrl")},
    "momentum": {"optimizer": SGDOptimizer(momentum=0.9, nesterov=True, weight_decay=0.1, clip_norm=1.0)},
    "groups": {
        "optimizer": AdamWOptimizer(groups=["hidden/.*=lr*0.1", "bias=decay*0"], global_clip_norm=1.0)
    },
    "parts": {"part_optimizers": PARTS},
    # 10 batches after 2 epochs, so the third batch of an update is still to come
    "accumulation": {"train_accum_steps": 3},
    "averaged_accumulation": {"train_accum_steps": 3, "ema_decay": 0.9},
    "schedule_free_groups": {"optimizer": ScheduleFreeAdamWOptimizer(groups=["hidden/.*=lr*0.1"])},
    "plateau": {"learning_rate": ReduceOnPlateauParams(patience=1, min_delta=0.5)},
}


def toy_params(output_dir=None, **kwargs):
    params = ToyScenario.default_trainer_params()
    params.output_dir = None if output_dir is None else str(output_dir)
    params.scenario.print_eval_limit = 0
    params.export_best, params.export_final = False, False
    params.val_every_n = 0
    params.epochs = 4
    for name, value in kwargs.items():
        setattr(params, name, value)
    return params


def train(params):
    trainer = ToyScenario.create_trainer(params)
    trainer.train()
    return trainer


def weights(trainer):
    return [v.numpy() for v in trainer.scenario.root_graph.weights]


if keras.__version__ < "3.13":
    del FIELDS["MuonOptimizer"]  # it does not work there


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
def test_a_training_resumed_after_two_epochs_ends_with_the_same_bits(tmp_path, fields):
    unbroken = train(toy_params(tmp_path, checkpoint_sub_dir="epoch_{epoch}", **fields))

    resumed = Trainer.restore_trainer(str(tmp_path / "epoch_2"))
    assert resumed.params.current_epoch == 2
    resumed.train()

    assert resumed.params.current_epoch == 4
    for one, other in zip(weights(unbroken), weights(resumed), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_optimizer_inside_a_group_is_refused_on_resume(tmp_path):
    train(toy_params(tmp_path, epochs=1, optimizer=AdamOptimizer(groups=["bias=lr*2"])))
    params, _ = Trainer.parse_trainer_params(str(tmp_path))
    params.epochs = 2
    params.optimizer = AdamOptimizer(groups=["bias=lr*2"], weight_decay=0.1)

    with pytest.raises(UsageError, match=r"GroupedOptimizer\(Adam, Adam\), now it is .*AdamW, AdamW"):
        ToyScenario.create_trainer(params, restore=True).train()


def test_schedule_free_adamw_refuses_another_average():
    with pytest.raises(UsageError, match=r"averages the weights by itself.*ema_decay 0"):
        train(toy_params(optimizer=ScheduleFreeAdamWOptimizer(), ema_decay=0.9))


def test_schedule_free_adamw_is_validated_and_exported_with_its_average(tmp_path):
    params = toy_params(
        tmp_path, optimizer=ScheduleFreeAdamWOptimizer(beta_1=0.5), val_every_n=1, export_final=True
    )

    scenario: Any = train(params).scenario

    x = np.eye(3, dtype="float32")
    exported = tf.saved_model.load(str(tmp_path / "export" / "serve"))({"x": tf.constant(x)}, training=False)
    judged = np.asarray(scenario.keras_predict_model({"x": x})["logits"])
    scenario.keras_train_model.weight_average.deactivate()
    raw = np.asarray(scenario.keras_predict_model({"x": x})["logits"])
    np.testing.assert_allclose(exported["logits"], judged, rtol=1e-5)
    assert not np.allclose(judged, raw, rtol=1e-3)
