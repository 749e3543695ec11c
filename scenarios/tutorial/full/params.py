"""Parameters: what can be set on the command line, and which classes belong together."""

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, List, Type

from paiargparse import pai_dataclass, pai_meta

from scenarios.tutorial.full.data import FullDataParams
from scenarios.tutorial.full.generators.training import FullGeneratorParams
from tfaip.model.layerparams import LayerBaseParams
from tfaip.model.modelbaseparams import ModelBaseParams
from tfaip.scenario.scenariobaseparams import ScenarioBaseParams
from tfaip.trainer.params import TrainerPipelineParamsBase

if TYPE_CHECKING:
    from scenarios.tutorial.full.graphs.cnn import CNN
    from scenarios.tutorial.full.graphs.mlp import MLP
    from scenarios.tutorial.full.graphs.tutorial_graph import TutorialGraph
    from scenarios.tutorial.full.model import FullModel


@pai_dataclass(alt="MLP")
@dataclass
class MLPParams(LayerBaseParams):
    """The size of a multilayer perceptron."""

    nodes: List[int] = field(
        default_factory=lambda: [128],
        metadata=pai_meta(help="Nodes of each dense layer, from the image to the classes."),
    )
    activation: str = field(
        default="relu", metadata=pai_meta(help="Keras' name of the activation of each layer.")
    )

    @staticmethod
    def cls() -> "Type[MLP]":
        """Return the layer."""
        from scenarios.tutorial.full.graphs.mlp import MLP

        return MLP


@pai_dataclass(alt="CNN")
@dataclass
class CNNParams(LayerBaseParams):
    """The size of a convolutional network."""

    filters: List[int] = field(
        default_factory=lambda: [16, 32],
        metadata=pai_meta(help="Filters of each convolution, every one followed by a pooling."),
    )
    dense: List[int] = field(
        default_factory=lambda: [128],
        metadata=pai_meta(help="Nodes of each dense layer after the convolutions."),
    )
    activation: str = field(
        default="relu", metadata=pai_meta(help="Keras' name of the activation of each layer.")
    )

    @staticmethod
    def cls() -> "Type[CNN]":
        """Return the layer."""
        from scenarios.tutorial.full.graphs.cnn import CNN

        return CNN


@pai_dataclass
@dataclass
class FullModelParams(ModelBaseParams):
    """The network, and how many classes it tells apart."""

    n_classes: int = field(default=10, metadata=pai_meta(help="Number of classes."))
    graph: LayerBaseParams = field(
        default_factory=MLPParams,
        metadata=pai_meta(choices=[MLPParams, CNNParams], help="Layers between the image and the classes."),
    )

    @staticmethod
    def cls() -> "Type[FullModel]":
        """Return the model."""
        from scenarios.tutorial.full.model import FullModel

        return FullModel

    def graph_cls(self) -> "Type[TutorialGraph]":
        """Return the graph."""
        from scenarios.tutorial.full.graphs.tutorial_graph import TutorialGraph

        return TutorialGraph


@pai_dataclass
@dataclass
class FullScenarioParams(ScenarioBaseParams[FullDataParams, FullModelParams]):
    """Data and model of the scenario."""


@pai_dataclass
@dataclass
class FullTrainerPipelineParams(TrainerPipelineParamsBase[FullGeneratorParams, FullGeneratorParams]):
    """One generator for training and validation; it tells them apart by the mode."""

    train_val: FullGeneratorParams = field(
        default_factory=FullGeneratorParams,
        metadata=pai_meta(mode="flat", help="Images to train and to validate on."),
    )

    def train_gen(self) -> FullGeneratorParams:
        """Return the generator of the training."""
        return self.train_val

    def val_gen(self) -> FullGeneratorParams:
        """Return the generator of the validation."""
        return self.train_val

    def lav_gen(self) -> List[FullGeneratorParams]:
        """Return what extended validation reads: the held-out images, then those of the training."""
        training_images = copy.copy(self.train_val)
        training_images.force_train = True
        return [self.train_val, training_images]
