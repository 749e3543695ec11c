"""Graph: the layers."""

from typing import Any, Dict, Optional

import keras
import tensorflow as tf

from scenarios.template.listfile.params import TemplateModelParams
from tfaip.model.graphbase import GraphBase


class TemplateGraph(GraphBase):
    """Convolutions, and a dense layer on their mean."""

    # CHANGE: make layers in `__init__`, call them in `build_graph`.

    def __init__(self, params: TemplateModelParams, **kwargs: Any):
        super().__init__(params, **kwargs)
        self.convolutions = [
            keras.layers.Conv2D(
                filters, 3, strides=2, padding="same", activation="relu", name=f"convolution_{i}"
            )
            for i, filters in enumerate(params.filters)
        ]
        self.mean = keras.layers.GlobalAveragePooling2D(name="mean")
        self.logits = keras.layers.Dense(params.n_classes, name="logits")

    def build_graph(self, inputs: Dict[str, Any], training: Optional[bool] = None) -> Dict[str, Any]:
        """Return logits and probabilities `(N, classes)` and the class `(N,)` of images `(N, H, W, 1)`."""
        features = inputs["img"]
        for layer in self.convolutions:
            features = layer(features)
        logits = self.logits(self.mean(features))
        return {
            "logits": logits,
            "pred": keras.ops.softmax(logits),
            "class": tf.argmax(logits, axis=-1, output_type=tf.int32),
        }
