"""The Keras model that trains a graph: from a batch to outputs, losses, gradients and metrics."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfaip.model import fit_loop
from tfaip.model.finite import FiniteWeights
from tfaip.model.fit_plan import FitPlan
from tfaip.model.gradient_accumulation import GradientAccumulation
from tfaip.model.graphbase import RootGraph
from tfaip.model.input_gradient import InputGradientPenalty
from tfaip.model.layerbase import feed_tensorboard_writers
from tfaip.model.metric_books import (
    KERAS_LOSS,
    TOTAL_LOSS,
    BatchLosses,
    CalledMetrics,
    MetricBooks,
    batch_losses,
    batch_size,
    losses_and_metrics,
    trace,
)
from tfaip.model.modelbase import Tensors
from tfaip.model.named_values import NamedValues
from tfaip.model.precision import in_float32, loss_scale
from tfaip.model.step_functions import TrainedSteps, test_steps_function, train_steps_function
from tfaip.model.step_guard import StepGuard
from tfaip.model.step_timing import StepTiming
from tfaip.model.stop_request import StopRequest
from tfaip.model.tensorboardwriter import TensorboardWriterInterface
from tfaip.model.weight_average import JudgedWeights


@dataclass
class EvaluatedBatch:
    """What one batch became: tensors, and the losses by the names under which they are logged."""

    inputs: Tensors
    targets: Tensors
    outputs: Tensors
    losses: dict[str, tf.Tensor]
    total_loss: tf.Tensor


class TrainingModel(keras.Model):
    """Trains `root`: one step is graph, losses, gradients, weights, metrics.

    Batches are `(inputs, targets, meta)`, dicts of tensors. Losses are logged by name as the mean over all
    samples, their weighted sum as `loss/mean_epoch`, and that plus the layers' own losses as `loss`. A step
    whose loss or gradient is not finite changes no weight; `guard` knows of it.

    Fields: `batches_read` is the number of batches that `fit` has trained on; `epoch_start` is for logs.
    """

    def __init__(self, root: RootGraph, name: str = "training"):
        super().__init__(name=name)
        self.root = root
        self.values: NamedValues = root.model.values
        self.steps_per_epoch = 1
        self.batches_read = 0
        self.epoch_start: Any = None
        self.timing: StepTiming | None = None
        self._trained_ids: frozenset[int] = frozenset()
        self.weight_average: JudgedWeights | None = None
        self.accumulation: GradientAccumulation | None = None
        self.input_gradient: InputGradientPenalty | None = None
        self.guard = StepGuard()
        self._books = MetricBooks()
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
        recorder = CalledMetrics(self.root.model.keras_metrics())
        loss_names: dict[str, None] = {}

        def evaluate(batch: Any) -> None:
            with recorder:
                evaluated = self._evaluate(batch, training=True)
            loss_names.update(dict.fromkeys(evaluated.losses))

        trace(evaluate, specs)
        self._books.open(list(loss_names), recorder.called)
        self.built = True

    def prepare_optimizer(self, steps_per_epoch: int = 1) -> None:
        """Create the optimizer's variables; from here on the set of trained weights is fixed.

        Layers may be frozen for a while afterwards: their weights keep their place in `trained_variables`, in
        the optimizer and in checkpoints, but have no gradients.
        """
        self.steps_per_epoch = max(steps_per_epoch, 1)
        # Not a list of variables: Keras would make them the model's own.
        self._trained_ids = frozenset(map(id, self.trainable_variables))
        self.optimizer.build(self.trained_variables)
        self._finite = FiniteWeights(self.root.weights)

    @property
    def trained_variables(self) -> list[keras.Variable]:
        """The variables that the training changes, also those whose layers are frozen at the moment."""
        return [variable for variable in self.root.variables if id(variable) in self._trained_ids]

    def retrace_training(self) -> None:
        """Trace the training step anew, to be called after layers were frozen or unfrozen."""
        self._train_steps = None

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
            evaluated, objective = self._objective(data, tape)
            loss = self.optimizer.scale_loss(objective)
        gradients = self._gradients(tape, loss)
        is_finite = self.guard.note(evaluated.total_loss, gradients, loss_scale(self.optimizer))
        num_samples = batch_size(evaluated.inputs)
        tf.cond(is_finite, lambda: self._apply_gradients(gradients, num_samples), lambda: None)
        self._add(evaluated)
        return evaluated.total_loss

    def _gradients(self, tape: tf.GradientTape, loss: tf.Tensor) -> list[Any]:
        """Return one gradient for each of the trained variables; `None` while its layer is frozen."""
        active = self.trainable_variables
        found = dict(zip(map(id, active), tape.gradient(loss, active), strict=True))
        return [found.get(id(variable)) for variable in self.trained_variables]

    def _apply_gradients(self, gradients: list[Any], num_samples: tf.Tensor) -> None:
        if self.accumulation is None:
            self._update_weights(gradients)
        else:
            self.accumulation.add(gradients, num_samples, self._update_weights)

    def _update_weights(self, gradients: list[Any]) -> None:
        before = tf.convert_to_tensor(self.optimizer.iterations)
        active = {id(variable) for variable in self.trainable_variables}
        pairs = zip(gradients, self.trained_variables, strict=True)
        self.optimizer.apply_gradients([(g, v) for g, v in pairs if id(v) in active])
        if self.weight_average is not None:
            after = tf.convert_to_tensor(self.optimizer.iterations)
            self.weight_average.update(after > before)

    def _test_on(self, data: Any) -> EvaluatedBatch:
        evaluated = self._evaluate(data, training=False)
        self._add(evaluated)
        return evaluated

    def _add(self, evaluated: EvaluatedBatch) -> None:
        self._books.add(evaluated.losses, batch_size(evaluated.inputs))

    def _objective(self, data: Any, tape: tf.GradientTape) -> tuple[EvaluatedBatch, tf.Tensor]:
        """Return what a batch became, and what is minimised."""
        if self.input_gradient is None:
            evaluated = self._evaluate(data, training=True)
            return evaluated, evaluated.total_loss
        inputs, targets, meta = data
        return self.input_gradient.add_to(
            tape,
            inputs,
            self.root.non_trainable_variables,
            first_pass=lambda: self._evaluate(data, training=True),
            loss_of=lambda moved: self._loss_alone((moved, targets, meta)),
        )

    def _loss_alone(self, data: Any) -> tf.Tensor:
        """Return the total loss of a batch; no metric changes, and layers show nothing."""
        inputs, targets, _ = data
        model = self.root.model
        targets = self.root.pre_proc_targets(inputs, {**targets, **self._clock(inputs)})
        outputs = in_float32(self.root.train(inputs, targets, training=True))
        final_targets = model.post_proc_targets(inputs, targets, outputs)
        return self._total(batch_losses(model, inputs, final_targets, outputs))

    def _total(self, losses: BatchLosses) -> tf.Tensor:
        return tf.add_n([losses.weighted, *(tf.cast(x, tf.float32) for x in self.root.losses)])

    def _evaluate(self, data: Any, *, training: bool) -> EvaluatedBatch:
        """Run graph, losses and metrics; the metrics are updated by being called."""
        inputs, targets, _ = data
        model = self.root.model
        with feed_tensorboard_writers():
            targets = self.root.pre_proc_targets(inputs, {**targets, **self._clock(inputs)})
            outputs = in_float32(self.root.train(inputs, targets, training=training))
            losses = losses_and_metrics(model, inputs, targets, outputs)
        total = self._total(losses)
        # A loss called `loss` takes the place of the total of that name.
        named = {KERAS_LOSS: total, TOTAL_LOSS: losses.weighted, **losses.means}
        return EvaluatedBatch(inputs, targets, outputs, named, total)

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
    def spoiled_weights(self) -> list[str]:
        """The names of the weights in which there is a NaN or an infinity that was not there at first."""
        weights = self.root.weights
        return self._finite.spoiled([weight.path for weight in weights], weights)

    @property
    def tensorboard_writers(self) -> list[TensorboardWriterInterface]:
        """The writers of layers that have stored a value."""
        found = [m for m in self.root.metrics if isinstance(m, TensorboardWriterInterface)]
        return [writer for writer in found if writer.has_value()]

    @property
    def sample_count(self) -> int:
        """Samples seen since the metrics were reset."""
        return int(self._books.sample_count.numpy())

    @property
    def metric_variables(self) -> list[Any]:
        """What the metrics have counted so far, the number of samples included."""
        return self._books.variables

    def metric_values(self) -> list[np.ndarray]:
        """Return what the metrics have counted so far, to be set again later."""
        return [np.asarray(variable) for variable in self.metric_variables]

    def set_metric_values(self, values: Sequence[np.ndarray]) -> None:
        """Let the metrics go on from `values`."""
        for variable, value in zip(self.metric_variables, values, strict=True):
            variable.assign(value)

    def reset_metrics(self) -> None:
        """Start counting anew."""
        self._books.reset()

    # ---- many batches

    def run_train_steps(self, iterator: Any, n: int) -> TrainedSteps:
        """Train on the next `n` batches, fewer if one of them must end the training."""
        if self._train_steps is None:
            is_plain = type(self).train_step is TrainingModel.train_step
            self._train_steps = train_steps_function(
                self._train_on if is_plain else self.train_step,
                self.get_metrics_result if is_plain else None,
                self._may_go_on,
                eager=self.run_eagerly,
                jit_compile=self.jit_compile,
                timing=self.timing,
            )
        self.values.prepare(n)
        return self._train_steps(iterator, n)

    def _may_go_on(self) -> tf.Tensor:
        return self.guard.may_go_on(is_scaled=loss_scale(self.optimizer) is not None)

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

    def evaluate_alone(self, batch: Any) -> dict[str, Any]:
        """Return the metrics of one batch, and leave those of the phase that runs as they are."""
        kept = self.metric_values()
        self.reset_metrics()
        self.evaluate_batch(batch)
        logs = fit_loop.to_numbers(self.get_metrics_result())
        self.set_metric_values(kept)
        return logs

    def fit(  # type: ignore[override]
        self,
        x: Iterable[Any],
        *,
        callbacks: Sequence[keras.callbacks.Callback],
        validation: Iterable[Any] | None = None,
        steps_per_execution: int = 0,
        stop_request: StopRequest | None = None,
        **plan: Any,
    ) -> fit_loop.Logs:
        """Train on the dataset `x`; see `fit_loop.fit` and `FitPlan` for the arguments."""
        return fit_loop.fit(
            self,
            x,
            FitPlan(**plan),
            callbacks=callbacks,
            validation=validation,
            steps_per_execution=steps_per_execution,
            stop_request=stop_request,
        )
