"""A multilayer perceptron on the flattened image."""

from typing import Any, Optional

import keras

from scenarios.tutorial.full.params import MLPParams
from tfaip.model.layerbase import LayerBase


class MLP(LayerBase[MLPParams]):
    """Dense layers, one for each of `nodes`."""

    def __init__(self, params: MLPParams, name: str = "mlp", **kwargs: Any):
        super().__init__(params=params, name=name, **kwargs)
        self.flatten = keras.layers.Flatten()
        self.dense = [
            keras.layers.Dense(nodes, activation=params.activation, name=f"dense_{i}")
            for i, nodes in enumerate(params.nodes)
        ]

    def call(self, images: Any, training: Optional[bool] = None) -> Any:
        """Return features `(N, nodes)` of images `(N, H, W, C)`."""
        features = self.flatten(images)
        for dense in self.dense:
            features = dense(features)
        return features
