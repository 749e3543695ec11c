# pyright: reportArgumentType=false, reportOptionalSubscript=false, reportIncompatibleMethodOverride=false
import keras
import numpy as np
import pytest

from tests.model.test_training_model import build, dataset, line_params, train
from tests.toy.params import ToyModelParams
from tfaip.data.pipeline.stream import StreamPosition
from tfaip.errors import StorageError
from tfaip.model.weight_average import WeightAverage
from tfaip.trainer import checkpoints
from tfaip.trainer.checkpoints import CheckpointWriter, canonical_names
from tfaip.trainer.state import BestState, TrainerState

STATE = TrainerState(epoch=3, best=BestState("max", "val_acc", 0.75, 2), position=StreamPosition(2, 17, 17))


class Named:
    def __init__(self, path):
        self.path = path


def save(model, folder):
    writer = CheckpointWriter(model)
    writer.capture()
    assert writer.commit(folder, STATE)


def test_everything_comes_back_bit_for_bit_in_a_model_made_later(tmp_path):
    first = build(ToyModelParams(), keras.optimizers.Adam(0.01))
    first.weight_average = WeightAverage(first.trainable_variables, 0.9)
    train(first, dataset(40, 8))
    save(first, tmp_path)
    second = build(ToyModelParams(), keras.optimizers.Adam(0.01))
    second.weight_average = WeightAverage(second.trainable_variables, 0.9)

    state = checkpoints.restore(second, tmp_path)

    assert state == STATE
    one, other = checkpoints.named_tensors(first), checkpoints.named_tensors(second)
    assert list(one) == list(other)
    assert any("seed" in name for name in one)
    for name, value in one.items():
        np.testing.assert_array_equal(value.numpy(), other[name].numpy(), err_msg=name)


def test_a_restored_model_trains_on_as_if_nothing_had_been(tmp_path):
    unbroken = build(ToyModelParams(), keras.optimizers.Adam(0.01))
    train(unbroken, dataset(40, 8))
    save(unbroken, tmp_path)
    train(unbroken, dataset(40, 8))
    resumed = build(ToyModelParams(), keras.optimizers.Adam(0.01))

    checkpoints.restore(resumed, tmp_path)
    train(resumed, dataset(40, 8))

    for one, other in zip(unbroken.root.weights, resumed.root.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_what_was_captured_is_written_whatever_happens_afterwards(tmp_path):
    model = build(line_params(), keras.optimizers.SGD(0.1))
    writer = CheckpointWriter(model)
    writer.capture()
    model.root.weights[0].assign(np.zeros((3, 1)))
    writer.commit(tmp_path, STATE)

    checkpoints.restore(model, tmp_path)

    np.testing.assert_array_equal(model.root.weights[0].numpy(), np.ones((3, 1)))


def test_automatic_numbers_in_names_do_not_count():
    first = [Named("root/G/dense/kernel"), Named("root/G/dense_1/kernel"), Named("root/G/out/kernel")]
    later = [Named("root/G/dense_4/kernel"), Named("root/G/dense_9/kernel"), Named("root/G/out/kernel")]

    assert canonical_names(first) == canonical_names(later)
    assert len(set(canonical_names(first))) == 3


def test_equal_names_are_told_apart():
    assert canonical_names([Named("a/b"), Named("a/b")]) == ["a/b", "a/b#1"]


def test_another_layer_width_is_refused_and_nothing_is_loaded(tmp_path):
    save(build(ToyModelParams(nodes=8), keras.optimizers.Adam(0.01)), tmp_path)
    model = build(ToyModelParams(nodes=9), keras.optimizers.Adam(0.01))
    before = model.root.weights[0].numpy()

    with pytest.raises(StorageError, match=r"another shape: .*hidden/kernel \(3, 8\) -> \(3, 9\)"):
        checkpoints.restore(model, tmp_path)

    np.testing.assert_array_equal(model.root.weights[0].numpy(), before)


def test_another_optimizer_is_refused(tmp_path):
    save(build(line_params(), keras.optimizers.Adam(0.01)), tmp_path)

    with pytest.raises(StorageError, match=r"optimizer Adam, now it is SGD"):
        checkpoints.restore(build(line_params(), keras.optimizers.SGD(0.01)), tmp_path)


def test_an_average_that_the_checkpoint_lacks_is_listed(tmp_path):
    save(build(line_params(), keras.optimizers.SGD(0.01)), tmp_path)
    model = build(line_params(), keras.optimizers.SGD(0.01))
    model.weight_average = WeightAverage(model.trainable_variables, 0.9)

    with pytest.raises(StorageError, match=r"missing: average/00000"):
        checkpoints.restore(model, tmp_path)


def test_no_checkpoint_is_said(tmp_path):
    with pytest.raises(StorageError, match=r"There is no checkpoint `.*variables`"):
        checkpoints.restore(build(line_params(), keras.optimizers.SGD(0.01)), tmp_path)


@pytest.mark.parametrize("name", ["variables.index", "variables.data-00000-of-00001", "state.json"])
def test_a_cut_file_is_reported_as_damage(tmp_path, name):
    model = build(line_params(), keras.optimizers.SGD(0.01))
    save(model, tmp_path)
    file = tmp_path / "variables" / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    with pytest.raises(StorageError, match=r"`.*variables` is damaged"):
        checkpoints.restore(model, tmp_path)
