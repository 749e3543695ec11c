"""`trainer_params.json` and `scenario_params.json`: read them, and find what they belong to."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Tuple, Type

from tfaip.errors import UsageError
from tfaip.params.stored_params import params_from_stored
from tfaip.params.trust import packages_of, reading, source_name
from tfaip.scenario.json_files import read_json_object as read_json_file
from tfaip.scenario.stored_scenarios import stored_scenario
from tfaip.scenario.stored_versions import is_older_version

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.trainer.params import TrainerParams

TRAINER_PARAMS = "trainer_params.json"
SCENARIO_PARAMS = "scenario_params.json"
PARAMS_FILES = (TRAINER_PARAMS, SCENARIO_PARAMS)


def trainer_params_from_path(path: Path | str) -> "Tuple[TrainerParams, Type[ScenarioBase]]":
    """Return the trainer params in a JSON file, or in a directory with one, and their scenario class."""
    file = Path(path).expanduser()
    if file.is_dir():
        file = file / TRAINER_PARAMS
        if not file.exists():
            raise UsageError(
                f"There is no `{TRAINER_PARAMS}` in `{file.parent}`. "
                "Give the output folder of a training, or the parameter file itself."
            )
    elif not file.exists():
        raise UsageError(
            f"There is no folder or file `{path}`. "
            f"Give the output folder of a training, or a `{TRAINER_PARAMS}`."
        )
    with reading(file):
        return trainer_params_from_dict(read_json_file(file))


def trainer_params_from_dict(content: Dict[str, Any]) -> "Tuple[TrainerParams, Type[ScenarioBase]]":
    """Return the trainer params in a dict and the scenario class that its `scenario_id` names."""
    scenario = content.get("scenario")
    scenario_cls = scenario_of_params(scenario if isinstance(scenario, dict) else {})
    params = params_of_scenario(scenario_cls, scenario_cls.trainer_params_cls(), content)
    return params, scenario_cls


def scenario_of_params(scenario_params: Dict[str, Any]) -> "Type[ScenarioBase]":
    """Return the class that the `scenario_id` in scenario params names."""
    scenario_id = scenario_params.get("scenario_id")
    if not scenario_id:
        raise UsageError(
            f"{source_name()} has no `scenario_id`, so the scenario is unknown. "
            "Give the parameters that a training has written."
        )
    return stored_scenario(scenario_id, scenario_params.get("scenario_base_path"))


def params_of_scenario(scenario: "Type[ScenarioBase]", cls: Type[Any], content: Dict[str, Any]) -> Any:
    """Return the params of class `cls` in a dict, which may name classes of the package of `scenario`.

    Raises:
        UntrustedError: It names others.
        UsageError: It does not fit, or a newer version of tfaip has written it.
    """
    is_older = is_older_version(content.get("scenario") or content)
    return params_from_stored(cls, content, own=packages_of(scenario), is_older=is_older)


def scenario_params_dict(path: Path | str) -> Dict[str, Any]:
    """Return the scenario params in a JSON file, or in an export folder, as a dict.

    `data.resource_base_path` is set to the absolute path of the folder, where the resources are.
    """
    location = Path(path).expanduser().absolute()
    folder = location if location.is_dir() else location.parent
    if location.is_dir():
        names = [n for n in PARAMS_FILES if (location / n).exists()]
        if not names:
            raise MissingParamsError(
                f"There is neither `{TRAINER_PARAMS}` nor `{SCENARIO_PARAMS}` in `{location}`. "
                "Give the folder of an export, for example `best` or `export` of a training."
            )
        location = location / names[0]
    content = read_json_file(location)
    content = content.get("scenario", content)
    data = content.setdefault("data", {})
    if isinstance(data, dict):
        data["resource_base_path"] = str(folder)
    return content


class MissingParamsError(UsageError, FileNotFoundError):
    """A folder holds no parameters of a scenario."""
