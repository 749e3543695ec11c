"""Scenario: all parts under one name, and what differs from the defaults."""

from scenarios.template.listfile.params import TemplateScenarioParams
from tfaip.scenario.listfile.listfilescenario import ListFileScenario
from tfaip.trainer.params import TrainerParams


class TemplateScenario(ListFileScenario[TemplateScenarioParams]):
    """Of which class is an image?"""

    @classmethod
    def default_trainer_params(cls) -> TrainerParams:
        """Return the parameters of a training."""
        params = super().default_trainer_params()
        # CHANGE: what you would otherwise write on every command line.
        params.epochs = 10
        params.scenario.print_eval_limit = 3
        return params
