"""An exported graph with the losses and metrics of its model: labelled batches in, numbers out."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfaip.model.fit_loop import Logs, to_numbers
from tfaip.model.layerbase import feed_tensorboard_writers
from tfaip.model.metric_books import (
    KERAS_LOSS,
    TOTAL_LOSS,
    BatchLosses,
    CalledMetrics,
    MetricBooks,
    batch_losses,
    batch_size,
    trace,
    weighted_sum,
)
from tfaip.model.modelbase import ModelBase, Tensors
from tfaip.model.tensorboardwriter import TensorboardWriterInterface

logger = logging.getLogger(__name__)

Graph = Callable[[Tensors], Tensors]


@dataclass
class ValidatedBatch:
    """A batch with what became of it, as NumPy arrays by name.

    Fields: `losses` hold one value for each sample, or are empty if they were not asked for.
    """

    inputs: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]
    outputs: dict[str, Any]
    meta: dict[str, np.ndarray]
    losses: dict[str, np.ndarray]

    @property
    def num_samples(self) -> int:
        """The number of samples."""
        return len(next(iter(self.inputs.values())))


class LavModel:
    """Sums up the losses and metrics of `model` over batches that `graph` predicts.

    Each loss is logged by its name as the mean over all samples, their weighted sum as `loss/mean_epoch`.
    There is no `loss`: the layers' own losses, which it has in training, are no part of an exported graph.
    """

    def __init__(
        self,
        graph: Graph,
        model: ModelBase[Any],
        specs: tuple[Any, Any, Any],
        *,
        writers: Sequence[TensorboardWriterInterface] = (),
        run_eagerly: bool = False,
    ) -> None:
        """Trace losses and metrics once, symbolically.

        Args:
            graph: From batched inputs to batched outputs, both by name.
            model: Defines the losses and metrics; no other model may use its metrics meanwhile.
            specs: `tf.TensorSpec`s with batch axis in the structure of a batch.
            writers: What layers of the graph show in TensorBoard only.
            run_eagerly: Run in Python, so that a debugger stops in losses and metrics; much slower.

        Raises:
            UsageError: A mistake in the losses or metrics, with its file and line.
        """
        self._graph = graph
        self._model = model
        self._specs = specs
        self._writers = list(writers)
        self._run_eagerly = run_eagerly
        self._has_losses = True
        self._books = MetricBooks()
        self._open_books()
        self._step = self._compiled(self._validate)
        self._step_with_losses = self._compiled(self._validate_each)

    def reset(self) -> None:
        """Start to count anew."""
        self._books.reset()

    def validate(self, batch: Any, *, with_losses: bool = False) -> ValidatedBatch:
        """Add a batch to the numbers.

        Args:
            batch: Inputs, targets and meta data, dicts of batched arrays or tensors.
            with_losses: Also return the losses of each sample; a loss that the model does not give sample by
                sample is computed on each sample alone.
        """
        run = self._step_with_losses if with_losses else self._step
        inputs, targets, outputs, losses = tf.nest.map_structure(np.asarray, run(batch))
        return ValidatedBatch(inputs, targets, outputs, tf.nest.map_structure(np.asarray, batch[2]), losses)

    @property
    def sample_count(self) -> int:
        """Samples since `reset`."""
        return int(self._books.sample_count.numpy())

    def results(self) -> Logs:
        """Return losses and metrics of all samples since `reset`, by name."""
        return to_numbers(self._books.results())

    def writer_values(self) -> Logs:
        """Return what the layers show in TensorBoard, by the names of the writers."""
        return {writer.name: np.asarray(writer.result()) for writer in self._writers if writer.has_value()}

    def _open_books(self) -> None:
        recorder = CalledMetrics(self._model.keras_metrics())
        loss_names: dict[str, None] = {}

        def evaluate(batch: Any) -> None:
            with recorder:
                loss_names.update(dict.fromkeys(self._evaluate(batch)[-1]))

        trace(evaluate, self._specs)
        self._books.open(list(loss_names), recorder.called)

    def _compiled(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        if self._run_eagerly:
            return lambda batch: function(tf.nest.map_structure(tf.convert_to_tensor, batch))
        # One trace for batches of any size.
        return tf.function(function, input_signature=[self._specs], autograph=False)

    def _validate(self, batch: Any) -> tuple[Tensors, Tensors, Tensors, Tensors]:
        inputs, targets, outputs, _, losses = self._evaluate(batch)
        self._books.add(losses, batch_size(inputs))
        return inputs, targets, outputs, {}

    def _validate_each(self, batch: Any) -> tuple[Tensors, Tensors, Tensors, Tensors]:
        inputs, targets, outputs, final_targets, losses = self._evaluate(batch)
        self._books.add(losses, batch_size(inputs))
        each = sample_losses(self._model, inputs, final_targets, outputs) if self._has_losses else {}
        return inputs, targets, outputs, each

    def _evaluate(self, batch: Any) -> tuple[Tensors, Tensors, Tensors, Tensors, Tensors]:
        """Run graph, losses and metrics; return the parts of the batch and the means of the losses."""
        inputs, targets, _ = batch
        with feed_tensorboard_writers():
            outputs = self._graph(inputs)
        targets = self._model.pre_proc_targets(inputs, dict(targets))
        final_targets = self._model.post_proc_targets(inputs, dict(targets), outputs)
        losses = self._losses(inputs, final_targets, outputs)
        self._model.metric(inputs, final_targets, outputs)
        return inputs, targets, outputs, final_targets, losses

    def _losses(self, inputs: Tensors, targets: Tensors, outputs: Tensors) -> Tensors:
        if not self._has_losses:
            return {}
        try:
            losses: BatchLosses = batch_losses(self._model, inputs, targets, outputs)
        except KeyError as error:
            if error.args and any(error.args[0] in part for part in (inputs, targets, outputs)):
                raise
            self._has_losses = False
            _warn_of_missing_losses(self._model, error, targets, outputs)
            return {}
        return {TOTAL_LOSS: losses.weighted, **losses.means}


def sample_losses(model: ModelBase[Any], inputs: Tensors, targets: Tensors, outputs: Tensors) -> Tensors:
    """Return the losses `(N,)` of each sample by name, and their weighted sum as `loss`.

    The mean of each over the batch is what `batch_losses` gives.
    """
    size = batch_size(inputs)
    losses = model.loss(inputs, targets, outputs)
    alone = [name for name, loss in losses.items() if not _has_batch_axis(loss, size)]
    each = {
        name: tf.reduce_mean(tf.reshape(tf.cast(loss, tf.float32), [size, -1]), axis=1)
        for name, loss in losses.items()
        if name not in alone
    }
    if alone:
        each.update(_losses_alone(model, alone, inputs, targets, outputs))
    return {KERAS_LOSS: weighted_sum(model, each), **each}


def _has_batch_axis(loss: Any, size: Any) -> bool:
    """Return whether a loss has one entry, or more, for each sample, as far as its shape says."""
    if tf.executing_eagerly():
        return loss.shape.rank > 0 and loss.shape[0] == int(size)
    return loss.shape.rank != 0 and (loss.shape.rank is None or loss.shape[0] is None)


def _losses_alone(
    model: ModelBase[Any], names: list[str], inputs: Tensors, targets: Tensors, outputs: Tensors
) -> Tensors:
    """Return the named losses, computed on batches of one sample."""

    def of_sample(i: Any) -> Tensors:
        one = [tf.nest.map_structure(lambda x: x[i : i + 1], part) for part in (inputs, targets, outputs)]
        losses = model.loss(*one)
        return {name: tf.reduce_mean(tf.cast(losses[name], tf.float32)) for name in names}

    signature: Any = dict.fromkeys(names, tf.TensorSpec([], tf.float32))
    return tf.map_fn(of_sample, tf.range(batch_size(inputs)), fn_output_signature=signature)


def _warn_of_missing_losses(
    model: ModelBase[Any], error: KeyError, targets: Tensors, outputs: Tensors
) -> None:
    logger.warning(
        "The losses of `%s` are left out: `_loss` needs %s, but the exported graph gives %s, and the targets "
        "are %s. Return it from `_export_graphs` to have them.",
        type(model).__name__,
        f"`{error.args[0]}`" if error.args else "more",
        sorted(outputs),
        sorted(targets),
    )
