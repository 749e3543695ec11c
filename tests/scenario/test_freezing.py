import logging

import numpy as np
import pytest

from tests.toy.params import ToyModelParams
from tfaip.errors import UsageError
from tfaip.model.graphbase import RootGraph
from tfaip.scenario.freezing import freeze, named_layers
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
