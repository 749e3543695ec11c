import gzip
import os
import subprocess
import sys

import numpy as np
import pytest

from scenarios.tutorial.datasets import Dataset, image_size, load_images
from scenarios.tutorial.full.data import FullDataParams
from scenarios.tutorial.min.data import MinDataParams
from tfaip.errors import DataError, UsageError


@pytest.mark.parametrize("params_cls", [MinDataParams, FullDataParams])
@pytest.mark.parametrize("shape", [[8], [8, 8, 1], [0, 8]])
def test_size_that_is_no_height_and_width_names_the_flag(params_cls, shape):
    with pytest.raises(UsageError, match=r"`--data\.input_shape` must be height and width.*got \["):
        params_cls(input_shape=shape)


def test_digits_are_uint8_images_from_0_to_255_of_the_promised_size():
    digits = load_images(Dataset.DIGITS, training=True)

    assert digits.images.shape[1:] == image_size(Dataset.DIGITS)
    assert digits.images.dtype == np.uint8
    assert (digits.images.min(), digits.images.max()) == (0, 255)
    assert set(digits.labels) == set(range(10))


def test_digits_are_split_without_overlap_and_without_loss():
    training = load_images(Dataset.DIGITS, training=True)
    validation = load_images(Dataset.DIGITS, training=False)

    seen = {image.tobytes() for image in training.images}
    held_out = {image.tobytes() for image in validation.images}
    assert (len(training), len(validation)) == (1438, 359)
    assert not seen & held_out


def test_digits_are_the_same_each_time():
    first, second = (load_images(Dataset.DIGITS, training=False) for _ in range(2))

    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.labels, second.labels)


def test_missing_scikit_learn_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)

    with pytest.raises(UsageError, match=r"pip install 'tfaip\[scenarios\]'"):
        load_images(Dataset.DIGITS, training=True)


@pytest.mark.parametrize(("training", "labels"), [(True, [1, 2]), (False, [3])])
def test_mnist_keeps_the_split_of_keras(monkeypatch, training, labels):
    import keras

    images = np.zeros((3, 28, 28), np.uint8)
    split = (images[:2], np.array([1, 2], np.uint8)), (images[2:], np.array([3], np.uint8))
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: split)

    mnist = load_images(Dataset.MNIST, training=training)

    assert mnist.images.shape[1:] == image_size(Dataset.MNIST)
    assert mnist.labels.tolist() == labels
    assert mnist.labels.dtype == np.int32


def test_failed_download_names_the_data_set_that_needs_no_network(monkeypatch):
    import keras

    def fail():
        raise Exception("URL fetch failure")  # noqa: TRY002 - what Keras raises

    monkeypatch.setattr(keras.datasets.mnist, "load_data", fail)

    with pytest.raises(DataError, match=r"`mnist`.*URL fetch failure.*--train_val.dataset digits"):
        load_images(Dataset.MNIST, training=True)


@pytest.mark.slow
def test_fashion_mnist_is_read_from_the_cache_of_keras(tmp_path):
    _write_fashion_mnist(tmp_path / "datasets" / "fashion-mnist", labels=[7, 9])
    program = (
        "from scenarios.tutorial.datasets import *\n"
        "data = load_images(Dataset.FASHION_MNIST, training=True)\n"
        "print(data.images.shape, data.labels.tolist())"
    )

    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "KERAS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.strip() == "(2, 28, 28) [7, 9]"


def _write_fashion_mnist(folder, *, labels):
    """Write the four files of the data set, header and values, as Keras caches them."""
    folder.mkdir(parents=True)
    images = np.zeros((len(labels), 28, 28), np.uint8)
    for part in ("train", "t10k"):
        for kind, header, values in (("labels-idx1", 8, labels), ("images-idx3", 16, images)):
            content = bytes(header) + np.asarray(values, np.uint8).tobytes()
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(content))
