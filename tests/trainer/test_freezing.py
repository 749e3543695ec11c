# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
import logging

import numpy as np
import pytest

from tests.trainer.test_trainer import FailsIn, assert_same_bits, toy_params, train, weights
from tfaip.errors import UsageError
from tfaip.trainer.optimizer.optimizers import AdamOptimizer, SGDOptimizer
from tfaip.trainer.trainer import Trainer

HIDDEN, NORMALISATION, DENSE = slice(0, 2), slice(2, 6), slice(6, 8)
KINDS = [
    {},
    {"ema_decay": 0.9},
    {"train_accum_steps": 2},
    {"optimizer": SGDOptimizer(momentum=0.9, clip_value=0.5)},
    {"optimizer": AdamOptimizer(global_clip_norm=0.1, weight_decay=0.1)},
    {"optimizer": AdamOptimizer(groups=["hidden/.*=lr*0.1"])},
]


def trained(**kwargs):
    return weights(train(toy_params(val_every_n=0, **kwargs))[0])


def test_frozen_layers_wait_and_the_others_train():
    fresh, after_one = trained(epochs=0), trained(epochs=1, freeze=["hidden:1"])
    after_two = trained(epochs=2, freeze=["hidden:1"])

    assert_same_bits(fresh[HIDDEN], after_one[HIDDEN])
    assert not np.array_equal(fresh[6], after_one[6])
    assert not np.array_equal(after_one[0], after_two[0])


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_as_long_as_it_is_frozen_it_is_as_if_it_never_trained(kind):
    assert_same_bits(
        trained(epochs=2, freeze=["hidden:2"], **kind), trained(epochs=2, no_train_scope=".*/hidden", **kind)
    )


def test_frozen_normalisation_keeps_its_means():
    fresh, frozen = trained(epochs=0), trained(epochs=1, freeze=["BatchNormalization"])

    assert_same_bits(fresh[NORMALISATION], frozen[NORMALISATION])
    assert not np.array_equal(fresh[0], frozen[0])


@pytest.mark.parametrize(("kind", "broken_in"), [({}, 1), ({}, 3), *((kind, 2) for kind in KINDS)])
def test_a_training_broken_before_at_or_after_the_end_of_freezing_ends_with_the_same_bits(
    tmp_path, kind, broken_in
):
    rules = ["hidden:2", "BatchNormalization:1"]
    unbroken, logs = train(toy_params(epochs=4, freeze=rules, **kind))
    broken = toy_params(tmp_path, epochs=4, freeze=rules, **kind)
    with pytest.raises(KeyboardInterrupt):
        train(broken, callbacks=[FailsIn(broken_in)])

    resumed = Trainer.restore_trainer(str(tmp_path))
    resumed_logs = resumed.train()

    assert_same_bits(weights(unbroken), weights(resumed))
    assert logs == resumed_logs


def test_a_group_of_its_own_follows_the_schedule_while_it_is_frozen():
    params = toy_params(epochs=3, freeze=["hidden:2"], optimizer=AdamOptimizer(groups=["hidden/.*=lr*0.5"]))
    params.val_every_n = 0

    trainer, _ = train(params)

    groups = [group for _, groups in trainer._optimizer.parts for group in groups]
    assert [int(group.optimizer.iterations) for group in groups] == [15, 15]


def test_the_average_of_a_frozen_weight_is_that_weight():
    trainer, _ = train(toy_params(epochs=2, freeze=["hidden"], ema_decay=0.9))

    average = trainer.scenario.keras_train_model.weight_average
    average.deactivate()
    for averaged, weight in zip(average.averages, average.weights, strict=True):
        if "/hidden/" in weight.path:
            np.testing.assert_array_equal(averaged.numpy(), weight.numpy())


def test_what_is_frozen_and_until_when_is_logged(caplog):
    with caplog.at_level(logging.INFO):
        trained(epochs=2, freeze=["hidden:1"])

    assert "Not trained until epoch 1 is done (`freeze` hidden:1): root/ToyGraph/hidden" in caplog.text
    assert "Trained from epoch 2 on: root/ToyGraph/hidden" in caplog.text


def test_a_rule_for_no_layer_is_refused_before_the_first_step():
    with pytest.raises(UsageError, match=r"`--trainer\.freeze backbone:2` matches no layer"):
        trained(epochs=1, freeze=["backbone:2"])


def test_a_malformed_rule_is_refused_by_the_params():
    with pytest.raises(UsageError, match=r"`--trainer\.freeze` takes PATTERN:EPOCHS"):
        trained(epochs=1, freeze=["hidden:0"])


@pytest.mark.parametrize("kwargs", [{"no_train_scope": ".*"}, {"freeze": ["ToyGraph:1"]}])
def test_something_must_be_left_to_train(kwargs):
    with pytest.raises(UsageError, match="leaves nothing to train"):
        trained(epochs=1, **kwargs)
