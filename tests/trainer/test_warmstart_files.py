"""Warm starts of a plain Keras model, from files of Keras and of TensorFlow."""

import json
import zipfile
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from tfaip.errors import StorageError, UntrustedError
from tfaip.trainer.warmstart.matching import WeightNameError
from tfaip.trainer.warmstart.warmstart_params import WarmStartParams
from tfaip.trainer.warmstart.warmstarter import WarmStarter

FIVE = ("backbone/linear1", "backbone/linear2", "head/linear1", "head/linear2", "head/linear3")


class Values(keras.layers.Layer):
    """Weights of one number each, 0 at first."""

    def __init__(self, names, **kwargs):
        super().__init__(**kwargs)
        self._names = names

    def build(self, input_shape):
        for name in self._names:
            self.add_weight(shape=(), initializer="zeros", name=name)

    def call(self, x):
        return x


class Net(keras.layers.Layer):
    """The model of the walk-through: two weights in a backbone and three in a head."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.backbone = Values(["linear1", "linear2"], name="backbone")
        self.head = Values(["linear1", "linear2", "linear3"], name="head")

    def call(self, x):
        return self.head(self.backbone(x))


class Root(keras.layers.Layer):
    """What names start with."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.graph = Net(name="Net")

    def call(self, x):
        return self.graph(x)


def five_tensors():
    x = keras.Input((1,))
    return keras.Model(x, Root(name="root")(x))


def small_net(seed=0):
    """Return a model with nested layers, and with names from Keras and from us."""
    keras.utils.set_random_seed(seed)
    x = keras.Input((3,))
    y = keras.layers.Dense(4, name="hidden")(x)
    y = keras.layers.BatchNormalization()(y)
    y = keras.layers.Bidirectional(keras.layers.LSTM(2))(keras.layers.Reshape((2, 2))(y))
    return keras.Model(x, keras.layers.Dense(2)(y))


def warm_start(target, /, **kwargs):
    WarmStarter(WarmStartParams(**kwargs)).warmstart(target)
    return [np.asarray(weight) for weight in target.weights]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, np.asarray(b))


# ---- the walk-through


def write(path, values):
    """Write a checkpoint with the given numbers by name, and return its path."""
    tensors = [np.float32(value) for value in values.values()]
    tf.raw_ops.SaveV2(
        prefix=str(path), tensor_names=list(values), shape_and_slices=[""] * len(values), tensors=tensors
    )
    return str(path)


@pytest.fixture
def files(tmp_path):
    full = dict(zip(FIVE[2:], (3, 5, 7), strict=True))
    short = {name.partition("/")[2]: value for name, value in full.items()}
    return {
        "base": write(tmp_path / "base", dict.fromkeys(FIVE, 1)),
        "full": write(tmp_path / "full", full),
        "short": write(tmp_path / "short", short),
        "mixed": write(tmp_path / "mixed", {"head/linear1": 3, "linear2": 5, "linear3": 7}),
        "full one": write(tmp_path / "full_one", {"head/linear2": 10}),
        "short one": write(tmp_path / "short_one", {"linear2": 10}),
    }


def five(files, override=(), **kwargs):
    model = five_tensors()
    parts = [f"{key}={files[name]}" for key, name in override]
    return [float(v) for v in warm_start(model, base=files["base"], override=parts, **kwargs)]


@pytest.mark.parametrize("kind", ["full", "short"])
def test_the_walk_through_of_five_tensors(files, kind):
    head, one = ("head", kind), ("head/linear2", f"{kind} one")

    assert five(files) == [1, 1, 1, 1, 1]
    assert five(files, [head]) == [1, 1, 3, 5, 7]
    assert five(files, [head, one]) == [1, 1, 3, 10, 7]
    assert five(files, [one, head]) == [1, 1, 3, 10, 7]
    assert five(files, [head, one], exclude_keys=["head/linear3"]) == [1, 1, 3, 10, 0]


def test_in_the_walk_through_a_mixed_file_is_refused(files):
    with pytest.raises(WeightNameError, match="mixes names"):
        five(files, [("head", "mixed")])


def test_in_the_walk_through_strict_and_loose_differ(files):
    only_two = [("head", "short one")]

    with pytest.raises(WeightNameError, match="missing head/linear1, head/linear3"):
        five(files, only_two)
    assert five(files, only_two, strict=False) == [1, 1, 1, 10, 1]


def test_a_whole_checkpoint_gives_a_part(files, tmp_path):
    files["other"] = write(tmp_path / "other", dict(zip(FIVE, (2, 4, 6, 8, 9), strict=True)))

    assert five(files, [("head", "other")]) == [1, 1, 6, 8, 9]


# ---- TensorFlow checkpoints


def test_a_suffix_is_added_to_the_names_of_a_checkpoint(tmp_path):
    path = write(tmp_path / "old", {name.replace("linear", "number"): 2 for name in FIVE})

    loaded = warm_start(five_tensors(), model=path, add_suffix="!", rename=["number->linear", "!->"])

    assert [float(v) for v in loaded] == [2] * 5


def test_a_checkpoint_of_keras_3_is_read_by_its_keys(tmp_path):
    source, target = small_net(1), small_net(2)
    path = tf.train.Checkpoint(model=source).save(str(tmp_path / "ckpt"))

    rules = {name: key for key, name in _keys(path, source).items()}
    loaded = warm_start(target, model=path, rename=[f"{key}->{name}" for name, key in rules.items()])

    assert_same(loaded, source.weights)


def _keys(path, model):
    """Return for each key of a checkpoint the name of the weight with that value."""
    reader = tf.train.load_checkpoint(path)
    found = {}
    for key in reader.get_variable_to_shape_map():
        value = reader.get_tensor(key)
        for weight in model.weights:
            if np.shape(value) == tuple(weight.shape) and np.array_equal(value, weight):
                found.setdefault(key.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE"), weight.path)
    return found


# ---- files of Keras


@pytest.mark.parametrize("name", ["net.weights.h5", "net.keras", "net.h5"])
@pytest.mark.filterwarnings("ignore:.*HDF5 file:UserWarning")
def test_files_of_keras_are_read_by_the_names_of_layers(tmp_path, name):
    source, target = small_net(1), small_net(2)
    source.save_weights(tmp_path / name) if "weights" in name else source.save(tmp_path / name)

    assert_same(warm_start(target, model=str(tmp_path / name)), source.weights)


def test_an_unpacked_keras_file_is_read(tmp_path):
    source, target = small_net(1), small_net(2)
    source.save(tmp_path / "net.keras")
    zipfile.ZipFile(tmp_path / "net.keras").extractall(tmp_path / "net")

    assert_same(warm_start(target, model=str(tmp_path / "net")), source.weights)


def test_swapped_layers_of_the_same_shape_are_not_confused(tmp_path):
    def net(names):
        x = y = keras.Input((3,))
        for name in names:
            y = keras.layers.Dense(3, name=name)(y)
        return keras.Model(x, y)

    source, target = net(["first", "second"]), net(["second", "first"])
    source.save_weights(tmp_path / "net.weights.h5")

    loaded = warm_start(target, model=str(tmp_path / "net.weights.h5"))

    assert_same(loaded, [*source.weights[2:], *source.weights[:2]])


def test_layers_inside_of_a_model_inside_of_a_layer_have_full_names(tmp_path):
    def net():
        x = keras.Input((3,))
        inner = keras.Model(x, keras.layers.Dense(3, name="dense_a")(x), name="backbone")
        x = keras.Input((3,))
        return keras.Model(x, keras.layers.Dense(2, name="head")(inner(x)))

    source, target = net(), net()
    source.save_weights(tmp_path / "net.weights.h5")

    loaded = warm_start(target, model=str(tmp_path / "net.weights.h5"), include="backbone/dense_a/kernel")

    assert_same(loaded[:1], source.weights[:1])
    assert not np.array_equal(loaded[2], source.weights[2])


def test_layers_of_the_same_name_are_told_apart_by_their_order(tmp_path):
    class Twins(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.twins = [keras.layers.Dense(2, name="same") for _ in range(12)]

        def call(self, x):
            for twin in self.twins:
                x = twin(x)
            return x

    def net():
        x = keras.Input((2,))
        return keras.Model(x, Twins(name="twins")(x))

    source, target = net(), net()
    source.save_weights(tmp_path / "net.weights.h5")

    assert_same(warm_start(target, model=str(tmp_path / "net.weights.h5")), source.weights)


def test_the_optimizer_in_a_file_is_left_out(tmp_path):
    source, target = small_net(1), small_net(2)
    source.compile(keras.optimizers.Adam(), "mse")
    source.train_on_batch(np.zeros((2, 3)), np.zeros((2, 2)))
    source.save_weights(tmp_path / "net.weights.h5")

    assert_same(warm_start(target, model=str(tmp_path / "net.weights.h5")), source.weights)


def test_unknown_names_in_a_file_are_listed(tmp_path):
    small_net(1).save_weights(tmp_path / "net.weights.h5")

    with pytest.raises(WeightNameError, match=r"Model: .*linear1:0.*File: .*hidden/0:0"):
        warm_start(five_tensors(), model=str(tmp_path / "net.weights.h5"))


# ---- what a file must not do


def with_lambda(path):
    x = keras.Input((3,))
    y = keras.layers.Dense(4, name="hidden")(x)
    keras.Model(x, keras.layers.Lambda(lambda t: t + 1)(y)).save(path)
    return path


@pytest.mark.parametrize("name", ["net.keras", "net.h5"])
@pytest.mark.filterwarnings("ignore:.*HDF5 file:UserWarning")
def test_code_in_a_file_is_refused_and_the_safe_mode_stays_on(tmp_path, name):
    path = with_lambda(tmp_path / name)

    with pytest.raises(UntrustedError, match="carries Python code, a `Lambda`") as caught:
        warm_start(small_net(), model=str(path))
    assert caught.value.exit_code == 6
    with pytest.raises(ValueError, match=r"(?i)lambda|safe"):
        keras.models.load_model(path)


@pytest.mark.parametrize(
    "link", [h5py.ExternalLink("other.h5", "/layers/dense"), h5py.SoftLink("/layers/dense_1")]
)
@pytest.mark.parametrize("place", ["layers/dense", "layers/dense/vars", "layers/dense/vars/0"])
def test_a_link_to_elsewhere_is_refused(tmp_path, link, place):
    for name in ("net", "other"):
        small_net(1).save_weights(tmp_path / f"{name}.weights.h5")
    (tmp_path / "other.weights.h5").rename(tmp_path / "other.h5")
    with h5py.File(tmp_path / "net.weights.h5", "r+") as file:
        del file[place]
        file[place] = link

    with pytest.raises(UntrustedError, match="no array of that file but a link"):
        warm_start(small_net(2), model=str(tmp_path / "net.weights.h5"))


def test_data_outside_of_the_file_are_refused(tmp_path):
    (tmp_path / "secret.bin").write_bytes(b"\0" * 100)
    small_net(1).save_weights(tmp_path / "net.weights.h5")
    with h5py.File(tmp_path / "net.weights.h5", "r+") as file:
        group: Any = file["layers/dense/vars"]
        del group["0"]
        group.create_dataset("0", (3, 4), "float32", external=str(tmp_path / "secret.bin"))

    with pytest.raises(UntrustedError, match="no array of that file but a link"):
        warm_start(small_net(2), model=str(tmp_path / "net.weights.h5"))


def test_a_shape_that_the_file_can_not_hold_is_refused(tmp_path):
    small_net(1).save_weights(tmp_path / "net.weights.h5")
    with h5py.File(tmp_path / "net.weights.h5", "r+") as file:
        group: Any = file["layers/dense/vars"]
        del group["0"]
        group.create_dataset("0", (2**20, 2**33), "float32", chunks=(1, 1024))

    with pytest.raises(UntrustedError, match="100 times as large as the file"):
        warm_start(small_net(2), model=str(tmp_path / "net.weights.h5"))


def test_an_archive_that_grows_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "net.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", b"\0" * 10_000_000)

    with pytest.raises(UntrustedError, match="100 times as large as the file"):
        warm_start(small_net(2), model=str(tmp_path / "net.keras"))


@pytest.mark.parametrize("config", ["no json", "[" * 100_000, json.dumps({"a": [1]})])
def test_a_broken_archive_is_a_storage_error(tmp_path, config):
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", b"no weights")

    with pytest.raises(StorageError, match=r"net\.keras` cannot be read"):
        warm_start(small_net(2), model=str(tmp_path / "net.keras"))


@pytest.mark.parametrize("name", ["net.weights.h5", "net.keras"])
def test_half_a_file_is_a_storage_error(tmp_path, name):
    path = tmp_path / name
    small_net(1).save_weights(path) if "weights" in name else small_net(1).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(StorageError, match="cannot be read"):
        warm_start(small_net(2), model=str(path))
