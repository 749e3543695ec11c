"""The public names in one place, also those that load TensorFlow; scenarios may import from here."""

from tfaip.data.data import DataBase as DataBase
from tfaip.data.databaseparams import DataBaseParams as DataBaseParams
from tfaip.data.databaseparams import DataGeneratorParams as DataGeneratorParams
from tfaip.data.pipeline.definitions import GENERAL_PROCESSOR as GENERAL_PROCESSOR
from tfaip.data.pipeline.definitions import INPUT_PROCESSOR as INPUT_PROCESSOR
from tfaip.data.pipeline.definitions import TARGETS_PROCESSOR as TARGETS_PROCESSOR
from tfaip.data.pipeline.definitions import PipelineMode as PipelineMode
from tfaip.data.pipeline.definitions import Sample as Sample
from tfaip.device.device_config import DeviceConfigParams as DeviceConfigParams
from tfaip.evaluator.evaluator import EvaluatorBase as EvaluatorBase
from tfaip.evaluator.params import EvaluatorParams as EvaluatorParams
from tfaip.lav.params import LAVParams as LAVParams
from tfaip.model.graphbase import GraphBase as GraphBase
from tfaip.model.modelbase import ModelBase as ModelBase
from tfaip.model.modelbaseparams import ModelBaseParams as ModelBaseParams
from tfaip.predict.params import PredictorParams as PredictorParams
from tfaip.scenario.scenariobase import ScenarioBase as ScenarioBase
from tfaip.scenario.scenariobaseparams import ScenarioBaseParams as ScenarioBaseParams
from tfaip.trainer.params import TrainerParams as TrainerParams
from tfaip.trainer.params import TrainerPipelineParams as TrainerPipelineParams
from tfaip.trainer.params import TrainerPipelineParamsBase as TrainerPipelineParamsBase
from tfaip.trainer.scheduler.learningrate_params import LearningRateParams as LearningRateParams
from tfaip.trainer.trainer import Trainer as Trainer
from tfaip.trainer.warmstart.warmstart_params import WarmStartParams as WarmStartParams
from tfaip.version import __version__ as __version__
