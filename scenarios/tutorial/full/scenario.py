"""Scenario: all parts under one name, and what differs from the defaults."""

from typing import TYPE_CHECKING, Type

from scenarios.tutorial.datasets import image_size
from scenarios.tutorial.full.evaluator import FullEvaluator
from scenarios.tutorial.full.generators.files import ImageFilesGeneratorParams
from scenarios.tutorial.full.params import FullScenarioParams, FullTrainerPipelineParams
from tfaip.scenario.scenariobase import ScenarioBase
from tfaip.trainer.params import TrainerParams

if TYPE_CHECKING:
    from scenarios.tutorial.full.predictor import FullMultiPredictor, FullPredictor
    from tfaip.trainer.trainer import Trainer


class FullScenario(ScenarioBase[FullScenarioParams, FullTrainerPipelineParams]):
    """Recognise the digit on an image."""

    @classmethod
    def default_trainer_params(cls) -> TrainerParams:
        """Return the parameters of a short training."""
        params = super().default_trainer_params()
        params.epochs = 20
        params.scenario.print_eval_limit = 3
        return params

    @classmethod
    def create_trainer(cls, trainer_params: TrainerParams, restore: bool = False) -> "Trainer":
        """Return a trainer; unless it was given, the size of the images is that of the data set."""
        data = trainer_params.scenario.data
        if not data.input_shape:
            data.input_shape = list(image_size(trainer_params.gen.train_val.dataset))
        return super().create_trainer(trainer_params, restore)

    @classmethod
    def evaluator_cls(cls) -> Type[FullEvaluator]:
        """Return the evaluator that extended validation asks."""
        return FullEvaluator

    @classmethod
    def predictor_cls(cls) -> "Type[FullPredictor]":
        """Return the predictor, which prints the class of each image."""
        from scenarios.tutorial.full.predictor import FullPredictor

        return FullPredictor

    @classmethod
    def multi_predictor_cls(cls) -> "Type[FullMultiPredictor]":
        """Return the predictor that lets several models vote."""
        from scenarios.tutorial.full.predictor import FullMultiPredictor

        return FullMultiPredictor

    @classmethod
    def predict_generator_params_cls(cls) -> Type[ImageFilesGeneratorParams]:
        """Return where prediction reads its images: from files."""
        return ImageFilesGeneratorParams
