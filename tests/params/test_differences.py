from copy import deepcopy

from tests.params.toy_tree import ConvLayerParams, PoolLayerParams, SGDOptimizer, ToyParams
from tfaip.params.differences import differences


def test_equal_params_have_no_differences():
    assert differences(ToyParams(), ToyParams(), "trainer") == []


def test_values_that_differ_are_named_by_their_path():
    old, new = ToyParams(), ToyParams(epochs=3, gpus=[1], output_dir="a b")
    new.learning_rate.lr = 0.5

    assert differences(old, new, "trainer") == [
        "trainer.epochs: 100 -> 3",
        "trainer.output_dir: None -> 'a b'",
        "trainer.gpus: None -> [1]",
        "trainer.learning_rate.lr: 0.001 -> 0.5",
    ]


def test_another_class_is_named():
    new = ToyParams(optimizer=SGDOptimizer(momentum=0.5))

    assert differences(ToyParams(), new, "t") == ["t.optimizer: AdamOptimizer -> SGDOptimizer"]


def test_lists_of_params_are_compared_item_by_item():
    old = [ConvLayerParams(), PoolLayerParams()]
    new = deepcopy(old)
    new[1].size = 3

    assert differences(old, new, "layers") == ["layers.1.size: 10 -> 3"]
    assert differences(old, new[:1], "layers") == [
        "layers: [ConvLayerParams, PoolLayerParams] -> [ConvLayerParams]"
    ]
