"""Scenario-based training for TensorFlow and Keras 3.

Here are the names that load no TensorFlow; `tfaip.imports` has those that do.
"""

import importlib
from typing import TYPE_CHECKING, Any

from tfaip.version import __version__ as __version__

if TYPE_CHECKING:
    from tfaip.data.databaseparams import DataBaseParams as DataBaseParams
    from tfaip.data.databaseparams import DataGeneratorParams as DataGeneratorParams
    from tfaip.data.pipeline.definitions import GENERAL_PROCESSOR as GENERAL_PROCESSOR
    from tfaip.data.pipeline.definitions import INPUT_PROCESSOR as INPUT_PROCESSOR
    from tfaip.data.pipeline.definitions import TARGETS_PROCESSOR as TARGETS_PROCESSOR
    from tfaip.data.pipeline.definitions import PipelineMode as PipelineMode
    from tfaip.data.pipeline.definitions import Sample as Sample
    from tfaip.device.device_config import DeviceConfigParams as DeviceConfigParams
    from tfaip.evaluator.params import EvaluatorParams as EvaluatorParams
    from tfaip.lav.params import LAVParams as LAVParams
    from tfaip.model.modelbaseparams import ModelBaseParams as ModelBaseParams
    from tfaip.predict.params import PredictorParams as PredictorParams
    from tfaip.scenario.scenariobaseparams import ScenarioBaseParams as ScenarioBaseParams
    from tfaip.trainer.params import TrainerParams as TrainerParams
    from tfaip.trainer.params import TrainerPipelineParams as TrainerPipelineParams
    from tfaip.trainer.params import TrainerPipelineParamsBase as TrainerPipelineParamsBase
    from tfaip.trainer.scheduler.learningrate_params import LearningRateParams as LearningRateParams
    from tfaip.trainer.warmstart.warmstart_params import WarmStartParams as WarmStartParams

# Loaded when they are first asked for: all together take 0.14 s, which `--help`, each worker process and
# everybody who needs one module only would pay.
_HOMES = {
    "DataBaseParams": "tfaip.data.databaseparams",
    "DataGeneratorParams": "tfaip.data.databaseparams",
    "DeviceConfigParams": "tfaip.device.device_config",
    "EvaluatorParams": "tfaip.evaluator.params",
    "GENERAL_PROCESSOR": "tfaip.data.pipeline.definitions",
    "INPUT_PROCESSOR": "tfaip.data.pipeline.definitions",
    "LAVParams": "tfaip.lav.params",
    "LearningRateParams": "tfaip.trainer.scheduler.learningrate_params",
    "ModelBaseParams": "tfaip.model.modelbaseparams",
    "PipelineMode": "tfaip.data.pipeline.definitions",
    "PredictorParams": "tfaip.predict.params",
    "Sample": "tfaip.data.pipeline.definitions",
    "ScenarioBaseParams": "tfaip.scenario.scenariobaseparams",
    "TARGETS_PROCESSOR": "tfaip.data.pipeline.definitions",
    "TrainerParams": "tfaip.trainer.params",
    "TrainerPipelineParams": "tfaip.trainer.params",
    "TrainerPipelineParamsBase": "tfaip.trainer.params",
    "WarmStartParams": "tfaip.trainer.warmstart.warmstart_params",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module `tfaip` has no attribute `{name}`")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
