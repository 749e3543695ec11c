"""Parameters: what can be set on the command line, and which classes belong together."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, List, Type

from paiargparse import pai_dataclass, pai_meta

from scenarios.template.listfile.data import TemplateDataParams
from tfaip.model.modelbaseparams import ModelBaseParams
from tfaip.scenario.scenariobaseparams import ScenarioBaseParams

if TYPE_CHECKING:
    from scenarios.template.listfile.graph import TemplateGraph
    from scenarios.template.listfile.model import TemplateModel


@pai_dataclass
@dataclass
class TemplateModelParams(ModelBaseParams):
    """The size of the network."""

    # CHANGE: each field is a flag, here `--model.filters 16 32 64`.
    filters: List[int] = field(
        default_factory=lambda: [16, 32], metadata=pai_meta(help="Filters of each convolution.")
    )
    n_classes: int = field(default=-1, metadata=pai_meta(mode="ignore"))  # no flag, it follows from the data

    @staticmethod
    def cls() -> "Type[TemplateModel]":
        """Return the model."""
        from scenarios.template.listfile.model import TemplateModel

        return TemplateModel

    def graph_cls(self) -> "Type[TemplateGraph]":
        """Return the graph."""
        from scenarios.template.listfile.graph import TemplateGraph

        return TemplateGraph


@pai_dataclass
@dataclass
class TemplateScenarioParams(ScenarioBaseParams[TemplateDataParams, TemplateModelParams]):
    """Data and model of the scenario."""

    def __post_init__(self) -> None:
        """Tell the model what the data know."""
        self.model.n_classes = len(self.data.classes)
