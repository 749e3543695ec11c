"""Weights in TensorFlow's tensor bundles: SavedModels and checkpoints, of ours and of others.

Only tensors are read, no graph: a SavedModel is a program, and a warm start does not run it.
"""

import contextlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

# The generated protocol buffers are a file format, not private code: they are the same in all releases.
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from tfaip.files import path_without_patterns
from tfaip.scenario.saved_weights import OBJECT_GRAPH, keys_by_name
from tfaip.trainer import checkpoints
from tfaip.trainer.warmstart.loaded_weights import LoadedWeights, damaged

_END = "/.ATTRIBUTES/VARIABLE_VALUE"
_KERAS_2_ATTRIBUTE = "variables"

Keys = dict[str, str]


def read_saved_model(folder: Path) -> LoadedWeights:
    """Return the weights of a SavedModel: one of ours, of tfaip 1.x, or of another program.

    Ours keep their weights by full name. Those of Keras 2 have them in a list, in the order of the model, and
    their variables have full names.
    """
    return _read(folder / "variables" / "variables", _keys_of_saved_model, is_ordered=True)


def read_tf_checkpoint(prefix: Path) -> LoadedWeights:
    """Return the weights of a checkpoint that another program wrote, `prefix.index` and `prefix.data-*`."""
    return _read(prefix, _keys_of_checkpoint, is_checkpoint=True)


def read_own_checkpoint(folder: Path) -> LoadedWeights:
    """Return the weights of the checkpoint that a training wrote to `folder`; not their average."""

    def keys(_: Any) -> Keys:
        description = json.loads((folder / checkpoints.STATE).read_text(encoding="utf-8"))
        return {path: f"model/{name}" for path, name in description["weights"].items()}

    return _read(folder / checkpoints.BUNDLE, keys, is_checkpoint=True)


def _read(prefix: Path, keys_of: Callable[[Any], Keys], **what: bool) -> LoadedWeights:
    try:
        with _reader(prefix) as reader:
            keys = keys_of(reader)
            all_shapes = reader.get_variable_to_shape_map()
        shapes = {name: tuple(all_shapes[key]) for name, key in keys.items()}
    except (OSError, ValueError, LookupError, RuntimeError, DecodeError, tf.errors.OpError) as error:
        raise damaged(prefix, error) from error

    def read(names: Collection[str]) -> dict[str, np.ndarray]:
        try:
            with _reader(prefix) as reader:
                return {name: reader.get_tensor(keys[name]) for name in names}
        except (RuntimeError, ValueError, tf.errors.OpError) as error:
            raise damaged(prefix, error) from error

    return LoadedWeights(prefix, shapes, read, **what)


@contextlib.contextmanager
def _reader(prefix: Path) -> Iterator[Any]:
    with path_without_patterns(prefix.parent) as folder:
        yield tf.train.load_checkpoint(str(folder / prefix.name))


def _keys_of_saved_model(reader: Any) -> Keys:
    graph = _object_graph(reader)
    if graph is None:
        return _keys_of_checkpoint(reader)
    ours = keys_by_name(graph)
    if ours is not None:
        return ours
    listed = _children(graph, 0).get(_KERAS_2_ATTRIBUTE)
    if listed is None:
        return _keys_of_checkpoint(reader)
    numbered = sorted(
        (int(name), node) for name, node in _children(graph, listed).items() if name.isdecimal()
    )
    return {name: key for _, node in numbered for key, name in _values(graph, node)}


def _keys_of_checkpoint(reader: Any) -> Keys:
    """Return the keys by the names of the variables, or by themselves if those are not unique."""
    graph = _object_graph(reader)
    if graph is None:
        return {key: key for key in sorted(reader.get_variable_to_shape_map())}
    nodes = range(len(graph.nodes))
    pairs = [(key, name) for node in nodes for key, name in _values(graph, node) if _is_of_model(key)]
    names = [name for _, name in pairs]
    is_named = all(names) and len(set(names)) == len(names)
    return {name if is_named else key.removesuffix(_END): key for key, name in pairs}


def _is_of_model(key: str) -> bool:
    is_optimizer = key.startswith("optimizer/") or ".OPTIMIZER_SLOT" in key
    return key.endswith(_END) and not is_optimizer and not key.startswith("save_counter/")


def _object_graph(reader: Any) -> TrackableObjectGraph | None:
    if not reader.has_tensor(OBJECT_GRAPH):
        return None
    return TrackableObjectGraph.FromString(reader.get_tensor(OBJECT_GRAPH))


def _children(graph: TrackableObjectGraph, node: int) -> dict[str, int]:
    return {child.local_name: child.node_id for child in graph.nodes[node].children}


def _values(graph: TrackableObjectGraph, node: int) -> Iterable[tuple[str, str]]:
    """Yield key and name of the variable that `node` is, if it is one."""
    for attribute in graph.nodes[node].attributes:
        yield attribute.checkpoint_key, attribute.full_name
