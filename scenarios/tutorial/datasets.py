"""The data sets of the tutorials: grey images with a class each, as arrays in memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, List, Tuple

import numpy as np

from tfaip.errors import DataError, UsageError
from tfaip.params.enums import StrEnum

_HELD_OUT_EVERY = 5  # every fifth of scikit-learn's digits validates; they come without a split of their own
_DIGITS_MAX = 16  # scikit-learn's digits count the black pixels of a 4x4 block


class Dataset(StrEnum):
    """The data sets to choose from."""

    DIGITS = "digits"
    MNIST = "mnist"
    FASHION_MNIST = "fashion_mnist"


@dataclass(frozen=True)
class LabelledImages:
    """Images `(N, H, W)`, uint8 from 0 to 255, and their classes `(N,)`, int32 from 0."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def image_size(dataset: Dataset) -> Tuple[int, int]:
    """Return height and width of the images of `dataset` without loading it."""
    return (8, 8) if dataset == Dataset.DIGITS else (28, 28)


def check_input_shape(input_shape: List[int]) -> None:
    """Raise a `UsageError` unless `input_shape` is empty or a height and a width."""
    if input_shape and (len(input_shape) != 2 or min(input_shape) < 1):
        raise UsageError(
            f"`--data.input_shape` must be height and width in pixels, such as `28 28`, got {input_shape}. "
            "Leave it out to take the size from the data set."
        )


def load_images(dataset: Dataset, *, training: bool) -> LabelledImages:
    """Return the training images of `dataset`, or those held out for validation.

    `digits` is part of scikit-learn; the others are downloaded once into Keras' cache.

    Raises:
        UsageError: scikit-learn is not installed.
        DataError: A data set could not be downloaded or read.
    """
    if dataset == Dataset.DIGITS:
        return _digits(training=training)
    return _keras_images(dataset, training=training)


def _digits(*, training: bool) -> LabelledImages:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise UsageError(
            "The data set `digits` is part of scikit-learn, which is not installed. "
            "Install it with `pip install 'tfaip[scenarios]'`."
        ) from error
    digits: Any = load_digits()
    held_out = np.arange(len(digits.target)) % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1
    chosen = ~held_out if training else held_out
    grey = np.round(digits.images[chosen] * (255 / _DIGITS_MAX))
    return LabelledImages(grey.astype(np.uint8), digits.target[chosen].astype(np.int32))


def _keras_images(dataset: Dataset, *, training: bool) -> LabelledImages:
    load = _keras_loader(dataset)
    try:
        for_training, for_validation = load()
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise DataError(
            f"The data set `{dataset}` could not be loaded: {error}. It is downloaded once; "
            "without a network use `--train_val.dataset digits`."
        ) from error
    images, labels = for_training if training else for_validation
    return LabelledImages(images.astype(np.uint8), labels.astype(np.int32))


def _keras_loader(dataset: Dataset) -> Callable:
    import keras

    if dataset == Dataset.MNIST:
        return keras.datasets.mnist.load_data
    return keras.datasets.fashion_mnist.load_data
