"""Scenario: all parts under one name, and what differs from the defaults."""

from scenarios.template.general.params import TemplatePipelineParams, TemplateScenarioParams
from tfaip.scenario.scenariobase import ScenarioBase
from tfaip.trainer.params import TrainerParams


class TemplateScenario(ScenarioBase[TemplateScenarioParams, TemplatePipelineParams]):
    """Is the mean of some numbers above a half?"""

    @classmethod
    def default_trainer_params(cls) -> TrainerParams:
        """Return the parameters of a training."""
        params = super().default_trainer_params()
        # CHANGE: what you would otherwise write on every command line.
        params.epochs = 10
        params.learning_rate.lr = 0.01
        params.gen.val.n_samples = 200
        params.scenario.print_eval_limit = 3
        return params
