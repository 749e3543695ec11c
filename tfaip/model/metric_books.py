"""What is logged for a model: its losses by name and the metrics that it calls."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfaip.errors import TfaipError, UsageError
from tfaip.model.modelbase import ModelBase, Tensors

TOTAL_LOSS = "loss/mean_epoch"
KERAS_LOSS = "loss"


@dataclass
class BatchLosses:
    """The losses of a batch by name, means over its samples, and their weighted sum."""

    means: dict[str, tf.Tensor]
    weighted: tf.Tensor


def losses_and_metrics(
    model: ModelBase[Any], inputs: Tensors, targets: Tensors, outputs: Tensors
) -> BatchLosses:
    """Return the losses of a batch; the model's metrics are updated by being called.

    Args:
        model: What defines losses and metrics.
        inputs: Batched tensors by name.
        targets: Batched tensors by name, after `pre_proc_targets` of the model.
        outputs: Batched tensors by name.
    """
    final_targets = model.post_proc_targets(inputs, targets, outputs)
    losses = batch_losses(model, inputs, final_targets, outputs)
    model.metric(inputs, final_targets, outputs)
    return losses


def batch_losses(model: ModelBase[Any], inputs: Tensors, targets: Tensors, outputs: Tensors) -> BatchLosses:
    """Return the losses of a batch, for targets as the losses want them."""
    losses = model.loss(inputs, targets, outputs)
    means: Any = {name: tf.reduce_mean(tf.cast(loss, tf.float32)) for name, loss in losses.items()}
    return BatchLosses(means, weighted_sum(model, means))


def weighted_sum(model: ModelBase[Any], losses: Mapping[str, Any]) -> Any:
    """Return the sum of losses of any shape, each times its weight.

    Raises:
        UsageError: If there is a weight for a loss that does not exist.
    """
    weights = model.loss_weights()
    unknown = sorted(set(weights) - set(losses))
    if unknown:
        raise UsageError(
            f"`_loss_weights` of `{type(model).__name__}` names {unknown}, but `_loss` returns "
            f"{list(losses)}. Use the names that `_loss` returns."
        )
    return tf.add_n([loss * weights.get(name, 1.0) for name, loss in losses.items()])


class MetricBooks:
    """The metrics that are logged: means of the losses, the model's own, and a count of samples.

    Fields: `metrics` are all of them, each once; `sample_count` is a variable.
    """

    def __init__(self) -> None:
        self.metrics: list[keras.metrics.Metric] = []
        self._means: dict[str, keras.metrics.Mean] = {}
        self.sample_count = tf.Variable(tf.zeros([], tf.int64), trainable=False, name="sample_count")

    def open(self, loss_names: list[str], metrics: list[keras.metrics.Metric]) -> None:
        """Create one mean per loss; they come before the model's `metrics`."""
        # Sums of many float32 would lose the digits that a last partial batch changes.
        self._means = {name: keras.metrics.Mean(name=name, dtype="float64") for name in loss_names}
        self.metrics = [*self._means.values(), *metrics]

    def add(self, losses: Mapping[str, tf.Tensor], num_samples: tf.Tensor) -> None:
        """Add the losses of one batch, weighted by its number of samples."""
        weight = tf.cast(num_samples, tf.float64)
        for name, value in losses.items():
            self._means[name].update_state(tf.cast(value, tf.float64), sample_weight=weight)
        self.sample_count.assign_add(tf.cast(num_samples, tf.int64))

    def results(self) -> dict[str, Any]:
        """Return the value of each metric by name."""
        return {metric.name: metric.result() for metric in self.metrics}

    @property
    def variables(self) -> list[Any]:
        """All that has been counted so far."""
        return [*(v.value for metric in self.metrics for v in metric.variables), self.sample_count]

    def reset(self) -> None:
        """Start anew."""
        for metric in self.metrics:
            metric.reset_state()
        self.sample_count.assign(0)


class CalledMetrics:
    """A block that notes which of some metrics are updated in it: those are what the model logs."""

    def __init__(self, metrics: list[keras.metrics.Metric]):
        self._metrics = metrics
        self.called: list[keras.metrics.Metric] = []

    def __enter__(self) -> "CalledMetrics":
        for metric in self._metrics:
            metric.update_state = self._noting(metric, metric.update_state)
        return self

    def __exit__(self, *_: object) -> None:
        for metric in self._metrics:
            del metric.update_state

    def _noting(self, metric: keras.metrics.Metric, update_state: Any) -> Any:
        def update_and_note(*args: Any, **kwargs: Any) -> Any:
            if not any(metric is called for called in self.called):
                self.called.append(metric)
            return update_state(*args, **kwargs)

        return update_and_note


def trace(function: Callable[[Any], None], specs: Any) -> None:
    """Run `function` once on symbolic tensors, so that mistakes show and variables exist.

    Args:
        function: Takes a batch.
        specs: `tf.TensorSpec`s in the structure of a batch.

    Raises:
        UsageError: A mistake in the scenario's graph, losses or metrics, with its file and line.
    """
    try:
        tf.function(function, autograph=False).get_concrete_function(specs)
    except TfaipError:
        raise
    except Exception as error:
        raise UsageError(_describe(error)) from error


def batch_size(inputs: Tensors) -> tf.Tensor:
    """Return the number of samples in a batch, a scalar int32 tensor."""
    return tf.shape(next(iter(inputs.values())))[0]


def _describe(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    users = [f for f in frames if not is_library(f.filename)]
    where = f"{users[-1].filename}, line {users[-1].lineno}" if users else "inside the libraries"
    text = " ".join(line.strip() for line in str(error).splitlines() if line.strip())
    return (
        f"The model does not fit its data specification ({where}): {type(error).__name__}: {text[:600]} "
        "Correct that line, or `_input_layer_specs` and `_target_layer_specs` of the data."
    )


def is_library(filename: str) -> bool:
    """Return whether a file belongs to tfaip or to an installed package, not to the user."""
    parts = Path(filename).parts
    if "site-packages" in parts:
        return True
    return str(Path(__file__).parents[1]) in filename or filename.startswith("<")
