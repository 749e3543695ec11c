"""Graph: the layers, from an image to a class."""

from typing import Any, Dict, Optional

import keras
import tensorflow as tf

from scenarios.tutorial.min.params import MinModelParams
from tfaip.model.graphbase import GraphBase


class MinGraph(GraphBase):
    """Two convolutions with pooling and a dense layer.

    The second pooling is over the whole image, so images may have any size.
    """

    def __init__(self, params: MinModelParams, **kwargs: Any):
        super().__init__(params, **kwargs)
        self.conv1 = keras.layers.Conv2D(32, 3, padding="same", activation="relu", name="conv1")
        self.pool1 = keras.layers.MaxPooling2D(2, padding="same", name="pool1")
        self.conv2 = keras.layers.Conv2D(64, 3, padding="same", activation="relu", name="conv2")
        self.pool2 = keras.layers.GlobalMaxPooling2D(name="pool2")
        self.dense = keras.layers.Dense(128, activation="relu", name="dense")
        self.dropout = keras.layers.Dropout(0.5, name="dropout")
        self.logits = keras.layers.Dense(params.n_classes, name="logits")

    def build_graph(self, inputs: Dict[str, Any], training: Optional[bool] = None) -> Dict[str, Any]:
        """Return logits and probabilities `(N, classes)` and the class `(N,)` of images `(N, H, W, 1)`."""
        image: Any = keras.ops.cast(inputs["img"], "float32")
        features = self.pool1(self.conv1(image / 255))
        features = self.pool2(self.conv2(features))
        features = self.dropout(self.dense(features), training=training)
        logits = self.logits(features)
        return {
            "logits": logits,
            "pred": keras.ops.softmax(logits),
            "class": tf.argmax(logits, axis=-1, output_type=tf.int32),
        }
