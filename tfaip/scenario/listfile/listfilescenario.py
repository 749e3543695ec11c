"""The base of scenarios whose samples are the lines of list files."""

from typing import Generic

from tfaip.scenario.listfile.params import ListFileTrainerPipelineParams
from tfaip.scenario.scenariobase import ScenarioBase, TScenarioParams


class ListFileScenario(
    ScenarioBase[TScenarioParams, ListFileTrainerPipelineParams], Generic[TScenarioParams]
):
    """A scenario that is trained on list files: `class MyScenario(ListFileScenario[MyScenarioParams])`.

    The flags are `--train.lists`, `--val.lists`, `--lav.lists`, and for training `--train.list_ratios`. A
    sample's `inputs` and `targets` are a line of a list; processors in `pre_proc` read what it names.
    """
