"""What a model is besides its layers: losses, metrics, what "best" means, and what is exported."""

from collections.abc import Callable, Iterator
from typing import Any, Dict, Generic, List, Optional, Tuple, Type, TypeVar

import keras
import tensorflow as tf

from tfaip.data.pipeline.definitions import Sample
from tfaip.errors import UsageError
from tfaip.model.graphbase import RootGraph
from tfaip.model.layerbase import TFAIPLayerBase
from tfaip.model.modelbaseparams import ModelBaseParams
from tfaip.model.named_values import NamedValues
from tfaip.params.generics import type_argument

AnyTensor = tf.Tensor | tf.Variable | keras.KerasTensor | keras.Variable
Tensors = Dict[str, Any]

TMP = TypeVar("TMP", bound=ModelBaseParams)

_LOSS_TOTAL = "loss/mean_epoch"


class ModelBase(Generic[TMP]):
    """Losses and metrics of a scenario: `class MyModel(ModelBase[MyModelParams])`.

    Override the hooks that start with an underscore, `pre_proc_targets` and `post_proc_targets`. Create Keras
    losses and metrics in the constructor and keep them in attributes or lists: metrics are found there,
    updated once per batch by the call in `_metric`, reset each epoch, and logged by their name. `inputs`,
    `targets` and `outputs` are dicts of batched tensors. During training and its validation `targets` also
    holds `step` and `epoch`, int64 of shape `(batch,)`.
    """

    @classmethod
    def params_cls(cls) -> Type[TMP]:
        """Return the bound class of the parameters."""
        return type_argument(cls, TMP)

    @classmethod
    def all_custom_objects(cls) -> Dict[str, type]:
        """Return the Keras classes by name that loading a model of this kind needs."""
        root = cls.root_graph_cls()
        return {**cls.base_custom_objects(), root.__name__: root}

    @classmethod
    def base_custom_objects(cls) -> Dict[str, type]:
        """Return the layers that the framework and the scenario define, by class name."""
        return {layer.__name__: layer for layer in _subclasses(TFAIPLayerBase)}

    @staticmethod
    def root_graph_cls() -> Type[RootGraph]:
        """Return the class of the root graph."""
        return RootGraph

    def __init__(self, params: TMP, **kwargs: Any):
        if kwargs:
            raise TypeError(
                f"`{type(self).__name__}` got constructor arguments that nobody took: {sorted(kwargs)}. "
                "Take them in its `__init__`, or remove them from `additional_model_kwargs` of the scenario."
            )
        self._params = params
        self.metrics: List[keras.metrics.Metric] = []
        self.values = NamedValues()

    @property
    def params(self) -> TMP:
        """The parameters of this model."""
        return self._params

    # ---- hooks

    def _loss(self, inputs: Tensors, targets: Tensors, outputs: Tensors) -> Tensors:
        """Return the losses by name, tensors of any shape; the mean of each is minimised. Override it."""
        raise NotImplementedError(
            f"`{type(self).__name__}` must override `_loss(inputs, targets, outputs)` "
            "and return a dict of loss name to tensor."
        )

    def _loss_weights(self) -> Optional[Dict[str, float]]:
        """Return the weight of each loss by name; a missing name weighs 1."""
        return None

    def _metric(self, inputs: Tensors, targets: Tensors, outputs: Tensors) -> List[Any]:
        """Return the results of calling the Keras metrics of this model."""
        return []

    def _best_logging_settings(self) -> Tuple[str, str]:
        """Return `"min"` or `"max"` and the log name that decides which model is the best."""
        return "min", _LOSS_TOTAL

    def _print_evaluate(self, sample: Sample, data: Any, print_fn: Callable[[str], None]) -> None:
        """Print one unbatched, post-processed sample in readable form."""

    def _export_graphs(self, inputs: Tensors, outputs: Tensors, targets: Tensors) -> Dict[str, keras.Model]:
        """Return the graphs to export by label; `"default"` is required."""
        return {"default": keras.Model(inputs=inputs, outputs=outputs)}

    def _sample_weights(self, inputs: Tensors, targets: Tensors) -> Tensors:
        """Deprecated: weigh in `_loss` instead."""
        return {}

    def _target_output_metric(self) -> List[Any]:
        """Deprecated: return metrics from `_metric` instead."""
        return []

    def pre_proc_targets(self, inputs: Tensors, targets: Tensors) -> Tensors:
        """Return the targets as the graph, the losses and the metrics want them, before outputs exist."""
        return targets

    def post_proc_targets(self, inputs: Tensors, targets: Tensors, outputs: Tensors) -> Tensors:
        """Return the targets for the losses and metrics once the outputs exist."""
        return targets

    def value(self, name: str, default: float) -> Any:
        """Return a number that a policy of the training may change, for use in `_loss` and `_loss_weights`.

        Args:
            name: The name of the policy.
            default: The number if there is no such policy, and outside of a training.

        Returns:
            A scalar float32 tensor, or `default`.
        """
        return self.values.read(name, default)

    # ---- what the framework calls

    def loss(self, inputs: Tensors, targets: Tensors, outputs: Tensors) -> Tensors:
        """Return `_loss`, checked."""
        losses = self._loss(inputs, targets, outputs)
        if not isinstance(losses, dict) or not losses:
            raise UsageError(
                f"`_loss` of `{type(self).__name__}` must return a dict of loss name to tensor with at least "
                f"one entry, got {_describe(losses)}."
            )
        for name, value in losses.items():
            if not tf.as_dtype(value.dtype).is_floating:
                raise UsageError(
                    f"The loss `{name}` of `{type(self).__name__}` must be a float tensor, "
                    f"got {_describe(value)}. Cast it in `_loss`."
                )
        if self._sample_weights(inputs, targets):
            raise UsageError(
                f"`_sample_weights` of `{type(self).__name__}` is no longer used. "
                "Multiply the loss by the weights in `_loss`."
            )
        return losses

    def loss_weights(self) -> Dict[str, float]:
        """Return `_loss_weights`; a name that is missing in it weighs 1."""
        return dict(self._loss_weights() or {})

    def metric(self, inputs: Tensors, targets: Tensors, outputs: Tensors) -> List[Any]:
        """Return `_metric`, checked."""
        results = self._metric(inputs, targets, outputs)
        if not isinstance(results, (list, tuple)):
            raise UsageError(
                f"`_metric` of `{type(self).__name__}` must return a list with the results of called Keras "
                f"metrics, got {_describe(results)}."
            )
        return list(results)

    def sample_weights(self, inputs: Tensors, targets: Tensors) -> Tensors:
        """Return `_sample_weights` (deprecated)."""
        return self._sample_weights(inputs, targets)

    def best_logging_settings(self) -> Tuple[str, str]:
        """Return `_best_logging_settings`, checked."""
        mode, monitor = self._best_logging_settings()
        if mode not in ("min", "max"):
            raise UsageError(
                f"`_best_logging_settings` of `{type(self).__name__}` must return 'min' or 'max' first, "
                f"got {mode!r}."
            )
        return mode, monitor

    def print_evaluate(
        self,
        sample: Sample,
        data: Any,
        print_fn: Callable[[str], None] = print,
    ) -> None:
        """Print one evaluated sample by `_print_evaluate`."""
        self._print_evaluate(sample, data, print_fn)

    def export_graphs(self, inputs: Tensors, outputs: Tensors, targets: Tensors) -> Dict[str, keras.Model]:
        """Return `_export_graphs`, which must hold `"default"`."""
        graphs = self._export_graphs(inputs, outputs, targets)
        if "default" not in graphs:
            raise KeyError(
                f"`_export_graphs` of `{type(self).__name__}` must return a graph labelled `default`, "
                f"got {sorted(graphs)}."
            )
        return graphs

    def keras_metrics(self) -> List[keras.metrics.Metric]:
        """Return the Keras metrics in the attributes of this model, also in lists, tuples and dicts."""
        unique = {id(metric): metric for metric in _metrics_in(vars(self))}
        return list(unique.values())


def _metrics_in(value: Any) -> Iterator[keras.metrics.Metric]:
    if isinstance(value, keras.metrics.Metric):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _metrics_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _metrics_in(item)


def _subclasses(cls: type) -> Iterator[type]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def _describe(value: Any) -> str:
    return f"{type(value).__name__} {value!r}"[:200]
