"""Parameters of a layer that can be chosen and sized on the command line."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Type

from paiargparse import pai_dataclass

if TYPE_CHECKING:
    from tfaip.model.layerbase import LayerBase


@pai_dataclass
@dataclass
class LayerBaseParams:
    """Base of a layer's parameters."""

    @staticmethod
    def cls() -> "Type[LayerBase]":
        """Return the layer class these parameters belong to; import it here, it is heavy."""
        raise NotImplementedError(
            "A subclass of `LayerBaseParams` must override the static method `cls()`. "
            "Import your `LayerBase` subclass inside it and return the class."
        )

    def create(self, **kwargs: Any) -> "LayerBase":
        """Return a new layer of these parameters; `kwargs` go to its constructor."""
        return self.cls()(params=self, **kwargs)
