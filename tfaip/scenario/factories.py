"""The only look up the stairs: a scenario names the trainer, LAV and predictor that run it.

The params of a training are light and imported here; everything that runs is imported late.
"""

import types
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Type

from paiargparse import pai_dataclass

from tfaip.lav.params import LAVParams
from tfaip.params.post_init import post_init
from tfaip.trainer.params import TrainerParams, TrainerPipelineParamsBase

if TYPE_CHECKING:
    from tfaip.lav.lav import LAV
    from tfaip.lav.multilav import MultiLAV
    from tfaip.predict.params import PredictorParams
    from tfaip.predict.predictor import Predictor
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.scenario.scenariobaseparams import ScenarioBaseParams
    from tfaip.trainer.trainer import Trainer

__all__ = [
    "LAVParams",
    "TrainerParams",
    "TrainerPipelineParamsBase",
    "create_lav",
    "create_multi_lav",
    "create_predictor",
    "default_lav_cls",
    "default_multi_lav_cls",
    "default_predictor_cls",
    "local_trainer_cls",
    "local_trainer_params_cls",
]

# Every trainer_params.json of an ordinary scenario names this class at its root.
_LOCAL_PARAMS_MODULE = "tfaip.scenario.scenariobase"
_LOCAL_PARAMS_NAME = "LocalTrainerParams"


@cache
def local_trainer_params_cls(scenario_cls: "Type[ScenarioBase]") -> Type[TrainerParams]:
    """Return the class of the trainer params of an ordinary scenario, bound to its params classes."""
    bound = TrainerParams[scenario_cls.params_cls(), scenario_cls.trainer_pipeline_params_cls()]  # type: ignore[misc]
    local = types.new_class(
        _LOCAL_PARAMS_NAME, (bound,), exec_body=lambda body: body.update(__module__=_LOCAL_PARAMS_MODULE)
    )
    return pai_dataclass(dataclass(local))  # type: ignore[return-value]


@cache
def local_trainer_cls(scenario_cls: "Type[ScenarioBase]") -> "Type[Trainer]":
    """Return the trainer of an ordinary scenario, whose params class is the local one."""
    from tfaip.trainer.trainer import Trainer

    bound = Trainer[local_trainer_params_cls(scenario_cls)]  # type: ignore[misc]
    return types.new_class("LocalTrainer", (bound,))


def default_lav_cls() -> "Type[LAV]":
    """Return the LAV of an ordinary scenario."""
    from tfaip.lav.lav import LAV

    return LAV


def default_multi_lav_cls() -> "Type[MultiLAV]":
    """Return the LAV of several models of an ordinary scenario."""
    from tfaip.lav.multilav import MultiLAV

    return MultiLAV


def create_lav(
    scenario_cls: "Type[ScenarioBase]", lav_params: LAVParams, scenario_params: "ScenarioBaseParams"
) -> "LAV":
    """Return the LAV of a scenario."""
    post_init(lav_params)
    post_init(scenario_params)
    lav = scenario_cls.lav_cls()(
        params=lav_params,
        scenario_params=scenario_params,
        **scenario_cls.static_lav_kwargs(scenario_params),
    )
    lav.scenario_cls = scenario_cls
    return lav


def create_multi_lav(
    scenario_cls: "Type[ScenarioBase]",
    lav_params: LAVParams,
    scenario_params: "ScenarioBaseParams",
    predictor_params: "Optional[PredictorParams]",
) -> "MultiLAV":
    """Return the LAV of several models of a scenario."""
    post_init(lav_params)
    post_init(scenario_params)
    if predictor_params is None:
        predictor_params = scenario_cls.multi_predictor_cls().params_cls()()
    lav = scenario_cls.multi_lav_cls()(lav_params, scenario_params, predictor_params)
    lav.scenario_cls = scenario_cls
    return lav


def default_predictor_cls() -> "Type[Predictor]":
    """Return the predictor of an ordinary scenario."""
    from tfaip.predict.predictor import Predictor

    return Predictor


def create_predictor(
    scenario_cls: "Type[ScenarioBase]", export_dir: Any, params: "Optional[PredictorParams]"
) -> "Predictor":
    """Return a predictor with the model and the data params of an export."""
    from tfaip.predict.export_folder import read_whole, saved_model_dir

    predictor_cls = scenario_cls.predictor_cls()
    params = params or predictor_cls.params_cls()()

    def create() -> "Predictor":
        scenario_params = scenario_cls.params_from_path(export_dir)
        model_dir = saved_model_dir(export_dir, serve_dir=scenario_params.default_serve_dir)
        data = scenario_cls(scenario_params).data
        predictor = predictor_cls(params, data, **scenario_cls.static_predictor_kwargs(scenario_params))
        predictor.set_model(model_dir)
        return predictor

    return read_whole(Path(export_dir).expanduser(), create)
