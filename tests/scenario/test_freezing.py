import logging

import numpy as np
import pytest

from tests.toy.params import ToyModelParams
from tfaip.errors import UsageError
from tfaip.model.graphbase import RootGraph
from tfaip.scenario.freeze_rules import FreezeRule
from tfaip.scenario.freezing import TimedFreezing, freeze, named_layers
from tfaip.scenario.summary import layer_table


@pytest.fixture
def root():
    root = RootGraph(ToyModelParams())
    root.train({"x": np.zeros((2, 3), "float32")}, None)
    return root


def trained(root):
    return [w.path for w in root.trainable_weights]


def test_layers_have_full_names_from_the_root_down(root):
    names = [name for name, _ in named_layers(root)]

    assert names[:3] == ["root", "root/ToyGraph", "root/ToyGraph/hidden"]


def test_a_matching_layer_does_not_train(root, caplog):
    with caplog.at_level(logging.INFO):
        assert freeze(root, ".*/hidden") == ["root/ToyGraph/hidden"]

    assert not any("/hidden/" in path for path in trained(root))
    assert any("/dense" in path for path in trained(root))
    assert "root/ToyGraph/hidden" in caplog.text


def test_a_parent_freezes_its_children(root):
    assert freeze(root, ".*ToyGraph") == ["root/ToyGraph"]
    assert trained(root) == []


def test_the_whole_name_must_match(root):
    with pytest.raises(UsageError, match=r"matches no layer completely.*root/ToyGraph/hidden"):
        freeze(root, "hidd")


def test_without_a_pattern_all_layers_train(root):
    assert freeze(root, None) == []
    assert len(trained(root)) == 6


def test_the_table_counts_the_weights(root):
    freeze(root, ".*/hidden")

    table = layer_table(root)

    assert "root/ToyGraph/hidden" in table
    assert "Weights: 82, of them trained: 34" in table


def rules(*texts):
    return [FreezeRule.parse(text) for text in texts]


def test_layers_are_frozen_until_their_epoch(root, caplog):
    freezing = TimedFreezing(root, rules("hidden:2"))

    assert freezing.apply(0)
    assert not any("/hidden/" in path for path in trained(root))
    assert not freezing.apply(1)
    with caplog.at_level(logging.INFO):
        assert freezing.apply(2)
    assert len(trained(root)) == 6
    assert "Trained from epoch 3 on: root/ToyGraph/hidden" in caplog.text


def test_it_may_begin_anywhere_in_a_training(root, caplog):
    freezing = TimedFreezing(root, rules("hidden:2", "BatchNormalization:4"))

    with caplog.at_level(logging.INFO):
        freezing.apply(3)
    assert "hidden" not in caplog.text
    assert len(trained(root)) == 4
    freezing.apply(0)
    assert len(trained(root)) == 2
    freezing.apply(4)
    assert len(trained(root)) == 6


def test_what_was_frozen_before_stays_frozen(root):
    freeze(root, ".*/hidden")
    root.graph.logits.bias.trainable = False
    before = trained(root)
    freezing = TimedFreezing(root, rules("hidden:1", "BatchNormalization:1"))

    freezing.apply(0)
    assert trained(root) != before
    freezing.apply(1)

    assert trained(root) == before


def test_one_rule_may_end_before_another_that_holds_the_same_layer(root):
    freezing = TimedFreezing(root, rules("hidden:1", "hidden:2"))

    freezing.apply(0)
    freezing.apply(1)
    assert len(trained(root)) == 4
    freezing.apply(2)
    assert len(trained(root)) == 6


def test_a_rule_for_normalisation_only_names_the_class(root):
    TimedFreezing(root, rules("BatchNormalization")).apply(7)

    assert not any("normalization" in path for path in trained(root))
    assert len(trained(root)) == 4


def test_a_rule_without_a_layer_is_refused(root):
    with pytest.raises(
        UsageError, match=r"`--trainer\.freeze hiden:2` matches no layer.*root/ToyGraph/hidden"
    ):
        TimedFreezing(root, rules("hiden:2"))


def test_something_must_train_from_the_start(root):
    with pytest.raises(UsageError, match=r"`--trainer\.freeze ToyGraph:1` leaves nothing to train"):
        TimedFreezing(root, rules("ToyGraph:1"))
