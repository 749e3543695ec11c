"""The layers of a model as a table in the log."""

import keras
import numpy as np
from prettytable import PrettyTable

from tfaip.model.sub_layers import sub_layers
from tfaip.scenario.freezing import named_layers


def layer_table(root: keras.layers.Layer) -> str:
    """Return a table with the name, class and number of weights of each layer, and the sums."""
    table = PrettyTable(["layer", "class", "weights", "trained"])
    table.align = "l"
    table.align["weights"] = "r"
    for name, layer in named_layers(root):
        if layer.weights and not sub_layers(layer):
            is_trained = "yes" if layer.trainable_weights else "no"
            table.add_row([name, type(layer).__name__, f"{count(layer.weights):,}", is_trained])
    total, trained = count(root.weights), count(root.trainable_weights)
    return f"{table.get_string()}\nWeights: {total:,}, of them trained: {trained:,}"


def count(weights: list[keras.Variable]) -> int:
    """Return the number of single values in `weights`."""
    return sum(int(np.prod(w.shape)) for w in weights)
