"""Parameters: what can be set on the command line, and which classes belong together."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, List, Type

from paiargparse import pai_dataclass, pai_meta

from scenarios.template.general.data import TemplateDataParams, TemplateGeneratorParams
from tfaip.model.modelbaseparams import ModelBaseParams
from tfaip.scenario.scenariobaseparams import ScenarioBaseParams
from tfaip.trainer.params import TrainerPipelineParams

if TYPE_CHECKING:
    from scenarios.template.general.graph import TemplateGraph
    from scenarios.template.general.model import TemplateModel


@pai_dataclass
@dataclass
class TemplateModelParams(ModelBaseParams):
    """The size of the network."""

    # CHANGE: each field is a flag, here `--model.nodes 64 32`.
    nodes: List[int] = field(
        default_factory=lambda: [32], metadata=pai_meta(help="Nodes of each hidden layer.")
    )

    @staticmethod
    def cls() -> "Type[TemplateModel]":
        """Return the model."""
        from scenarios.template.general.model import TemplateModel

        return TemplateModel

    def graph_cls(self) -> "Type[TemplateGraph]":
        """Return the graph."""
        from scenarios.template.general.graph import TemplateGraph

        return TemplateGraph


@pai_dataclass
@dataclass
class TemplateScenarioParams(ScenarioBaseParams[TemplateDataParams, TemplateModelParams]):
    """Data and model of the scenario."""


@pai_dataclass
@dataclass
class TemplatePipelineParams(TrainerPipelineParams[TemplateGeneratorParams, TemplateGeneratorParams]):
    """Samples to train on, `--train.X`, and to validate on, `--val.X`."""
