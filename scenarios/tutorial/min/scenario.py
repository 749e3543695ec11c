"""Scenario: data, model and training pipeline under one name."""

from scenarios.tutorial.min.params import MinScenarioParams, MinTrainerPipelineParams
from tfaip.scenario.scenariobase import ScenarioBase


class MinScenario(ScenarioBase[MinScenarioParams, MinTrainerPipelineParams]):
    """Recognise the digit on an image."""
