"""The base of scenarios whose samples are the lines of list files."""

from typing import TYPE_CHECKING, Generic, Type

from tfaip.lav.params import LAVParams
from tfaip.scenario.listfile.params import ListFileTrainerPipelineParams
from tfaip.scenario.scenariobase import ScenarioBase, TScenarioParams

if TYPE_CHECKING:
    from tfaip.scenario.listfile.listfilelav import ListFileLAV


class ListFileScenario(
    ScenarioBase[TScenarioParams, ListFileTrainerPipelineParams], Generic[TScenarioParams]
):
    """A scenario that is trained on list files: `class MyScenario(ListFileScenario[MyScenarioParams])`.

    The flags are `--train.lists`, `--val.lists`, `--lav.lists`, and for training `--train.list_ratios`. A
    sample's `inputs` and `targets` are a line of a list; processors in `pre_proc` read what it names.
    """

    @classmethod
    def lav_cls(cls) -> "Type[ListFileLAV]":
        """Return LAV with results of each list; override it to use your own."""
        from tfaip.scenario.listfile.listfilelav import ListFileLAV

        return ListFileLAV

    @classmethod
    def lav_params_cls(cls) -> Type[LAVParams]:
        """Return the class of the LAV params, without loading LAV if it is that of list files."""
        if cls.lav_cls.__func__ is ListFileScenario.lav_cls.__func__:  # type: ignore[attr-defined]
            return LAVParams
        return cls.lav_cls().params_cls()
