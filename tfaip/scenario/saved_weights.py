"""The weights in an export, by their full names; the graph beside them is not run."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

# The generated protocol buffers are a file format, not private code: they are the same in all releases.
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from tfaip.errors import StorageError
from tfaip.files import path_without_patterns

WEIGHTS_ATTRIBUTE = "weights"  # of a SavedModel of ours: its variables by full name
WEIGHTS = Path("variables") / "variables"  # in a SavedModel
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def keys_by_name(graph: TrackableObjectGraph) -> dict[str, str] | None:
    """Return the keys of the tensors by the full names of the weights; `None` if the file does not know them.

    Args:
        graph: What the tensor `OBJECT_GRAPH` of a SavedModel holds.
    """
    node = _child(graph, 0, WEIGHTS_ATTRIBUTE)
    if node is None:
        return None
    return {
        child.local_name: attribute.checkpoint_key
        for child in graph.nodes[node].children
        for attribute in graph.nodes[child.node_id].attributes
    }


def saved_weights(folder: Path) -> dict[str, np.ndarray] | None:
    """Return the weights in the SavedModel `folder`; `None` if there is none, or not one of ours."""
    try:
        with path_without_patterns(folder) as plain:
            reader: Any = tf.train.load_checkpoint(str(plain / WEIGHTS))
            keys = keys_by_name(TrackableObjectGraph.FromString(reader.get_tensor(OBJECT_GRAPH)))
            return None if keys is None else {name: reader.get_tensor(key) for name, key in keys.items()}
    except (OSError, ValueError, LookupError, RuntimeError, tf.errors.OpError):
        return None


def check_weights(folder: Path, weights: Mapping[str, Any]) -> None:
    """Refuse a SavedModel that holds other weights, by a single bit.

    Raises:
        StorageError: It does.
    """
    stored = saved_weights(folder) or {}
    if set(stored) != set(weights) or not all(_same(stored[name], weights[name]) for name in weights):
        raise StorageError(
            f"The weights read back from `{folder}` are not those that were written. The export was not "
            "kept. Look at the disk it is on."
        )


def same_weights(stored: Mapping[str, np.ndarray] | None, weights: Mapping[str, Any]) -> bool:
    """Return whether both are equal, bit for bit, whatever numbers Keras gave to the names of layers."""
    return stored is not None and _digests(stored) == _digests(weights)


def _same(stored: np.ndarray, weight: Any) -> bool:
    """Return whether all bits are equal; not whether the numbers are, as a NaN is not equal to itself."""
    array = np.asarray(weight)
    is_alike = stored.shape == array.shape and stored.dtype == array.dtype
    return is_alike and np.array_equal(stored.reshape(-1).view(np.uint8), array.reshape(-1).view(np.uint8))


def _digests(weights: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    arrays = [np.asarray(weight) for weight in weights.values()]
    return sorted((a.shape, a.dtype.str, hashlib.sha256(a.tobytes()).digest()) for a in arrays)


def _child(graph: TrackableObjectGraph, node: int, name: str) -> int | None:
    found = (child.node_id for child in graph.nodes[node].children if child.local_name == name)
    return next(found, None)
