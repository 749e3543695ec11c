"""Graphs: the layers of a model, for training and for prediction."""

from abc import abstractmethod
from typing import Any, Dict, Optional

from tfaip.model.layerbase import LayerBase, TFAIPLayerBase
from tfaip.model.layerparams import LayerBaseParams
from tfaip.model.modelbaseparams import ModelBaseParams
from tfaip.params.stored_params import params_from_stored
from tfaip.params.trust import packages_of_loaded

_TRAIN = "train"
_PREDICT = "predict"


class _TwoWayLayer(TFAIPLayerBase):
    """A layer that is called by `train` or `predict` and shares its weights between the two."""

    def build(self, *_: Any, **__: Any) -> None:
        """Do nothing: the inner layers build themselves when the graph is traced."""
        self.built = True

    def train(self, inputs: Any, targets: Any, *, training: Optional[bool] = None) -> Any:
        """Return the outputs of the training graph.

        Args:
            inputs: Dict of batched tensors or arrays.
            targets: The same, or `None` if the graph does not need them.
            training: Whether dropout and the like are active; `None` takes it from the layer around, and is
                false where there is none.
        """
        batch = {"inputs": inputs} if targets is None else {"inputs": inputs, "targets": targets}
        return self(batch, training=training, graph=_TRAIN)

    def predict(self, inputs: Any) -> Any:
        """Return the outputs of the prediction graph, a dict of batched tensors."""
        return self({"inputs": inputs}, training=False, graph=_PREDICT)

    def call(
        self,
        inputs_targets: Dict[str, Any],
        training: Optional[bool] = None,
        graph: Optional[str] = None,
        **_: Any,
    ) -> Any:
        """Trace one of the two graphs; use `train` or `predict`, which say which."""
        if graph is None:
            raise ValueError(
                f"The graph `{self.name}` was called directly. "
                "Call `train(inputs, targets)` or `predict(inputs)` of it."
            )
        inputs, targets = inputs_targets["inputs"], inputs_targets.get("targets")
        if graph == _PREDICT:
            return self._prediction_outputs(inputs)
        return self._training_outputs(inputs, targets, bool(training))

    def _training_outputs(self, inputs: Any, targets: Any, training: bool) -> Any:
        raise NotImplementedError

    def _prediction_outputs(self, inputs: Any) -> Any:
        raise NotImplementedError


class GenericGraphBase(_TwoWayLayer, LayerBase[Any]):
    """A graph whose training and prediction may differ, for example by teacher forcing.

    Create the layers in the constructor, `__init__(self, params, name="MyGraph", **kwargs)`.
    """

    def __init__(self, params: Any, name: Optional[str] = None, **kwargs: Any):
        # A fixed name: automatic ones count up in a process, and names are what checkpoints are read by.
        super().__init__(params=params, name=name or type(self).__name__, **kwargs)

    @abstractmethod
    def build_train_graph(self, inputs: Any, targets: Any = None, training: Optional[bool] = None) -> Any:
        """Return the outputs in training, a dict of batched tensors; override it."""
        raise NotImplementedError

    def build_prediction_graph(self, inputs: Any) -> Any:
        """Return the outputs in prediction; the training graph of the inputs unless overridden."""
        return self.build_train_graph(inputs, None, False)

    def _training_outputs(self, inputs: Any, targets: Any, training: bool) -> Any:
        return self.build_train_graph(inputs, targets, training)

    def _prediction_outputs(self, inputs: Any) -> Any:
        return self.build_prediction_graph(inputs)


class GraphBase(GenericGraphBase):
    """A graph that is the same in training and prediction: override `build_graph`."""

    def build_train_graph(self, inputs: Any, targets: Any = None, training: Optional[bool] = None) -> Any:
        """Return `build_graph` of the inputs; targets are not used."""
        return self.build_graph(inputs, training)

    @abstractmethod
    def build_graph(self, inputs: Any, training: Optional[bool] = None) -> Any:
        """Return the outputs, a dict of batched tensors, for `inputs`, a dict of them; override it."""
        raise NotImplementedError


class RootGraph(_TwoWayLayer):
    """The layer that owns the model and its graph; all weights have names below `root/`."""

    def __init__(
        self,
        params: ModelBaseParams,
        name: str = "root",
        setup_graph: bool = True,
        setup_model: bool = True,
        model_kwargs: Optional[Dict[str, Any]] = None,
        graph_kwargs: Optional[Dict[str, Any]] = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self._params = params
        self._model_kwargs = dict(model_kwargs or {})
        self._graph_kwargs = dict(graph_kwargs or {})
        self._model = self.create_model(**self._model_kwargs) if setup_model else None
        self._graph = self.create_graph(**self._graph_kwargs) if setup_graph else None

    @property
    def params(self) -> ModelBaseParams:
        """The parameters of the model."""
        return self._params

    @property
    def model(self) -> Any:
        """The `ModelBase`: losses, metrics and what is exported."""
        if self._model is None:
            raise ValueError("This root graph was made with `setup_model=False`.")
        return self._model

    @property
    def graph(self) -> GenericGraphBase:
        """The graph: the layers."""
        if self._graph is None:
            raise ValueError("This root graph was made with `setup_graph=False`.")
        return self._graph

    def create_model(self, **kwargs: Any) -> Any:
        """Return a new model; `kwargs` go to its constructor."""
        return self._params.create(**kwargs)

    def create_graph(self, **kwargs: Any) -> GenericGraphBase:
        """Return a new graph; `kwargs` go to its constructor."""
        return self._params.create_graph(**kwargs)

    def pre_proc_targets(self, inputs: Any, targets: Any) -> Any:
        """Return the targets as the model wants them before the outputs exist."""
        return self.model.pre_proc_targets(inputs, targets)

    def _training_outputs(self, inputs: Any, targets: Any, training: bool) -> Any:
        return self.graph.train(inputs, targets, training=training)

    def _prediction_outputs(self, inputs: Any) -> Any:
        return self.graph.predict(inputs)

    def get_config(self) -> Dict[str, Any]:
        """Return the constructor's arguments with `params` as a dict."""
        return {
            **super().get_config(),
            "params": self._params.to_dict(),  # type: ignore[attr-defined]
            "model_kwargs": self._model_kwargs,
            "graph_kwargs": self._graph_kwargs,
        }

    @classmethod
    def from_config(cls, config: Dict[str, Any]) -> "RootGraph":
        """Return a new root graph from what `get_config` gave."""
        config = dict(config)
        params = config.pop("params")
        if isinstance(params, dict):
            params = params_from_stored(ModelBaseParams, params, own=packages_of_loaded(ModelBaseParams))
        return cls(params=params, **config)


__all__ = ["GenericGraphBase", "GraphBase", "LayerBaseParams", "RootGraph"]
