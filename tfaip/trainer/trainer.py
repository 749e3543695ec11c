"""The story of a training: `Trainer.train` is the page to read first."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Generic, List, Optional, Tuple, Type, TypeVar

import keras
import tensorflow as tf

from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.device.device_config import DeviceConfig, DistributionStrategy
from tfaip.errors import NonFiniteError, StoppedBySignal, StorageError, UsageError
from tfaip.model.gradient_accumulation import GradientAccumulation
from tfaip.model.precision import built_with, usable_policy, with_scaled_loss
from tfaip.model.stop_request import StopRequest, TrainingInterrupted
from tfaip.model.weight_average import JudgedWeights, WeightAverage, automatic_decay
from tfaip.params.generics import type_argument
from tfaip.scenario import params_files
from tfaip.scenario.freeze_rules import FreezeRule
from tfaip.scenario.freezing import TimedFreezing
from tfaip.trainer import checkpoints, run_folder, stop_signals
from tfaip.trainer.callback_order import callbacks_in_order
from tfaip.trainer.callback_states import collect_states, restore_states
from tfaip.trainer.callbacks.logger_callback import LoggerCallback
from tfaip.trainer.callbacks.step_checkpoints import StepCheckpointsCallback
from tfaip.trainer.callbacks.train_params_logger import TrainerCheckpointsCallback, commit_checkpoint
from tfaip.trainer.callbacks.validate_callback import ValidateCallback
from tfaip.trainer.epoch_start import EpochStart, epoch_start
from tfaip.trainer.epochs import steps_per_epoch
from tfaip.trainer.further_formats import FurtherFormats
from tfaip.trainer.optimizer.build import build_optimizer
from tfaip.trainer.optimizer.grouped import innermost
from tfaip.trainer.optimizer.schedule_free import ScheduleFreeAdamW, ScheduleFreeAverage
from tfaip.trainer.params import TrainerParams, check_outputs
from tfaip.trainer.run_info import write_run_info
from tfaip.trainer.run_lock import locked
from tfaip.trainer.scheduler.learningrate import LearningRateSchedule
from tfaip.trainer.seeds import make_deterministic, set_global_random_seed, what_repeats
from tfaip.trainer.state import BestState, TrainerState

if TYPE_CHECKING:
    from tfaip.data.data import DataBase
    from tfaip.data.pipeline.stream import BatchStream
    from tfaip.scenario.scenariobase import ScenarioBase

TTrainerParams = TypeVar("TTrainerParams", bound=TrainerParams)

Logs = Dict[str, Any]

logger = logging.getLogger(__name__)


class Trainer(Generic[TTrainerParams]):
    """Trains a scenario: data, model, weights, epochs, exports.

    Scenarios may override `setup_data`, `setup_callbacks`, `create_warmstarter` and `train` (and call
    `super()`). Nothing of the model exists before `train` builds it. `params` is the live state that
    scenarios read: `current_epoch`, `early_stopping`, `learning_rate.epochs` and `steps_per_epoch`,
    `saved_checkpoint_sub_dir`.
    """

    @classmethod
    def params_cls(cls) -> Type[TTrainerParams]:
        """Return the bound class of the params."""
        return type_argument(cls, TTrainerParams)

    @staticmethod
    def parse_trainer_params(
        d: Dict[str, Any] | str,
    ) -> "Tuple[TrainerParams, Type[ScenarioBase]]":
        """Return the trainer params and the scenario class in a dict, a JSON file, or a folder with one."""
        if isinstance(d, dict):
            return params_files.trainer_params_from_dict(d)
        return params_files.trainer_params_from_path(d)

    @classmethod
    def restore_trainer(cls, checkpoint: Dict[str, Any] | str) -> "Trainer":
        """Return a trainer that continues the training whose params `checkpoint` holds."""
        params, scenario_cls = cls.parse_trainer_params(checkpoint)
        return scenario_cls.create_trainer(params, restore=True)

    def __init__(self, params: TTrainerParams, scenario: "ScenarioBase", restore: bool = False):
        self._params = params
        self._scenario = scenario
        self._restore = restore or run_folder.goes_on(params)
        self._has_trained = False
        self._data: Optional[DataBase] = None
        self._steps_per_epoch: Optional[int] = None
        self._callbacks: List[keras.callbacks.Callback] = []
        self.validate_callbacks: List[keras.callbacks.Callback] = []
        self._stream: Optional[BatchStream] = None
        self._schedules: Mapping[str, LearningRateSchedule] = {}
        self._state = TrainerState(epoch=params.current_epoch)
        self.stop_request = StopRequest()
        self._check_params()
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = str(params.tf_cpp_min_log_level)
        self._seed(0)
        self.device_config = DeviceConfig(params.device)
        if params.deterministic:
            make_deterministic()
        self._policy = usable_policy(params.precision.value)
        scenario.params.id = _run_id(params)

    @property
    def params(self) -> TTrainerParams:
        """The live params of this training."""
        return self._params

    @property
    def scenario(self) -> "ScenarioBase":
        """The scenario that is trained."""
        return self._scenario

    @property
    def data(self) -> "DataBase":
        """The data of the scenario, after `setup_data`."""
        if self._data is None:
            raise ValueError("The trainer has no data yet: call `setup_data` before.")
        return self._data

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch, after `setup_steps_per_epoch`."""
        if self._steps_per_epoch is None:
            self.setup_steps_per_epoch()
        return self._steps_per_epoch or 0

    @property
    def steps_done(self) -> int:
        """Steps that are done, those of all epochs."""
        return self._params.current_epoch * self.steps_per_epoch + self.steps_into_epoch

    @property
    def steps_into_epoch(self) -> int:
        """Steps that are done of the epoch that is not."""
        return self._state.step if self._state.epoch == self._params.current_epoch else 0

    @property
    def schedules(self) -> Mapping[str, LearningRateSchedule]:
        """The learning-rate schedules by the names of their rates in logs, once the optimizer is built."""
        return self._schedules

    # ---- the story

    def train(
        self,
        callbacks: Optional[List[keras.callbacks.Callback]] = None,
        *,
        validate: Optional[Callable[[], Dict[str, Any]]] = None,
    ) -> Logs:
        """Train, write checkpoints and exports as the params say, and return the logs of the last epoch.

        The graph is traced before any data are read, so a mistake in it costs no time. `{}` is returned if no
        epoch was left to train.

        Args:
            callbacks: They come last, and see everything.
            validate: Called after each epoch; the numbers it returns are logged as `val/<name>`.
        """
        self.validate_callbacks = [] if validate is None else [ValidateCallback(validate)]
        with self._folder_kept(), self._signals_handled() as signals:
            return self._train(callbacks, signals)

    def _train(
        self, callbacks: Optional[List[keras.callbacks.Callback]], signals: stop_signals.StopSignals
    ) -> Logs:
        self.prepare()
        self._callbacks = self.setup_callbacks(self._optimizer, callbacks)
        restore_states(self._callbacks, self._state.callbacks)
        if self._is_finished:
            self._report_finished()
            return {}
        if not self._restore:
            run_folder.remove_overwritten(self._params)
        self._log_params()
        self._write_run_info()
        with signals.requesting(self.stop_request):
            logs = self.fit()
        signals.check()
        self._export_final()
        return logs

    # ---- its chapters

    def prepare(self) -> None:
        """Do what comes before the first step: open the data, build the model, fetch its weights."""
        self.setup_data()
        self.setup_model()
        self.setup_steps_per_epoch()
        self._open_pipelines()
        self._warmstart()
        self._compile()
        self._restore_state()
        self._freeze()

    def setup_data(self) -> None:
        """Create the data; a second call does nothing."""
        if self._data is None:
            self._data = self._scenario.data

    def setup_model(self) -> None:
        """Create model and graph and trace them; a second call does nothing."""
        if self._scenario.keras_train_model is None:
            self._seed(1)
            with self.device_config.scope(), built_with(self._policy):
                self._scenario.setup_training_graph(self._params.no_train_scope)

    def setup_steps_per_epoch(self) -> None:
        """Count the batches of an epoch anew, and tell the learning-rate schedule."""
        pipelines = self._params.gen.setup
        generator = self._training_pipeline().create_data_generator()
        self._steps_per_epoch = steps_per_epoch(
            generator,
            batch_size=1 if generator.yields_batches() else pipelines.train.batch_size,
            samples_per_epoch=self._params.samples_per_epoch,
            scale_epoch_size=self._params.scale_epoch_size,
        )
        self._params.learning_rate.epochs = self._params.epochs
        self._params.learning_rate.steps_per_epoch = self._steps_per_epoch

    def setup_callbacks(
        self,
        optimizer: keras.optimizers.Optimizer,
        callbacks: Optional[List[keras.callbacks.Callback]] = None,
    ) -> List[keras.callbacks.Callback]:
        """Return all callbacks in their order; those handed in come last. Override it to change them."""
        return callbacks_in_order(self, callbacks or [])

    def create_train_params_logger_callback(
        self, store_weights: bool, store_params: bool
    ) -> TrainerCheckpointsCallback:
        """Return a new callback that captures weights, or commits them with state and params."""
        writer = self._checkpoint_writer if self._params.write_checkpoints else None
        return TrainerCheckpointsCallback(
            self._params,
            store_weights=store_weights,
            store_params=store_params,
            writer=writer,
            state=self._state_after,
        )

    def create_step_checkpoints_callback(
        self, flushed: Sequence[Callable[[], None]] = ()
    ) -> StepCheckpointsCallback:
        """Return a new callback that saves within epochs, after each of `flushed` was called."""
        return StepCheckpointsCallback(
            self._params,
            state=self._state_at,
            save=self._save_at_step,
            restore=self._restore_within_epoch,
            flushed=flushed,
        )

    def create_warmstarter(self, **kwargs: Any) -> Any:
        """Return what fetches weights before a new training."""
        return self._params.warmstart.create(**kwargs)

    def fit(self) -> Logs:
        """Train from `params.current_epoch` to `params.epochs` and return the logs of the last epoch.

        It may be called again with exchanged data and callbacks; model, optimizer and averages go on.
        """
        params = self._params
        with self._checkpoint_named(), self._checkpoint_awaited(), self._open_stream() as batches:
            self._scenario.fit(
                epochs=params.epochs,
                callbacks=self._callbacks,
                steps_per_epoch=self.steps_per_epoch,
                initial_epoch=params.current_epoch,
                initial_step=self.steps_into_epoch,
                is_validation_left=self._state.is_validation_left,
                validation_freq=params.val_every_n,
                val_every_n_steps=params.val_every_n_steps,
                max_steps=params.max_steps,
                stop_request=self.stop_request,
                batches=batches,
                steps_per_execution=1 if params.profile else params.steps_per_execution,
            )
        logs = next((c.last_logs for c in self._callbacks if isinstance(c, LoggerCallback)), {})
        return dict(logs)

    # ---- what the chapters do

    @contextlib.contextmanager
    def _folder_kept(self) -> Iterator[None]:
        """Keep `output_dir` for this process, unless it is in use or holds another training."""
        if self._params.output_dir is None:
            yield
            return
        with locked(Path(self._params.output_dir)):
            if not self._restore and not self._has_trained:
                run_folder.refuse_used(self._params)
            self._has_trained = True
            yield

    @contextlib.contextmanager
    def _signals_handled(self) -> Iterator[stop_signals.StopSignals]:
        """Let signals stop the training, and say what is saved."""
        params = self._params
        with stop_signals.handled(params.grace_seconds, lambda: run_folder.leave_at_once(params)) as signals:
            try:
                yield signals
            except (TrainingInterrupted, KeyboardInterrupt) as error:
                if signals.number is None:
                    raise
                raise StoppedBySignal(signals.number, self._what_is_saved(error)) from error

    def _what_is_saved(self, error: BaseException) -> str:
        params, state = self._params, self._state
        if isinstance(error, TrainingInterrupted):
            epoch, step, what = error.epoch, error.step, "saved"
        else:
            epoch, step, what = state.epoch, state.step, "the last checkpoint is"
        if epoch == step == 0:
            return "nothing was trained yet. Start again."
        where = f"epoch {epoch + 1} step {step}" if step else f"epoch {epoch}"
        if params.output_dir is None or not params.write_checkpoints:
            return f"nothing is saved of {where}, as no checkpoints are written."
        return f"{what} {where}; resume with `{run_folder.resume_command(params.output_dir)}`."

    def _check_params(self) -> None:
        params = self._params
        check_outputs(params)
        if params.export_best is None:
            params.export_best = params.output_dir is not None
        if self._restore and params.output_dir is None:
            raise UsageError(
                "A training can only be resumed from its `--trainer.output_dir`, which is not set."
            )
        _refuse_what_is_missing(params)
        self._formats = FurtherFormats(params)
        if params.deterministic and params.random_seed is None:
            params.random_seed = 0
        logger.info("%s", what_repeats(params.random_seed, is_deterministic=params.deterministic))
        if params.output_dir is None:
            logger.info("Nothing is written: `--trainer.output_dir` is not set.")

    def _seed(self, offset: int) -> None:
        if self._params.random_seed is not None:
            set_global_random_seed(self._params.random_seed + offset)

    def _training_pipeline(self) -> Any:
        return self._params.gen.train_data(self.data)

    def _open_pipelines(self) -> None:
        """Create the pipelines of training and validation; the data keep them by mode."""
        self._training_pipeline()
        if PipelineMode.EVALUATION not in self.data._pipelines:  # a scenario may have put its own there
            self._params.gen.val_data(self.data)
        if self._params.preload_data:
            self.data.preload(progress_bar=self._params.preload_data_progress_bar)

    def _compile(self) -> None:
        """Give the model its optimizer and average, and build what is exported."""
        params = self._params
        with self.device_config.scope():
            variables = self._train_model.root.variables
            names = dict(zip(map(id, variables), checkpoints.canonical_names(variables), strict=True))
            built = build_optimizer(params, names)
            self._schedules = built.schedules
            self._optimizer = with_scaled_loss(built.optimizer, self._policy)
            self._scenario.setup_training(
                self._optimizer,
                skip_model_load_test=params.skip_model_load_test,
                run_eagerly=params.force_eager,
                jit_compile=params.jit_compile,
                no_train_scope=params.no_train_scope,
                steps_per_epoch=self.steps_per_epoch,
            )
            self._formats.check(self._scenario, self._scenario._export_graphs["default"])
        self._train_model.weight_average = self._own_average() or self._average()
        self._train_model.accumulation = self._accumulation()
        self._checkpoint_writer = checkpoints.CheckpointWriter(
            self._train_model,
            keep=params.keep,
            folders=lambda: run_folder.checkpoint_folders(params),
        )

    def _average(self) -> Optional[WeightAverage]:
        decay = self._params.ema_decay
        if decay == 0:
            return None
        if decay < 0:
            batch = self._params.gen.setup.train.batch_size
            decay = automatic_decay(batch, batch * self.steps_per_epoch)
            logger.info("Weights are averaged with the automatic decay %.5f.", decay)
        return WeightAverage(self._train_model.trainable_variables, decay)

    def _own_average(self) -> Optional[JudgedWeights]:
        """Return the averages of optimizers that average by themselves, if there are any."""
        found = [one for one in innermost(self._optimizer) if isinstance(one, ScheduleFreeAdamW)]
        if not found:
            return None
        if self._params.ema_decay != 0:
            raise UsageError(
                "`ScheduleFreeAdamW` averages the weights by itself: set `--trainer.ema_decay 0`, or choose "
                "another `--optimizer`."
            )
        return ScheduleFreeAverage(found)

    def _accumulation(self) -> Optional[GradientAccumulation]:
        num_batches = self._params.train_accum_steps
        if num_batches == 1:
            return None
        return GradientAccumulation(self._train_model.trained_variables, num_batches)

    @property
    def _train_model(self) -> Any:
        return self._scenario.keras_train_model

    def _warmstart(self) -> None:
        """Load weights of another training, before optimizer and averages copy any."""
        if self._restore:
            if self._params.warmstart.is_wanted:
                logger.warning("The warm start is ignored: the training is resumed from its own checkpoint.")
            return
        starter = self.create_warmstarter()
        with self.device_config.scope():
            self._scenario.setup_prediction_graph()
            custom_objects = self._scenario.model.all_custom_objects()
            starter.warmstart(self._scenario.keras_predict_model, custom_objects)

    def _restore_state(self) -> None:
        """Go on from the last checkpoint, if this is a resume."""
        if not self._restore:
            return
        params = self._params
        folder = Path(params.output_dir or ".") / params.saved_checkpoint_sub_dir
        restored = checkpoints.restore(self._train_model, folder)
        self._checkpoint_writer.run = restored.run or self._checkpoint_writer.run
        self._checkpoint_writer.damaged = restored.damaged
        self._state = restored.state
        self._check_same_epoch(self._state)
        params.current_epoch = self._state.epoch
        if self._state.epoch_start:
            self._train_model.epoch_start = EpochStart(**self._state.epoch_start)
        self._state.best.write(params.early_stopping)
        for name, state in self._state.schedules.items():
            if name in self._schedules:
                self._schedules[name].restore(state)
        where = f"{self._state.epoch}, step {self._state.step}" if self._state.step else self._state.epoch
        logger.info("Resumed after epoch %s from %s", where, restored.path)

    def _check_same_epoch(self, state: TrainerState) -> None:
        if state.step and state.steps_per_epoch != self.steps_per_epoch:
            raise UsageError(
                f"The checkpoint was written within an epoch of {state.steps_per_epoch} steps, now an epoch "
                f"has {self.steps_per_epoch}. Resume with the same data, `--train.batch_size` and "
                "`--trainer.samples_per_epoch`."
            )

    def _restore_within_epoch(self) -> None:
        """Give callbacks and policies what they had, after the start of the epoch was repeated to them."""
        restore_states(self._callbacks, self._state.callbacks)
        self._train_model.values.restore(self._train_model.epoch_start.policies)

    def _freeze(self) -> None:
        """Freeze the layers that wait for an epoch; the optimizer knows them already."""
        rules = [FreezeRule.parse(text) for text in self._params.freeze]
        self.freezing = TimedFreezing(self._scenario.root_graph, rules)
        self.freezing.apply(self._params.current_epoch)

    def _log_params(self) -> None:
        logger.info("Parameters of the training: %s", self._params.to_json(indent=2))  # type: ignore[attr-defined]

    def _write_run_info(self) -> None:
        if self._params.output_dir is None:
            return
        devices = [device.name for device in tf.config.get_visible_devices()]
        folder = Path(self._params.output_dir)
        write_run_info(folder, self._params, is_resumed=self._restore, devices=devices)

    @contextlib.contextmanager
    def _open_stream(self) -> Iterator[tf.data.Dataset]:
        """Open the batches where the training stands; an error in the pipeline is raised as itself."""
        pipeline: Any = self.data.pipeline_by_mode(PipelineMode.TRAINING)
        stream = pipeline.batch_stream(
            auto_repeat=True, random_seed=self._params.random_seed, start=self._state.position
        )
        with stream:
            self._stream = stream
            try:
                yield pipeline.dataset_of_stream(stream)
            except tf.errors.OpError as error:
                raise self._error_of_data(stream) or self._error_of_xla(error) or error from error
            finally:
                self._stream = None

    @contextlib.contextmanager
    def _checkpoint_awaited(self) -> Iterator[None]:
        """Leave the block when the last checkpoint is on disk; an error of the training goes first."""
        try:
            yield
        except BaseException:
            try:
                self._checkpoint_writer.wait()
            except StorageError as error:
                logger.error("%s", error)  # noqa: TRY400 - the error that ends the training follows
            raise
        self._checkpoint_writer.wait()

    @contextlib.contextmanager
    def _checkpoint_named(self) -> Iterator[None]:
        """Say in the error of a training that went wrong what can still be resumed from."""
        try:
            yield
        except NonFiniteError as error:
            params = self._params
            folder = Path(params.output_dir or ".") / params.saved_checkpoint_sub_dir / checkpoints.FOLDER
            if params.output_dir is None or not folder.is_dir():
                raise
            kept = f"The last checkpoint, after epoch {self._state.epoch}, is `{folder}`."
            raise NonFiniteError(f"{error} {kept}") from error

    def _error_of_xla(self, error: tf.errors.OpError) -> Optional[Exception]:
        """Return what to do about operations that XLA does not know; `None` if that is not the reason."""
        if not self._params.jit_compile or "XLA" not in str(error):
            return None
        lines = [line.strip() for line in str(error).splitlines() if "XLA" in line]
        return UsageError(
            f"XLA cannot compile the training step: {lines[0][:400]} Leave out `--trainer.jit_compile True`."
        )

    def _error_of_data(self, stream: "BatchStream") -> Optional[Exception]:
        """Return what went wrong in a pipeline; TensorFlow passes on its text only."""
        validation = self.data.pipeline_by_mode(PipelineMode.EVALUATION)
        return stream.error or (None if validation is None else validation.stream_error)

    def _state_after(self, epochs_done: int) -> TrainerState:
        """Return the state after `epochs_done` epochs, to be saved with the weights of that moment."""
        self._state = self._state_at(epochs_done, 0)
        return self._state

    def _save_at_step(self, state: TrainerState) -> None:
        """Save the training as it is now, with `state`."""
        self._state = state
        if self._params.output_dir is None or not self._params.write_checkpoints:
            return
        self._checkpoint_writer.capture(within_epoch=state.step > 0)
        commit_checkpoint(self._params, self._checkpoint_writer, state)

    def _state_at(self, epochs_done: int, step: int) -> TrainerState:
        """Return the state after `step` steps of the epoch that follows after `epochs_done`."""
        position = self._state.position
        if self._stream is not None:
            position = self._stream.position_after(self._train_model.batches_read)
        return TrainerState(
            epoch=epochs_done,
            step=step,
            steps_per_epoch=self.steps_per_epoch if step else 0,
            epoch_start=epoch_start(self._train_model, epochs_done).to_dict() if step else {},
            best=BestState.read(self._params.early_stopping),
            position=position,
            schedules={name: schedule.state() for name, schedule in self._schedules.items()},
            callbacks=collect_states(self._callbacks),
        )

    def input_paused(self) -> AbstractContextManager[Any]:
        """Return a block in which no training samples are read, in no thread."""
        return contextlib.nullcontext() if self._stream is None else self._stream.paused()

    @property
    def _is_finished(self) -> bool:
        params = self._params
        return params.current_epoch >= params.epochs or 0 < params.max_steps <= self.steps_done

    def _report_finished(self) -> None:
        done = f"{self._params.current_epoch} of {self._params.epochs} epochs are done"
        if self._params.current_epoch < self._params.epochs:
            done = f"{self.steps_done} of {self._params.max_steps} steps are done"
        if self._restore and self._export_dir is not None and not self._is_exported(self._export_dir):
            logger.warning("Training complete, exporting: %s; the export is missing or older.", done)
            self._export_final()
            return
        logger.warning(
            "The training is already finished: %s. Nothing was changed; give a larger `--trainer.epochs` "
            "or `--trainer.max_steps` to go on.",
            done,
        )

    @property
    def _export_dir(self) -> Optional[Path]:
        """Where the model goes in the end; `None` if it is not exported."""
        params = self._params
        return Path(params.output_dir) / "export" if params.output_dir and params.export_final else None

    def _export_final(self) -> None:
        if self._export_dir is not None:
            self._scenario.compare_outputs_again()
            with self._averaged():
                self._scenario.export(str(self._export_dir))
        self._formats.write(self._scenario)

    def _is_exported(self, folder: Path) -> bool:
        with self._averaged():
            return self._scenario.is_exported(str(folder)) and self._formats.are_written

    def _averaged(self) -> AbstractContextManager[Any]:
        """Return a block in which the model holds the averaged weights, if there are any."""
        average = self._train_model.weight_average
        return contextlib.nullcontext() if average is None else average.active()


def _run_id(params: TrainerParams) -> str:
    name = [os.path.basename(os.path.normpath(params.output_dir))] if params.output_dir else []
    return "_".join([*name, str(params.scenario.scenario_id), date.today().isoformat()])


def _refuse_what_is_missing(params: TrainerParams) -> None:
    """Refuse switches that exist in parameter files but that this development version does not act on."""
    missing = {
        "--device.dist_strategy": params.device.dist_strategy != DistributionStrategy.DEFAULT,
    }
    for flag, is_wanted in missing.items():
        if is_wanted:
            raise UsageError(f"`{flag}` is not available in this development version yet. Leave it out.")
