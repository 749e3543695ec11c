"""The Keras model that trains a graph: from a batch to outputs, losses, gradients and metrics."""

import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfaip.errors import TfaipError, UsageError
from tfaip.model import fit_loop
from tfaip.model.graphbase import RootGraph
from tfaip.model.layerbase import feed_tensorboard_writers
from tfaip.model.modelbase import Tensors
from tfaip.model.step_functions import test_steps_function, train_steps_function
from tfaip.model.tensorboardwriter import TensorboardWriterInterface
from tfaip.model.weight_average import WeightAverage

TOTAL_LOSS = "loss/mean_epoch"
KERAS_LOSS = "loss"
_LIBRARIES = ("keras", "tensorflow", "tfaip")


@dataclass
class EvaluatedBatch:
    """What one batch became: tensors, and the losses of which the first two are logged for all models."""

    inputs: Tensors
    targets: Tensors
    outputs: Tensors
    losses: dict[str, tf.Tensor]
    weighted_loss: tf.Tensor
    total_loss: tf.Tensor


class TrainingModel(keras.Model):
    """Trains `root`: one step is graph, losses, gradients, weights, metrics.

    Batches are `(inputs, targets, meta)`, dicts of tensors. Losses are logged by name as the mean over all
    samples, their weighted sum as `loss/mean_epoch`, and that plus the layers' own losses as `loss`.
    """

    def __init__(self, root: RootGraph, name: str = "training"):
        super().__init__(name=name)
        self.root = root
        self.steps_per_epoch = 1
        self.weight_average: WeightAverage | None = None
        self._books = _MetricBooks()
        self._train_steps: Any = None
        self._test_steps: Any = None
        self._evaluate_one: Any = None

    # ---- building

    def trace_graph(self, specs: tuple[Any, Any, Any]) -> None:
        """Trace the training graph, losses and metrics once, symbolically, so that all variables exist.

        Args:
            specs: `tf.TensorSpec`s with batch axis in the structure of a batch.

        Raises:
            UsageError: A mistake in the scenario's graph, losses or metrics, with its file and line.
        """
        model = self.root.model
        recorder = _CalledMetrics(model.keras_metrics())
        loss_names: dict[str, None] = {}

        def trace(batch: Any) -> None:
            with recorder:
                evaluated = self._evaluate(batch, training=True)
            loss_names.update(dict.fromkeys(evaluated.losses))

        try:
            tf.function(trace, autograph=False).get_concrete_function(specs)
        except TfaipError:
            raise
        except Exception as error:
            raise UsageError(_describe_graph_error(self.root, error)) from error
        self._books.open(list(loss_names), recorder.called)
        _check_loss_weights(model, self._books.loss_names)
        self.built = True

    def prepare_optimizer(self, steps_per_epoch: int = 1) -> None:
        """Create the optimizer's variables; from here on the set of trained weights is fixed."""
        self.steps_per_epoch = max(steps_per_epoch, 1)
        self.optimizer.build(self.trainable_variables)

    # ---- one batch

    def train_step(self, data: Any) -> dict[str, Any]:
        """Update the weights by one batch and return the metrics so far."""
        self._train_on(data)
        return self.get_metrics_result()

    def test_step(self, data: Any) -> dict[str, Any]:
        """Evaluate one batch and return the metrics so far."""
        self._test_on(data)
        return self.get_metrics_result()

    def _train_on(self, data: Any) -> tf.Tensor:
        with tf.GradientTape() as tape:
            evaluated = self._evaluate(data, training=True)
            loss = self.optimizer.scale_loss(evaluated.total_loss)
        self._apply_gradients(tape.gradient(loss, self.trainable_variables))
        self._books.add(evaluated)
        return evaluated.total_loss

    def _apply_gradients(self, gradients: list[Any]) -> None:
        before = tf.convert_to_tensor(self.optimizer.iterations)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        if self.weight_average is not None:
            after = tf.convert_to_tensor(self.optimizer.iterations)
            self.weight_average.update(after > before)

    def _test_on(self, data: Any) -> EvaluatedBatch:
        evaluated = self._evaluate(data, training=False)
        self._books.add(evaluated)
        return evaluated

    def _evaluate(self, data: Any, *, training: bool) -> EvaluatedBatch:
        """Run graph, losses and metrics; the metrics are updated by being called."""
        inputs, targets, _ = data
        model = self.root.model
        with feed_tensorboard_writers():
            targets = self.root.pre_proc_targets(inputs, {**targets, **self._clock(inputs)})
            outputs = self.root.train(inputs, targets, training=training)
            final_targets = model.post_proc_targets(inputs, targets, outputs)
            losses = model.loss(inputs, final_targets, outputs)
            model.metric(inputs, final_targets, outputs)
        means = {name: tf.reduce_mean(tf.cast(loss, tf.float32)) for name, loss in losses.items()}
        weights = model.loss_weights()
        weighted = tf.add_n([mean * weights.get(name, 1.0) for name, mean in means.items()])
        total = tf.add_n([weighted, *(tf.cast(x, tf.float32) for x in self.root.losses)])
        return EvaluatedBatch(inputs, targets, outputs, means, weighted, total)

    def _clock(self, inputs: Tensors) -> Tensors:
        """Return the update count and the epoch, one entry per sample, for losses that follow them."""
        iterations = self.optimizer.iterations if self.compiled else 0
        step = tf.cast(tf.convert_to_tensor(iterations), tf.int64)
        shape = [batch_size(inputs)]
        return {"step": tf.fill(shape, step), "epoch": tf.fill(shape, step // self.steps_per_epoch)}

    # ---- metrics

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The metrics that are logged, each once."""
        return self._books.metrics

    @property
    def tensorboard_writers(self) -> list[TensorboardWriterInterface]:
        """The writers of layers that have stored a value."""
        found = [m for m in self.root.metrics if isinstance(m, TensorboardWriterInterface)]
        return [writer for writer in found if writer.has_value()]

    @property
    def sample_count(self) -> int:
        """Samples seen since the metrics were reset."""
        return int(self._books.sample_count.numpy())

    def reset_metrics(self) -> None:
        """Start counting anew."""
        super().reset_metrics()
        self._books.sample_count.assign(0)

    # ---- many batches

    def run_train_steps(self, iterator: Any, n: int) -> dict[str, Any]:
        """Train on the next `n` batches and return the metrics so far."""
        if self._train_steps is None:
            is_plain = type(self).train_step is TrainingModel.train_step
            self._train_steps = train_steps_function(
                self._train_on if is_plain else self.train_step,
                self.get_metrics_result if is_plain else None,
                eager=self.run_eagerly,
                jit_compile=self.jit_compile,
            )
        return self._train_steps(iterator, n)

    def run_test_steps(self, iterator: Any, n: int) -> tuple[int, dict[str, Any]]:
        """Evaluate up to `n` batches; return how many there were, and the metrics so far."""
        if self._test_steps is None:
            self._test_steps = test_steps_function(
                self.test_step,
                self.get_metrics_result,
                eager=self.run_eagerly,
                jit_compile=self.jit_compile,
            )
        return self._test_steps(iterator, n)

    def evaluate_batch(self, batch: Any) -> tuple[Any, Any, Any, Any]:
        """Evaluate one batch, and return its inputs, targets, outputs and meta as NumPy arrays."""
        if self._evaluate_one is None:

            def run(data: Any) -> tuple[Any, Any, Any]:
                evaluated = self._test_on(data)
                return evaluated.inputs, evaluated.targets, evaluated.outputs

            is_eager = self.run_eagerly
            self._evaluate_one = run if is_eager else tf.function(run, autograph=False)
        inputs, targets, outputs = self._evaluate_one(batch)
        return tuple(tf.nest.map_structure(np.asarray, x) for x in (inputs, targets, outputs, batch[2]))  # type: ignore[return-value]

    def fit(self, x: Iterable[Any], **kwargs: Any) -> fit_loop.Logs:  # type: ignore[override]
        """Train on the dataset `x`; see `fit_loop.fit` for the arguments and the returned logs."""
        return fit_loop.fit(self, x, **kwargs)


class _MetricBooks:
    """The metrics that are logged: means of the losses, the model's own, and a count of samples."""

    def __init__(self) -> None:
        self.loss_names: list[str] = []
        self.metrics: list[keras.metrics.Metric] = []
        self._means: dict[str, keras.metrics.Mean] = {}
        self.sample_count = tf.Variable(tf.constant(0, tf.int64), trainable=False, name="sample_count")

    def open(self, loss_names: list[str], metrics: list[keras.metrics.Metric]) -> None:
        """Create one mean per loss; a loss called `loss` takes the place of the total of that name."""
        self.loss_names = loss_names
        names = dict.fromkeys([KERAS_LOSS, TOTAL_LOSS, *loss_names])
        self._means = {name: keras.metrics.Mean(name=name) for name in names}
        self.metrics = [*self._means.values(), *metrics]

    def add(self, evaluated: EvaluatedBatch) -> None:
        """Add the losses of one batch, weighted by its number of samples."""
        size = batch_size(evaluated.inputs)
        values = {
            KERAS_LOSS: evaluated.total_loss,
            TOTAL_LOSS: evaluated.weighted_loss,
            **evaluated.losses,
        }
        for name, value in values.items():
            self._means[name].update_state(value, sample_weight=tf.cast(size, tf.float32))
        self.sample_count.assign_add(tf.cast(size, tf.int64))


class _CalledMetrics:
    """A block that notes which of some metrics are updated in it: those are what the model logs."""

    def __init__(self, metrics: list[keras.metrics.Metric]):
        self._metrics = metrics
        self.called: list[keras.metrics.Metric] = []

    def __enter__(self) -> "_CalledMetrics":
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


def batch_size(inputs: Tensors) -> tf.Tensor:
    """Return the number of samples in a batch, a scalar int32 tensor."""
    return tf.shape(next(iter(inputs.values())))[0]


def _check_loss_weights(model: Any, loss_names: list[str]) -> None:
    unknown = sorted(set(model.loss_weights()) - set(loss_names))
    if unknown:
        raise UsageError(
            f"`_loss_weights` of `{type(model).__name__}` names {unknown}, but `_loss` returns {loss_names}. "
            "Use the names that `_loss` returns."
        )


def _describe_graph_error(root: RootGraph, error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    users = [f for f in frames if not _is_library(f.filename)]
    where = f"{users[-1].filename}, line {users[-1].lineno}" if users else "inside the libraries"
    text = " ".join(line.strip() for line in str(error).splitlines() if line.strip())
    return (
        f"The model does not fit its data specification ({where}): {type(error).__name__}: {text[:600]} "
        "Correct that line, or `_input_layer_specs` and `_target_layer_specs` of the data."
    )


def _is_library(filename: str) -> bool:
    parts = Path(filename).parts
    if "site-packages" in parts:
        return True
    return str(Path(__file__).parents[1]) in filename or filename.startswith("<")
