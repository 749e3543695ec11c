"""Graph: from an image to a class, around the layers chosen on the command line."""

from typing import Any, Dict, Optional

import keras
import tensorflow as tf

from scenarios.tutorial.full.params import FullModelParams
from tfaip.model.graphbase import GraphBase


class TutorialGraph(GraphBase):
    """The chosen layers, then one logit for each class."""

    def __init__(self, params: FullModelParams, **kwargs: Any):
        super().__init__(params, **kwargs)
        self.features = params.graph.create()
        self.logits = keras.layers.Dense(params.n_classes, name="logits")

    def build_graph(self, inputs: Dict[str, Any], training: Optional[bool] = None) -> Dict[str, Any]:
        """Return logits and probabilities `(N, classes)` and the class `(N,)` of images `(N, H, W, 1)`."""
        logits = self.logits(self.features(inputs["img"], training=training))
        return {
            "logits": logits,
            "pred": keras.ops.softmax(logits),
            # Of TensorFlow, since ONNX has no counterpart of what `keras.ops.argmax` consists of.
            "class": tf.argmax(logits, axis=-1, output_type=tf.int32),
        }
