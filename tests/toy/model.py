"""The toy's graph and model."""

import keras
import tensorflow as tf

from tests.toy.params import ToyModelParams
from tfaip.model.graphbase import GraphBase
from tfaip.model.modelbase import ModelBase


class ToyModel(ModelBase[ToyModelParams]):
    """Two losses, one metric."""

    def __init__(self, params, **kwargs):
        super().__init__(params, **kwargs)
        self.acc = keras.metrics.SparseCategoricalAccuracy(name="acc")

    def _loss(self, inputs, targets, outputs):
        cross = keras.losses.sparse_categorical_crossentropy(
            targets["side"], outputs["logits"], from_logits=True
        )
        return {"cross": cross, "size": tf.reduce_mean(outputs["logits"] ** 2, axis=-1)}

    def _loss_weights(self):
        return {"size": 0.01}

    def _metric(self, inputs, targets, outputs):
        return [self.acc(targets["side"], outputs["probability"])]

    def _best_logging_settings(self):
        return "max", "acc"

    def _print_evaluate(self, sample, data, print_fn):
        print_fn(f"sample {sample.meta['id']} is on side {sample.outputs['side']}")


class ToyGraph(GraphBase):
    """A hidden layer with dropout and normalisation."""

    def __init__(self, params, name="ToyGraph", **kwargs):
        super().__init__(params, name=name, **kwargs)
        self.hidden = keras.layers.Dense(params.nodes, activation="relu", name="hidden")
        self.normalise = keras.layers.BatchNormalization()
        self.dropout = keras.layers.Dropout(params.dropout)
        self.logits = keras.layers.Dense(2)

    def build_graph(self, inputs, training=None):
        x = self.normalise(self.hidden(inputs["x"]), training=training)
        logits = self.logits(self.dropout(x, training=training))
        return {
            "logits": logits,
            "probability": tf.nn.softmax(logits),
            "side": tf.argmax(logits, axis=-1),
        }
