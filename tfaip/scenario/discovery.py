"""Find the scenario class that a user names: `package.module:Class`, `package.module`, or `package`."""

import importlib.util
import inspect
from types import ModuleType
from typing import TYPE_CHECKING, Any, List, Type

from tfaip.errors import UsageError
from tfaip.params.module_places import search_working_directory as search_working_directory
from tfaip.params.suggestions import any_of, did_you_mean
from tfaip.params.user_modules import UserModuleError, import_user_module

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase

_DEFAULT_MODULE = "scenario"


class ScenarioNotFoundError(UserModuleError):
    """A name leads to no scenario."""


def import_scenario(module_name: str) -> "Type[ScenarioBase]":
    """Return the scenario class that a name leads to.

    Args:
        module_name: `package.module:Class`, a module that defines one scenario, or a package whose module
            `scenario` does; `/` may be written for `.`. Python looks on its path, and last in the working
            directory.

    Raises:
        ScenarioNotFoundError: There is no such module, or no scenario in it; also a `ModuleNotFoundError`.
        UserModuleError: The module fails while it is imported; also a `ModuleNotFoundError`.
        UsageError: There are several scenarios, or the named class is none; also a `ValueError`.
    """
    search_working_directory()
    path, colon, class_name = module_name.partition(":")
    name = _with_dots(path)
    if colon:
        return _scenario_named(import_user_module(name), class_name)
    scenarios = _scenarios_at(name)
    if not scenarios:
        raise ScenarioNotFoundError(
            f"There is no scenario in `{name}`: neither it nor its module `{_DEFAULT_MODULE}` "
            "defines a class that derives from `ScenarioBase`."
        )
    if len(scenarios) > 1:
        forms = any_of(f"`{scenario.__module__}:{scenario.__name__}`" for scenario in scenarios)
        raise UsageError(f"There are several scenarios in `{name}`. Name one of them: {forms}.")
    return scenarios[0]


def scenarios_in(module: ModuleType) -> "List[Type[ScenarioBase]]":
    """Return the scenarios that `module` itself defines, without base classes called `...ScenarioBase...`."""
    own = [value for value in vars(module).values() if _is_scenario(value)]
    own = [scenario for scenario in own if scenario.__module__ == module.__name__]
    return [scenario for scenario in dict.fromkeys(own) if "ScenarioBase" not in scenario.__name__]


def _with_dots(path: str) -> str:
    """Return the name of the module at `path`, which may be written with slashes, as a shell completes it."""
    name = path.strip().removeprefix("./").rstrip("/")
    if "/" in name:
        name = name.removesuffix(".py")
    return name.replace("/", ".")


def _scenarios_at(module_name: str) -> "List[Type[ScenarioBase]]":
    """Return the scenarios in a module, or if there are none, in the module `scenario` below it."""
    scenarios = scenarios_in(import_user_module(module_name))
    below = f"{module_name}.{_DEFAULT_MODULE}"
    if scenarios or not _has_module(below):
        return scenarios
    return scenarios_in(import_user_module(below))


def _has_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is no package
        return False


def _scenario_named(module: ModuleType, class_name: str) -> "Type[ScenarioBase]":
    names = [scenario.__name__ for scenario in scenarios_in(module)]
    found = getattr(module, class_name, None)
    if found is None:
        hint = did_you_mean(class_name, names) or _known(names)
        raise ScenarioNotFoundError(f"`{module.__name__}` has no class `{class_name}`.{hint}")
    if not _is_scenario(found):
        raise UsageError(
            f"`{module.__name__}:{class_name}` is no scenario: it does not derive from `ScenarioBase`."
        )
    return found


def _known(names: List[str]) -> str:
    return f" It defines {', '.join(f'`{name}`' for name in names)}." if names else ""


def _is_scenario(value: Any) -> bool:
    # Here, because that module re-exports `import_scenario`.
    from tfaip.scenario.scenariobase import ScenarioBase  # noqa: PLC0415

    return inspect.isclass(value) and issubclass(value, ScenarioBase) and value is not ScenarioBase
