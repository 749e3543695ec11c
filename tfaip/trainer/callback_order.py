"""Which callbacks run in a training, in which order, and why in that order."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras

from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.trainer.callback_states import has_state
from tfaip.trainer.callbacks.benchmark_callback import BenchmarkCallback
from tfaip.trainer.callbacks.earlystopping.callback import EarlyStoppingCallback
from tfaip.trainer.callbacks.ema_callback import EMACallback
from tfaip.trainer.callbacks.extract_logs import ExtractLogsCallback
from tfaip.trainer.callbacks.freezing_callback import FreezingCallback
from tfaip.trainer.callbacks.interval_callback import IntervalCallback
from tfaip.trainer.callbacks.lav_callback import LAVCallback
from tfaip.trainer.callbacks.logger_callback import LoggerCallback
from tfaip.trainer.callbacks.metrics_callback import MetricsCallback
from tfaip.trainer.callbacks.print_evaluated_callback import PrintEvaluatedCallback
from tfaip.trainer.callbacks.progbar import TFAIPProgbarLogger
from tfaip.trainer.callbacks.schedule_callback import ScheduleCallback
from tfaip.trainer.callbacks.tensor_board_callback import TensorBoardCallback
from tfaip.trainer.callbacks.timing_callback import TimingCallback
from tfaip.trainer.scheduler.learningrate import LearningRateSchedule
from tfaip.trainer.user_callbacks import as_callbacks, create_callbacks, policy_callbacks

if TYPE_CHECKING:
    from tfaip.trainer.trainer import Trainer

Callback = keras.callbacks.Callback


def callbacks_in_order(trainer: "Trainer", further: Sequence[Callback]) -> list[Callback]:
    """Return the callbacks of a training; `further` ones of the user come last and see everything.

    Those that have a state, policies among them, come before the checkpoint that holds it.
    """
    params = trainer.params
    users = [*create_callbacks(params.callbacks), *as_callbacks(further)]
    # First: takes values out of the shared logs, so nobody else meets them.
    extract = ExtractLogsCallback()
    callbacks: list[Callback] = [extract]
    callbacks += _progress(trainer)
    callbacks.append(BenchmarkCallback(extract))
    callbacks += _printing(trainer)
    callbacks += _freezing(trainer)
    # Weights before the average: the checkpoint holds the raw ones, the training goes on from them.
    callbacks.append(trainer.create_train_params_logger_callback(store_weights=True, store_params=False))
    callbacks += _average(trainer)
    # After the average, which they judge; before the decision, which may depend on them.
    callbacks += _lav(trainer, extract)
    callbacks += trainer.validate_callbacks
    # After the average: what is exported as best is what was validated.
    callbacks.append(EarlyStoppingCallback(trainer.scenario, params))
    callbacks += _schedules(trainer)
    # Before the checkpoint, which holds their states, and in which the epoch is saved that they end.
    callbacks += _policies(trainer)
    callbacks += [callback for callback in users if has_state(callback)]
    callbacks += _metrics(trainer)
    # After the decisions: the checkpoint becomes visible together with what was decided.
    callbacks.append(trainer.create_train_params_logger_callback(store_weights=False, store_params=True))
    tensorboard = _tensorboard(trainer, extract)
    callbacks += [*tensorboard, *_intervals(trainer, tensorboard), *_timing(trainer, tensorboard)]
    callbacks.append(LoggerCallback())
    callbacks += (callback for callback in users if not has_state(callback))
    # Last: what all others do with a step belongs into a checkpoint within the epoch.
    return [*callbacks, trainer.create_step_checkpoints_callback([one.flush for one in tensorboard])]


def _progress(trainer: "Trainer") -> list[Callback]:
    params = trainer.params
    if params.progress_bar_mode == 0:
        return []
    return [TFAIPProgbarLogger(delta_time=params.progbar_delta_time, mode=params.progress_bar_mode)]


def _printing(trainer: "Trainer") -> list[Callback]:
    limit = trainer.params.scenario.print_eval_limit
    pipeline = trainer.data.pipeline_by_mode(PipelineMode.EVALUATION)
    if limit == 0 or pipeline is None:
        return []
    return [PrintEvaluatedCallback(trainer.scenario.model, trainer.data, pipeline, limit)]


def _freezing(trainer: "Trainer") -> list[Callback]:
    return [FreezingCallback(trainer.freezing)] if trainer.params.freeze else []


def _average(trainer: "Trainer") -> list[Callback]:
    model = trainer.scenario.keras_train_model
    average = model.weight_average if model is not None else None
    return [] if average is None else [EMACallback(average)]


def _lav(trainer: "Trainer", extract: ExtractLogsCallback) -> list[Callback]:
    if trainer.params.lav_every_n < 1:
        return []
    return [LAVCallback(trainer.params, trainer.scenario, extract, trainer.input_paused)]


def _schedules(trainer: "Trainer") -> list[Callback]:
    """Most schedules only count epochs; the others are told what was logged."""
    counting = LearningRateSchedule.epoch_finished
    following = [s for s in trainer.schedules.values() if type(s).epoch_finished is not counting]
    return [ScheduleCallback(following)] if following else []


def _policies(trainer: "Trainer") -> list[Callback]:
    return policy_callbacks(trainer.params.policies, trainer.scenario.model.values.asked)


def _metrics(trainer: "Trainer") -> list[Callback]:
    params = trainer.params
    if params.output_dir is None:
        return []
    return [MetricsCallback(params.output_dir, trainer.steps_per_epoch, steps_done=trainer.steps_done)]


def _intervals(trainer: "Trainer", tensorboard: Sequence[TensorBoardCallback]) -> list[Callback]:
    every_n = trainer.params.log_every_n
    if every_n < 1:
        return []
    pipeline = trainer.data.pipeline_by_mode(PipelineMode.EVALUATION)
    if trainer.params.val_every_n_steps > 0:
        pipeline = None  # the whole validation stands beside
    batches = [] if pipeline is None else pipeline.input_dataset(auto_repeat=False).take(1)
    return [
        IntervalCallback(
            every_n,
            trainer.steps_per_epoch,
            validation_batch=next(iter(batches), None),
            tensorboard=next(iter(tensorboard), None),
        )
    ]


def _timing(trainer: "Trainer", tensorboard: Sequence[TensorBoardCallback]) -> list[Callback]:
    if not trainer.params.debug_timing:
        return []
    return [TimingCallback(trainer.steps_per_epoch, next(iter(tensorboard), None))]


def _tensorboard(trainer: "Trainer", extract: ExtractLogsCallback) -> list[TensorBoardCallback]:
    params = trainer.params
    if params.output_dir is None:
        return []
    profile = tuple(params.profile_steps) if params.profile else 0
    steps = trainer.steps_per_epoch
    return [
        TensorBoardCallback(
            params.output_dir,
            steps,
            extract,
            reset=trainer.steps_done == 0,
            profile=profile,  # type: ignore[arg-type]
            steps_into_epoch=trainer.steps_into_epoch,
        )
    ]
