import shutil
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.predict.toys import toy_keras_model
from tfaip.errors import DataError, StorageError, UsageError
from tfaip.files import replaced_dir
from tfaip.predict.export_folder import read_whole, saved_model_dir
from tfaip.predict.exported_model import ExportedModel

X = np.arange(12, dtype="float32").reshape(4, 3)


def test_a_keras_model_is_wrapped(keras_model):
    exported = ExportedModel(keras_model)

    assert exported.input_specs["x"].shape.as_list() == [None, 3]
    np.testing.assert_array_equal(exported({"x": X})["y"], 2 * X)


def test_inputs_that_the_graph_does_not_take_are_left_out(keras_model):
    assert set(ExportedModel(keras_model)({"x": X, "more": X})) == {"y", "rows"}


def test_a_missing_input_is_named(keras_model):
    with pytest.raises(DataError, match=r"needs the input `x`.*the samples have \['z'\]"):
        ExportedModel(keras_model)({"z": X})


def test_batches_of_any_size_need_no_further_trace():
    traces = []

    class Traced(keras.layers.Layer):
        def call(self, x):
            traces.append(x.shape)
            return x

    x = keras.Input((3,), name="x")
    exported = ExportedModel(keras.Model({"x": x}, {"y": Traced()(x)}))
    traces.clear()

    for size in (1, 2, 3):
        exported({"x": X[:size]})

    assert traces == []


def test_a_keras_model_may_run_in_python():
    class Eager(keras.layers.Layer):
        def call(self, x):
            return x * float(not isinstance(x, tf.Tensor) or tf.executing_eagerly())

    x = keras.Input((3,), name="x")
    model = keras.Model({"x": x}, {"y": Eager()(x)})

    assert np.all(ExportedModel(model, run_eagerly=True)({"x": X})["y"] == X)
    assert np.all(ExportedModel(model)({"x": X})["y"] == 0)


@pytest.mark.parametrize("name", ["export", "export/serve", "best", "best/serve"])
def test_an_export_is_loaded(run_dir, name):
    outputs = ExportedModel(run_dir / name)({"x": X})

    assert {key: tuple(value.shape) for key, value in outputs.items()} == {
        "logits": (4, 2),
        "probability": (4, 2),
        "side": (4,),
    }


def test_what_keras_itself_exports_is_loaded(tmp_path, keras_model):
    keras_model.export(tmp_path / "model", verbose=False)

    np.testing.assert_array_equal(ExportedModel(tmp_path / "model")({"x": X})["y"], 2 * X)


def test_outputs_that_keras_2_renamed_in_the_signature_have_their_own_names():
    # Written by tf_keras 2.21: `img` summed as `zebra`, twice as much in training; plus `length` as `ant`;
    # `length` as the text `name`. The signature calls the outputs `root`, `root_1` and `root_2`.
    exported = ExportedModel(Path(__file__).parent / "written_by_keras_2")

    outputs = exported({"img": np.ones((2, 4), "float32"), "length": np.array([[4], [5]], "int32")})

    assert {key: value.numpy().tolist() for key, value in outputs.items()} == {
        "zebra": [[4], [4]],
        "ant": [[8], [9]],
        "name": [[b"4"], [b"5"]],
    }


@pytest.mark.parametrize("name", [".", "variables"])
def test_a_checkpoint_is_no_export(run_dir, name):
    with pytest.raises(
        UsageError, match=f"holds a checkpoint .* Give `{run_dir}/best` or `{run_dir}/export`"
    ):
        ExportedModel(run_dir / name)


def test_a_place_without_export_is_named(tmp_path):
    with pytest.raises(UsageError, match="There is no exported model"):
        ExportedModel(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"There is no `saved_model\.pb`"):
        ExportedModel(tmp_path)


def test_a_broken_export_is_named(tmp_path):
    (tmp_path / "variables").mkdir()
    for name in ("saved_model.pb", "variables/variables.index"):
        (tmp_path / name).write_bytes(b"no model")

    with pytest.raises(StorageError, match=f"`{tmp_path}` can not be read"):
        ExportedModel(tmp_path)


def test_what_is_exchanged_while_it_is_read_is_read_again(tmp_path):
    (tmp_path / "export").mkdir()
    attempts = []

    def read():
        attempts.append(1)
        if len(attempts) == 1:
            (tmp_path / "export").rename(tmp_path / ".export.old")
            raise FileNotFoundError
        if len(attempts) == 2:
            (tmp_path / "new").mkdir()
            (tmp_path / "new").rename(tmp_path / "export")
        return len(attempts)

    assert read_whole(tmp_path / "export", read) == 3


def test_an_error_of_a_folder_at_rest_is_raised_at_once(tmp_path):
    attempts = []

    def read():
        attempts.append(1)
        raise FileNotFoundError

    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError):
            read_whole(folder, read)
    assert len(attempts) == 2


def test_a_training_that_exports_is_waited_for(tmp_path):
    (tmp_path / ".best.old").mkdir()
    (tmp_path / "new" / "serve" / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "variables/variables.index"):
        (tmp_path / "new" / "serve" / name).touch()
    threading.Timer(0.2, lambda: (tmp_path / "new").rename(tmp_path / "best")).start()

    assert saved_model_dir(tmp_path / "best") == tmp_path / "best" / "serve"


def test_an_export_that_a_killed_training_moved_aside_is_pointed_out(tmp_path, monkeypatch):
    monkeypatch.setattr("tfaip.predict.export_folder._ATTEMPTS", 2)
    (tmp_path / ".best.old").mkdir()

    with pytest.raises(StorageError, match=r"moved aside.*`\.old`"):
        saved_model_dir(tmp_path / "best")


@pytest.mark.timeout(120)
def test_readers_see_one_of_the_exports_while_they_are_exchanged(tmp_path):
    for name, offset in (("a", 1.0), ("b", 2.0)):
        toy_keras_model(offset).export(tmp_path / name / "serve", verbose=False)
        (tmp_path / name / "offset.txt").write_text(str(offset))
    best, done = tmp_path / "best", threading.Event()
    shutil.copytree(tmp_path / "a", best)
    seen, errors = [], []

    def read():
        offset = float((best / "offset.txt").read_text())
        return offset, ExportedModel(best)({"x": np.zeros((1, 3), "float32")})["y"].numpy()[0, 0]

    def load():
        try:
            for _ in range(8):
                seen.append(read_whole(best, read))
        except Exception as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    def exchange():
        number = 0
        while not done.wait(0.15):
            number += 1
            with replaced_dir(best) as folder:
                shutil.copytree(tmp_path / "ab"[number % 2], folder, dirs_exist_ok=True)

    writer = threading.Thread(target=exchange)
    readers = [threading.Thread(target=load) for _ in range(2)]
    writer.start()
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    done.set()
    writer.join()

    assert errors == []
    assert set(seen) == {(1.0, 1.0), (2.0, 2.0)}
