"""Layers of the framework: parametrised ones, and values that a layer shows in TensorBoard."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Dict, Generic, Type, TypeVar

import keras

from tfaip.model.layerparams import LayerBaseParams as LayerBaseParams
from tfaip.model.tensorboardwriter import TensorboardWriterInterface
from tfaip.params.generics import type_argument
from tfaip.params.stored_params import params_from_stored
from tfaip.params.trust import packages_of

TLP = TypeVar("TLP", bound=LayerBaseParams)

_writers_are_fed: ContextVar[bool] = ContextVar("writers_are_fed", default=False)


@contextlib.contextmanager
def feed_tensorboard_writers() -> Iterator[None]:
    """Let `add_tensorboard` store values while the graph is traced inside this block.

    Training and evaluation use it; an exported graph is traced outside, so it holds no writers.
    """
    token = _writers_are_fed.set(True)
    try:
        yield
    finally:
        _writers_are_fed.reset(token)


class TFAIPLayerBase(keras.layers.Layer):
    """Base of all layers of the framework."""

    def add_tensorboard(self, tb: TensorboardWriterInterface, value: Any) -> None:
        """Hand `value`, a tensor of any shape, to the writer `tb`; call it inside `call`.

        Once per epoch the writer receives the value of the last batch. Keep the writer in an attribute of
        the layer. In an exported graph nothing is stored.
        """
        if _writers_are_fed.get():
            tb.update_state(value, value)


class LayerBase(TFAIPLayerBase, Generic[TLP]):
    """A layer with parameters: `class MyLayer(LayerBase[MyLayerParams])`."""

    @classmethod
    def params_cls(cls) -> Type[TLP]:
        """Return the bound class of the parameters."""
        return type_argument(cls, TLP)

    def __init__(self, params: TLP, **kwargs: Any):
        super().__init__(**kwargs)
        self._params = params

    @property
    def params(self) -> TLP:
        """The parameters of this layer."""
        return self._params

    def get_config(self) -> Dict[str, Any]:
        """Return the constructor's arguments with `params` as a dict."""
        return {**super().get_config(), "params": self._params.to_dict()}  # type: ignore[attr-defined]

    @classmethod
    def from_config(cls, config: Dict[str, Any]) -> "LayerBase":
        """Return a new layer from what `get_config` gave."""
        config = dict(config)
        params = config.pop("params")
        if isinstance(params, dict):
            params = params_from_stored(cls.params_cls(), params, own=packages_of(cls))
        return cls(params=params, **config)
