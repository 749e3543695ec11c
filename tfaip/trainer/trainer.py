"""The story of a training: `Trainer.train` is the page to read first."""

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Generic, List, Optional, Tuple, Type, TypeVar

import keras
import tensorflow as tf

from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.device.device_config import DeviceConfig
from tfaip.errors import UsageError
from tfaip.model.precision import built_with, usable_policy, with_scaled_loss
from tfaip.model.stop_request import StopRequest
from tfaip.params.generics import type_argument
from tfaip.scenario import params_files
from tfaip.scenario.freeze_rules import FreezeRule
from tfaip.scenario.freezing import TimedFreezing
from tfaip.trainer import run_folder, stop_signals
from tfaip.trainer.batches import TrainingBatches
from tfaip.trainer.callback_order import callbacks_in_order
from tfaip.trainer.callbacks.earlystopping.tracking import stop_reason
from tfaip.trainer.callbacks.logger_callback import LoggerCallback
from tfaip.trainer.callbacks.step_checkpoints import StepCheckpointsCallback
from tfaip.trainer.callbacks.train_params_logger import TrainerCheckpointsCallback
from tfaip.trainer.callbacks.validate_callback import ValidateCallback
from tfaip.trainer.compiling import accumulation_for, average_for, optimizer_for
from tfaip.trainer.conflicts import check_conflicts
from tfaip.trainer.dev_run import shorten
from tfaip.trainer.epochs import steps_per_epoch
from tfaip.trainer.further_formats import FurtherFormats
from tfaip.trainer.guarded_run import folder_kept, signals_handled
from tfaip.trainer.params import TrainerParams, check_outputs
from tfaip.trainer.run_info import write_run_info
from tfaip.trainer.saved_run import SavedRun
from tfaip.trainer.scheduler.learningrate import LearningRateSchedule
from tfaip.trainer.seeds import make_deterministic, set_global_random_seed, what_repeats
from tfaip.trainer.state import BestState, TrainerState

if TYPE_CHECKING:
    from tfaip.data.data import DataBase
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
        if params.output_dir is not None:  # the working directory may change
            params.output_dir = os.path.abspath(os.path.expanduser(params.output_dir))
        self._params = params
        self._scenario = scenario
        self._restore = restore or run_folder.goes_on(params)
        self._has_trained = False
        self._data: Optional[DataBase] = None
        self._steps_per_epoch: Optional[int] = None
        self._callbacks: List[keras.callbacks.Callback] = []
        self.validate_callbacks: List[keras.callbacks.Callback] = []
        self._batches = TrainingBatches(params)
        self._run: Any = None  # a SavedRun, once there is a model
        self._schedules: Mapping[str, LearningRateSchedule] = {}
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
    def epochs(self) -> int:
        """Epochs, the last of which may not be whole: as many as `max_steps` takes, or else `epochs`."""
        steps = self._params.max_steps
        return -(-steps // self.steps_per_epoch) if steps > 0 else self._params.epochs

    @property
    def steps_done(self) -> int:
        """Steps that are done, those of all epochs."""
        return self._params.current_epoch * self.steps_per_epoch + self.steps_into_epoch

    @property
    def steps_into_epoch(self) -> int:
        """Steps that are done of the epoch that is not."""
        state = self._state
        return state.step if state.epoch == self._params.current_epoch else 0

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
        if self._params.fast_dev_run > 0:
            return self._try_out(callbacks)
        is_new = not self._restore and not self._has_trained
        with (
            folder_kept(self._params, is_new=is_new),
            signals_handled(self._params, lambda: self._state) as signals,
        ):
            self._has_trained = True
            return self._train(callbacks, signals)

    def _try_out(self, callbacks: Optional[List[keras.callbacks.Callback]]) -> Logs:
        with tempfile.TemporaryDirectory(prefix="tfaip-dev-run-") as folder:
            shorten(self._params, folder, restore=self._restore)
            with signals_handled(self._params, lambda: self._state) as signals:
                logs = self._train(callbacks, signals)
        logger.info("The short run went through; nothing of it is left.")
        return logs

    def _train(
        self, callbacks: Optional[List[keras.callbacks.Callback]], signals: stop_signals.StopSignals
    ) -> Logs:
        self.prepare()
        self._callbacks = self.setup_callbacks(self._optimizer, callbacks)
        self._run.restore_callbacks()
        if self._is_finished:
            self._report_finished()
            return {}
        if not self._restore:
            run_folder.remove_overwritten(self._params)
        self._log_params()
        self._write_run_info()
        self._run.warn_if_full()
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
        for most in (self._params.overfit_batches, self._params.fast_dev_run):
            self._steps_per_epoch = min(self._steps_per_epoch, most) if most > 0 else self._steps_per_epoch
        self._params.learning_rate.epochs = self.epochs
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
        writer = self._run.writer if self._params.write_checkpoints else None
        return TrainerCheckpointsCallback(
            self._params,
            store_weights=store_weights,
            store_params=store_params,
            writer=writer,
            state=self._run.after_epoch,
        )

    def create_step_checkpoints_callback(
        self, flushed: Sequence[Callable[[], None]] = ()
    ) -> StepCheckpointsCallback:
        """Return a new callback that saves within epochs, after each of `flushed` was called."""
        return StepCheckpointsCallback(
            self._params,
            state=self._run.after_step,
            save=self._run.save,
            restore=self._run.restore_within_epoch,
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
        with self._run.awaited(), self.open_batches() as batches:
            self._scenario.fit(
                epochs=self.epochs,
                callbacks=self._callbacks,
                steps_per_epoch=self.steps_per_epoch,
                initial_epoch=params.current_epoch,
                initial_step=self.steps_into_epoch,
                is_validation_left=self._run.state.is_validation_left,
                validation_freq=params.val_every_n,
                val_every_n_steps=params.val_every_n_steps,
                max_steps=params.max_steps,
                stop_request=self.stop_request,
                batches=batches,
                validation=self._batches.few,
                steps_per_execution=1 if params.profile else params.steps_per_execution,
            )
        logs = next((c.last_logs for c in self._callbacks if isinstance(c, LoggerCallback)), {})
        return dict(logs)

    def open_batches(self) -> AbstractContextManager[tf.data.Dataset]:
        """Return a block that gives the training batches from where the training stands."""
        return self._batches.open(
            self.data,
            self._run.state.position,
            steps_per_epoch=self.steps_per_epoch,
            steps_into_epoch=self.steps_into_epoch,
        )

    # ---- what the chapters do

    def _check_params(self) -> None:
        params = self._params
        check_outputs(params)
        check_conflicts(params)
        if params.export_best is None:
            params.export_best = params.output_dir is not None
        if self._restore and params.output_dir is None:
            raise UsageError(
                "A training can only be resumed from its `--trainer.output_dir`, which is not set."
            )
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
            built = optimizer_for(params, self._train_model)
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
        model, optimizer = self._train_model, self._optimizer
        model.weight_average = average_for(params, model, optimizer, self.steps_per_epoch)
        model.accumulation = accumulation_for(params, model)
        self._run = SavedRun(
            params,
            model,
            steps_per_epoch=self.steps_per_epoch,
            schedules=self._schedules,
            batches=self._batches,
            callbacks=lambda: self._callbacks,
        )

    @property
    def _state(self) -> TrainerState:
        """The state of the last checkpoint, or of the start."""
        return TrainerState(epoch=self._params.current_epoch) if self._run is None else self._run.state

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
        if self._restore:
            self._run.restore()

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

    def input_paused(self) -> AbstractContextManager[Any]:
        """Return a block in which no training samples are read, in no thread."""
        return self._batches.paused()

    @property
    def _is_finished(self) -> bool:
        params = self._params
        if params.current_epoch >= self.epochs or 0 < params.max_steps <= self.steps_done:
            return True
        return self._restore and self._why_stopped is not None

    @property
    def _why_stopped(self) -> Optional[str]:
        """Why early stopping has ended the training, if it has."""
        return stop_reason(BestState.read(self._params.early_stopping), self._params.early_stopping)

    def _report_finished(self) -> None:
        done = f"{self._params.current_epoch} of {self._params.epochs} epochs are done"
        if self._params.current_epoch < self._params.epochs or self._params.max_steps > 0:
            done = self._why_stopped or f"{self.steps_done} of {self._params.max_steps} steps are done"
        if self._restore and self._export_dir is not None and not self._is_exported(self._export_dir):
            logger.warning("Training complete, exporting: %s; the export is missing or older.", done)
            self._export_final()
            return
        if self._restore and not self._formats.are_written:
            logger.warning("Training complete, exporting: %s; files of other formats are missing.", done)
            self._formats.write(self._scenario)
            return
        logger.warning(
            "The training is already finished: %s. Nothing was changed; give a larger `--trainer.epochs`, "
            "`--trainer.max_steps` or `--early_stopping.n_to_go` to go on.",
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
            return self._scenario.is_exported(str(folder))

    def _averaged(self) -> AbstractContextManager[Any]:
        """Return a block in which the model holds the averaged weights, if there are any."""
        average = self._train_model.weight_average
        return contextlib.nullcontext() if average is None else average.active()


def _run_id(params: TrainerParams) -> str:
    name = [os.path.basename(os.path.normpath(params.output_dir))] if params.output_dir else []
    return "_".join([*name, str(params.scenario.scenario_id), date.today().isoformat()])
