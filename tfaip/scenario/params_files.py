"""`trainer_params.json` and `scenario_params.json`: read them, and find what they belong to."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Tuple, Type

from tfaip.errors import UsageError
from tfaip.files import parse_json
from tfaip.params.user_modules import import_user_module

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.trainer.params import TrainerParams

TRAINER_PARAMS = "trainer_params.json"
SCENARIO_PARAMS = "scenario_params.json"

_LARGEST_FILE = 256 * 2**20  # params of real scenarios are below 1 MiB, codecs included


def read_json_file(path: Path) -> Dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        UsageError: There is no such file, it is no JSON, or its top level is no object.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise UsageError(f"The parameter file `{path}` is larger than {_LARGEST_FILE // 2**20} MiB.")
        content = parse_json(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(f"There is no parameter file `{path}`.") from None
    except OSError as error:
        raise UsageError(f"The parameter file `{path}` cannot be read: {error.strerror}.") from error
    except json.JSONDecodeError as error:
        raise UsageError(
            f"The parameter file `{path}` is no JSON (line {error.lineno}, column {error.colno}): "
            f"{error.msg}."
        ) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"The parameter file `{path}` is no JSON: {error}.") from error
    if not isinstance(content, dict):
        raise UsageError(
            f"The parameter file `{path}` must hold a JSON object, got a {type(content).__name__}."
        )
    return content


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
    return trainer_params_from_dict(read_json_file(file), origin=str(file))


def trainer_params_from_dict(
    content: Dict[str, Any], *, origin: str = "the given dict"
) -> "Tuple[TrainerParams, Type[ScenarioBase]]":
    """Return the trainer params in a dict and the scenario class that its `scenario_id` names."""
    scenario_id = (content.get("scenario") or {}).get("scenario_id")
    if not scenario_id:
        raise UsageError(
            f"`scenario.scenario_id` is missing in {origin}, so the scenario is unknown. "
            "Give the parameters that a training has written."
        )
    scenario_cls = scenario_class(scenario_id, origin=origin)
    params_cls: Any = scenario_cls.trainer_params_cls()
    return params_cls.from_dict(content), scenario_cls


def scenario_class(scenario_id: str, *, origin: str) -> "Type[ScenarioBase]":
    """Return the class that a `scenario_id`, `module:Class`, names."""
    module, _, name = scenario_id.partition(":")
    scenario = getattr(import_user_module(module), name, None)
    if scenario is None:
        raise UsageError(f"{origin} names the scenario `{scenario_id}`, but `{module}` has no `{name}`.")
    return scenario


def scenario_params_dict(path: Path | str) -> Dict[str, Any]:
    """Return the scenario params in a JSON file, or in an export folder, as a dict.

    `data.resource_base_path` is set to the absolute path of the folder, where the resources are.
    """
    location = Path(path).expanduser().absolute()
    folder = location if location.is_dir() else location.parent
    if location.is_dir():
        names = [n for n in (TRAINER_PARAMS, SCENARIO_PARAMS) if (location / n).exists()]
        if not names:
            raise MissingParamsError(
                f"There is neither `{TRAINER_PARAMS}` nor `{SCENARIO_PARAMS}` in `{location}`. "
                "Give the folder of an export, for example `best` or `export` of a training."
            )
        location = location / names[0]
    content = read_json_file(location)
    content = content.get("scenario", content)
    content.setdefault("data", {})["resource_base_path"] = str(folder)
    return content


class MissingParamsError(UsageError, FileNotFoundError):
    """A folder holds no parameters of a scenario."""
