"""Parameters: what can be set on the command line, and which classes belong together."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Type

from paiargparse import pai_dataclass, pai_meta

from scenarios.tutorial.min.data import MinDataParams, MinGeneratorParams
from tfaip.model.modelbaseparams import ModelBaseParams
from tfaip.scenario.scenariobaseparams import ScenarioBaseParams
from tfaip.trainer.params import TrainerPipelineParamsBase

if TYPE_CHECKING:
    from scenarios.tutorial.min.graph import MinGraph
    from scenarios.tutorial.min.model import MinModel


@pai_dataclass
@dataclass
class MinModelParams(ModelBaseParams):
    """The size of the network."""

    n_classes: int = field(default=10, metadata=pai_meta(help="Number of classes."))

    @staticmethod
    def cls() -> "Type[MinModel]":
        """Return the model."""
        from scenarios.tutorial.min.model import MinModel

        return MinModel

    def graph_cls(self) -> "Type[MinGraph]":
        """Return the graph."""
        from scenarios.tutorial.min.graph import MinGraph

        return MinGraph


@pai_dataclass
@dataclass
class MinScenarioParams(ScenarioBaseParams[MinDataParams, MinModelParams]):
    """Data and model of the scenario."""


@pai_dataclass
@dataclass
class MinTrainerPipelineParams(TrainerPipelineParamsBase[MinGeneratorParams, MinGeneratorParams]):
    """One generator for training and validation; it tells them apart by the mode."""

    train_val: MinGeneratorParams = field(
        default_factory=MinGeneratorParams,
        metadata=pai_meta(mode="flat", help="Images to train and to validate on."),
    )

    def train_gen(self) -> MinGeneratorParams:
        """Return the generator of the training."""
        return self.train_val

    def val_gen(self) -> MinGeneratorParams:
        """Return the generator of the validation."""
        return self.train_val
