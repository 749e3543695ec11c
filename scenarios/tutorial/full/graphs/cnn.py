"""A convolutional network whose last feature maps can be looked at in TensorBoard."""

from typing import Any, Optional

import keras
import numpy as np
import tensorflow as tf

from scenarios.tutorial.full.params import CNNParams
from tfaip.model.layerbase import LayerBase
from tfaip.model.tensorboardwriter import TensorboardWriter

_KERNEL_SIZE = 3


class CNN(LayerBase[CNNParams]):
    """A convolution and a pooling for each of `filters`, then a dense layer for each of `dense`."""

    def __init__(self, params: CNNParams, name: str = "cnn", **kwargs: Any):
        super().__init__(params=params, name=name, **kwargs)
        self.convolutions = [
            keras.layers.Conv2D(
                filters,
                _KERNEL_SIZE,
                padding="same",
                activation=params.activation,
                name=f"conv_{i}",
            )
            for i, filters in enumerate(params.filters)
        ]
        # "same" lets small images pass through more poolings than they have pixels for.
        self.pooling = keras.layers.MaxPooling2D(2, padding="same")
        self.flatten = keras.layers.Flatten()
        self.dense = [
            keras.layers.Dense(nodes, activation=params.activation, name=f"dense_{i}")
            for i, nodes in enumerate(params.dense)
        ]
        self.writer = TensorboardWriter(func=write_feature_maps, dtype="float32", name="conv_out")

    def call(self, images: Any, training: Optional[bool] = None) -> Any:
        """Return features `(N, nodes)` of images `(N, H, W, C)`."""
        maps = images
        for convolution in self.convolutions:
            maps = self.pooling(convolution(maps))
        self.add_tensorboard(self.writer, maps)
        features = self.flatten(maps)
        for dense in self.dense:
            features = dense(features)
        return features


def write_feature_maps(name: str, value: np.ndarray, step: int) -> None:
    """Write each feature map of the first image as a grey image, the brightest pixel of all being white.

    Args:
        name: Name of the series in TensorBoard.
        value: Feature maps `(N, H, W, C)`.
        step: Epoch.
    """
    maps = np.moveaxis(value[0], -1, 0)[..., np.newaxis]
    brightest = max(float(maps.max()), np.finfo(np.float32).tiny)
    tf.summary.image(name, np.clip(maps / brightest, 0, 1), step=step, max_outputs=len(maps))
