# pyright: reportArgumentType=false, reportOptionalSubscript=false, reportIncompatibleMethodOverride=false
import errno
import os
import shutil

import keras
import numpy as np
import pytest

from tests.model.test_training_model import build, dataset, line_params, train
from tests.toy.params import ToyModelParams
from tfaip.data.pipeline.stream import StreamPosition
from tfaip.errors import StorageError, UsageError
from tfaip.model.weight_average import WeightAverage
from tfaip.trainer import checkpoints, generations
from tfaip.trainer.checkpoints import CheckpointWriter, canonical_names
from tfaip.trainer.state import BestState, TrainerState

STATE = TrainerState(epoch=3, best=BestState("max", "val_acc", 0.75, 2), position=StreamPosition(2, 17, 17))


class Named:
    def __init__(self, path):
        self.path = path


def save(model, folder):
    save_with(CheckpointWriter(model), folder, STATE)


def save_with(writer, folder, state):
    writer.capture()
    assert writer.commit(folder, state)
    writer.wait()


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def fail_with_no_space(path):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_everything_comes_back_bit_for_bit_in_a_model_made_later(tmp_path):
    first = build(ToyModelParams(), keras.optimizers.Adam(0.01))
    first.weight_average = WeightAverage(first.trainable_variables, 0.9)
    train(first, dataset(40, 8))
    save(first, tmp_path)
    second = build(ToyModelParams(), keras.optimizers.Adam(0.01))
    second.weight_average = WeightAverage(second.trainable_variables, 0.9)

    state = checkpoints.restore(second, tmp_path).state

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
    writer.wait()

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

    with pytest.raises(UsageError, match=r"optimizer Adam, now it is SGD"):
        checkpoints.restore(build(line_params(), keras.optimizers.SGD(0.01)), tmp_path)


def test_an_average_that_the_checkpoint_lacks_is_listed(tmp_path):
    save(build(line_params(), keras.optimizers.SGD(0.01)), tmp_path)
    model = build(line_params(), keras.optimizers.SGD(0.01))
    model.weight_average = WeightAverage(model.trainable_variables, 0.9)

    with pytest.raises(StorageError, match=r"missing: average/00000"):
        checkpoints.restore(model, tmp_path)


def test_no_checkpoint_is_said(tmp_path):
    with pytest.raises(StorageError, match=r"There is no checkpoint in `"):
        checkpoints.restore(build(line_params(), keras.optimizers.SGD(0.01)), tmp_path)


def zero_a_tensor(file):
    content = bytearray(file.read_bytes())
    content[8:16] = bytes(8)
    file.write_bytes(content)


DAMAGES = {
    "empty": lambda file: file.write_bytes(b""),
    "half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "a flipped byte": lambda file: file.write_bytes(
        bytes(255 - c if i == file.stat().st_size // 2 else c for i, c in enumerate(file.read_bytes()))
    ),
    "zeros": zero_a_tensor,
    "gone": lambda file: file.unlink(),
}
FILES = ["variables.index", "variables.data-00000-of-00001", "state.json", "manifest.json"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named_and_the_checkpoint_before_is_used(tmp_path, caplog, damage):
    model = build(line_params(), keras.optimizers.SGD(0.01))
    writer = CheckpointWriter(model)
    for value in (1, 2):
        model.root.weights[0].assign(np.full((3, 1), value))
        save_with(writer, tmp_path, TrainerState(epoch=value))
    newest = tmp_path / "checkpoints" / "00002-epoch-2"
    for name in FILES:
        content = (newest / name).read_bytes()
        DAMAGES[damage](newest / name)
        model.root.weights[0].assign(np.zeros((3, 1)))
        caplog.clear()

        restored = checkpoints.restore(model, tmp_path)

        assert restored.state.epoch == 1
        assert (restored.path.name, restored.damaged) == ("00001-epoch-1", (newest,))
        np.testing.assert_array_equal(model.root.weights[0].numpy(), np.ones((3, 1)))
        said = f"The checkpoint 00002-epoch-2 is damaged: {name}: "
        assert [m for m in caplog.messages if m.startswith(said) and m.endswith("; using 00001-epoch-1.")]
        (newest / name).write_bytes(content)


def test_if_all_are_damaged_each_is_listed_and_nothing_is_removed_or_loaded(tmp_path):
    model = build(line_params(), keras.optimizers.SGD(0.01))
    writer = CheckpointWriter(model)
    for epoch in (1, 2):
        save_with(writer, tmp_path, TrainerState(epoch=epoch))
        (tmp_path / f"checkpoints/0000{epoch}-epoch-{epoch}" / "state.json").write_bytes(b"")
    before = sorted(tmp_path.rglob("*"))
    model.root.weights[0].assign(np.zeros((3, 1)))

    with pytest.raises(
        StorageError,
        match=r"All .* damaged: 00002-epoch-2: state.json: .*; 00001-epoch-1: state.json: it has 0",
    ):
        checkpoints.restore(model, tmp_path)

    assert sorted(tmp_path.rglob("*")) == before
    assert not model.root.weights[0].numpy().any()


def test_a_damaged_one_goes_with_the_next_commit_and_does_not_count_as_kept(tmp_path):
    model = build(line_params(), keras.optimizers.SGD(0.01))
    first = CheckpointWriter(model)
    for epoch in (1, 2):
        save_with(first, tmp_path, TrainerState(epoch=epoch))
    (tmp_path / "checkpoints/00002-epoch-2/state.json").write_bytes(b"")
    restored = checkpoints.restore(model, tmp_path)
    second = CheckpointWriter(model)
    second.run, second.damaged = restored.run, restored.damaged

    save_with(second, tmp_path, TrainerState(epoch=2))

    assert names_in(tmp_path / "checkpoints") == ["00001-epoch-1", "00003-epoch-2"]


def test_an_error_while_writing_is_raised_later_and_leaves_what_was_there(tmp_path, monkeypatch):
    model = build(line_params(), keras.optimizers.SGD(0.01))
    writer = CheckpointWriter(model)
    save_with(writer, tmp_path, TrainerState(epoch=1))
    monkeypatch.setattr(generations, "flush_tree", fail_with_no_space)
    writer.capture()
    writer.commit(tmp_path, TrainerState(epoch=2))

    with pytest.raises(StorageError, match=r"`.*checkpoints`, where .* are free: .*No space left"):
        writer.wait()

    assert names_in(tmp_path / "checkpoints") == ["00001-epoch-1"]
    assert checkpoints.restore(model, tmp_path).state.epoch == 1


def test_a_checkpoint_of_the_first_format_is_restored_and_then_numbered(tmp_path):
    model = build(line_params(), keras.optimizers.SGD(0.01))
    writer = CheckpointWriter(model)
    save_with(writer, tmp_path / "now", TrainerState(epoch=4))
    old = tmp_path / "old" / "variables"
    shutil.copytree(tmp_path / "now" / "variables", old, ignore=shutil.ignore_patterns("manifest.json"))
    (old / "state.json").write_text((old / "state.json").read_text().replace('"format": 2', '"format": 1'))

    restored = checkpoints.restore(model, tmp_path / "old")
    save_with(writer, tmp_path / "old", TrainerState(epoch=5))

    assert (restored.state.epoch, restored.run) == (4, "")
    assert names_in(tmp_path / "old" / "checkpoints") == ["00000-epoch-4", "00001-epoch-5"]
    assert checkpoints.restore(model, tmp_path / "old" / "checkpoints" / "00000-epoch-4").state.epoch == 4
    assert checkpoints.restore(model, tmp_path / "old").state.epoch == 5


def test_a_newer_format_is_refused_with_both_numbers(tmp_path, monkeypatch):
    model = build(line_params(), keras.optimizers.SGD(0.01))
    monkeypatch.setattr(generations, "FORMAT", 99)
    save(model, tmp_path)
    monkeypatch.undo()

    with pytest.raises(UsageError, match=r"has format 99, this version of tfaip \(.*\) reads up to 2"):
        checkpoints.restore(model, tmp_path)


def test_a_sub_folder_for_each_epoch_shares_one_count(tmp_path):
    model = build(line_params(), keras.optimizers.SGD(0.01))
    writer = CheckpointWriter(model, folders=lambda: generations.folders_of(tmp_path, "at[{epoch:02d}]"))
    for epoch in (1, 2):
        save_with(writer, tmp_path / f"at[{epoch:02d}]", TrainerState(epoch=epoch))

    folders = generations.folders_of(tmp_path, "at[{epoch:02d}]")
    assert [folder.name for folder in folders] == ["at[01]", "at[02]"]
    assert checkpoints.restore(model, *folders).path == tmp_path / "at[02]/checkpoints/00002-epoch-2"
