"""The parameters of a model, and the bridge from them to the model and its graph."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Type

from paiargparse import pai_dataclass

if TYPE_CHECKING:
    from tfaip.model.graphbase import GenericGraphBase
    from tfaip.model.modelbase import ModelBase


@pai_dataclass
@dataclass
class ModelBaseParams:
    """Base of a scenario's model parameters; add the fields that size the network."""

    @staticmethod
    def cls() -> "Type[ModelBase]":
        """Return the model class these parameters belong to; import it here, it is heavy."""
        raise NotImplementedError(
            "A subclass of `ModelBaseParams` must override the static method `cls()`. "
            "Import your `ModelBase` subclass inside it and return the class."
        )

    def create(self, **kwargs: Any) -> "ModelBase":
        """Return a new model of these parameters; `kwargs` go to its constructor."""
        return self.cls()(params=self, **kwargs)

    def graph_cls(self) -> "Type[GenericGraphBase]":
        """Return the class of the graph, which may depend on these parameters."""
        raise NotImplementedError(
            f"`{type(self).__name__}` must override `graph_cls()`. "
            "Import your `GraphBase` subclass inside it and return the class."
        )

    def create_graph(self, **kwargs: Any) -> "GenericGraphBase":
        """Return a new graph of these parameters; `kwargs` go to its constructor."""
        return self.graph_cls()(params=self, **kwargs)
