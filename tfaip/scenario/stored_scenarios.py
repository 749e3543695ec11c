"""The scenario that a file names: which of the modules on the path may be imported for it.

Everything else in a file may only name what belongs to its scenario, so the scenario itself is looked at
first. A module is imported if its source text defines a class of that name that derives from `ScenarioBase`,
and if it does not lie in the folder of the model. That is somebody's scenario, and importing it is what it is
for.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Type

from tfaip.errors import UsageError
from tfaip.params.module_places import (
    find_module,
    is_found_in_working_directory,
    model_folder_around,
    search_working_directory,
)
from tfaip.params.suggestions import did_you_mean
from tfaip.params.trust import is_allowed, refuse, source_name, source_path
from tfaip.params.user_modules import UserModuleError, import_failure, import_user_module, nearest_modules
from tfaip.printable import printable
from tfaip.scenario.scenario_sources import defines_scenario

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase

_KEY = "scenario_id"


def stored_scenario(scenario_id: Any, base_path: Any = None) -> "Type[ScenarioBase]":
    """Return the scenario class that a file names.

    Args:
        scenario_id: `module:Class`.
        base_path: The file in which the class was when the training was started, if the params say so.

    Raises:
        UserModuleError: There is no such module, or it fails while it is imported.
        UntrustedError: The name leads to something that is no scenario, or that lies where names in files do
            not reach; it was not imported.
    """
    module, _, name = scenario_id.partition(":") if isinstance(scenario_id, str) else ("", "", "")
    if not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        raise UsageError(
            f"{source_name()} has the `{_KEY}` `{printable(scenario_id)}`, which is no `module:Class`."
        )
    if module not in sys.modules and not is_allowed(module):
        _check_source(scenario_id, module, name, base_path)
    found = vars(import_user_module(module)).get(name)
    if found is None:
        names = [key for key, value in vars(sys.modules[module]).items() if isinstance(value, type)]
        raise UsageError(
            f"{source_name()} names the scenario `{scenario_id}`, but `{module}` has no `{name}`."
            f"{did_you_mean(name, names)}"
        )
    _check_class(scenario_id, found)
    return found


def _check_source(scenario_id: str, module: str, name: str, base_path: Any) -> None:
    """Raise unless `module` may be imported for the scenario `name`; it is looked at, not imported."""
    if module.partition(".")[0] in sys.stdlib_module_names:
        refuse(scenario_id, _KEY, f"`{module}` is a module of Python, not of a scenario", hint=False)
    on_path = find_module(module)
    place = on_path or find_module(module, [os.getcwd()])
    if place is None:
        raise UserModuleError(
            f"{source_name()} names the scenario `{scenario_id}`, but there is no module `{module}`."
            f"{nearest_modules(module)} Install it, or put the folder that holds it on PYTHONPATH."
        )
    if folder := model_folder_around(place, source_path()):
        refuse(scenario_id, _KEY, f"`{module}` lies in the folder of the model, `{folder}`")
    if is_found_in_working_directory(module, place) and not _is_file(place, base_path):
        refuse(scenario_id, _KEY, f"`{module}` lies in the working directory")
    try:
        is_scenario = defines_scenario(module, name, place)
    except SyntaxError as error:
        raise import_failure(module, error) from error
    if not is_scenario:
        refuse(scenario_id, _KEY, f"`{place}` does not define a scenario `{name}`")
    if on_path is None:
        search_working_directory()


def _is_file(place: Path, base_path: Any) -> bool:
    """Return whether the training was started with the scenario in the file `place`."""
    return isinstance(base_path, str) and Path(base_path).resolve() == place


def _check_class(scenario_id: str, found: Any) -> None:
    # Here, because that module re-exports this room.
    from tfaip.scenario.scenariobase import ScenarioBase  # noqa: PLC0415

    if not isinstance(found, type) or not issubclass(found, ScenarioBase):
        refuse(scenario_id, _KEY, "it does not derive from `ScenarioBase`", hint=False)
    if f"{found.__module__}:{found.__name__}" != scenario_id and not is_allowed(found.__module__):
        refuse(scenario_id, _KEY, f"it is another name of `{found.__module__}:{found.__qualname__}`")
