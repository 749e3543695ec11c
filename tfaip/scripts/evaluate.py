"""`tfaip-evaluate --pred DUMP --scenario DIR [flags]`: run an evaluator, or any function, on a dump."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from tfaip.predict.dumps import EvalDataset
    from tfaip.predict.pickled_dumps import PickledDump
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.scenario.scenariobaseparams import ScenarioBaseParams

_PROGRAM = "tfaip-evaluate"
_USAGE = f"{_PROGRAM} --pred DUMP [--scenario DIR] [--callback MODULE.FUNCTION] [--FLAG VALUE ...]"
_SUMMARY = "Run the evaluator of a scenario, or a function of yours, on the samples of a dump."
_EXAMPLE = f"{_PROGRAM} --pred out.dump --scenario run/best"


def parse_args(
    args: Sequence[str] | None = None,
) -> "tuple[argparse.Namespace, Optional[type[ScenarioBase]], Optional[ScenarioBaseParams]]":
    """Return what the command line says, and the scenario class and params if a scenario is named.

    The namespace holds `pred`, `callback` and `allow_pickle`.

    Args:
        args: The words behind the name of the program; `None`: those of this process.

    Raises:
        UsageError: If there is nothing to run, no such scenario, or a flag is wrong.
    """
    from tfaip.errors import UsageError
    from tfaip.params.words import split_words

    words = sys.argv[1:] if args is None else list(args)
    _answer_at_once(words)
    given = {item.flag: item.values for item in split_words(words)[0]}
    if not ({"--pred", "--prediction"} & given.keys() and {"--scenario", "--callback"} & given.keys()):
        raise UsageError(
            f"`{_PROGRAM}` needs `--pred` with a dump, and `--scenario` with an export or `--callback` with "
            f"a function. Try `{_EXAMPLE}`, or `{_PROGRAM} --help`."
        )

    # Here, because the general help waits for nothing.
    from tfaip.params.parser import TFAIPArgumentParser
    from tfaip.scripts.allowed import add_allow_option, allow_named

    allow_named(words)
    parser = TFAIPArgumentParser(prog=_PROGRAM, usage=_USAGE, description=_SUMMARY)
    _add_options(parser)
    add_allow_option(parser)
    scenario = scenario_params = None
    if given.get("--scenario"):
        scenario, scenario_params = _scenario(given["--scenario"][0])
        evaluator_params = scenario_params.evaluator
        parser.add_root_argument("evaluator", type(evaluator_params), default=evaluator_params)
    parsed = parser.parse_args(words)
    if scenario_params is not None:
        scenario_params.evaluator = parsed.evaluator
    return parsed, scenario, scenario_params


def main(
    prediction: str,
    scenario: "Optional[type[ScenarioBase]]",
    scenario_params: "Optional[ScenarioBaseParams]",
    *,
    callback: Optional[str] = None,
    allow_pickle: bool = False,
) -> dict[str, Any]:
    """Evaluate, print the results as JSON, and return them.

    Args:
        prediction: The dump.
        scenario: Whose evaluator to run; `None`: no evaluator.
        scenario_params: The params of the scenario.
        callback: The function to run, `module.function`; it receives the dump as an `EvalDataset` and may
            return a dict of results.
        allow_pickle: Also read a dump of version 1.2, and run whatever code it holds.
    """
    from tfaip.lav.result import LAVResult
    from tfaip.predict.pickled_dumps import open_dump

    function = None if callback is None else _function(callback)
    dump = open_dump(prediction, allow_pickle=allow_pickle)
    results: dict[str, Any] = {}
    if scenario is not None and len(dump) > 0:
        results.update(_evaluated(dump, scenario, scenario_params))
    if function is not None:
        returned = function(dump)
        results.update(returned if isinstance(returned, Mapping) else {})
    print(LAVResult(results, len(dump)).to_json(), flush=True)  # noqa: T201 - the output of a program
    return results


def _evaluated(
    dump: "EvalDataset | PickledDump", scenario: "type[ScenarioBase]", params: Any
) -> dict[str, Any]:
    from tfaip.params.user_modules import import_failures_reported

    with import_failures_reported("the scenario"):
        kwargs = scenario.additional_evaluator_kwargs(scenario(params).data, params)
        evaluator = scenario.create_evaluator(params.evaluator, **kwargs)
    with evaluator:
        for sample in dump.samples():
            evaluator.update_state(sample)
        return evaluator.result() or {}


def _scenario(name: str) -> "tuple[type[ScenarioBase], ScenarioBaseParams]":
    """Return the scenario in a folder or parameter file, or the one of this name with its defaults."""
    from tfaip.params.user_modules import import_failures_reported
    from tfaip.scenario.discovery import import_scenario
    from tfaip.scenario.params_files import PARAMS_FILES
    from tfaip.scenario.scenariobase import ScenarioBase

    place = Path(name).expanduser()
    # A folder with params is a model, whatever else its author put there.
    is_model = place.suffix == ".json" or any((place / file).exists() for file in PARAMS_FILES)
    with import_failures_reported("the scenario"):
        if is_model or (place.exists() and not (place / "__init__.py").exists()):
            return ScenarioBase.from_path(name)
        scenario = import_scenario(name)
        return scenario, scenario.default_params()


def _function(name: str) -> Callable[[Any], Any]:
    """Return the function that `module.function`, or `module:function`, names."""
    from tfaip.errors import UsageError
    from tfaip.params.suggestions import did_you_mean
    from tfaip.params.user_modules import import_user_module
    from tfaip.scenario.discovery import search_working_directory

    module_name, _, function_name = name.replace(":", ".").rpartition(".")
    if not module_name:
        raise UsageError(f"`--callback` expects `module.function`, got `{name}`.")
    search_working_directory()
    module = import_user_module(module_name)
    function = getattr(module, function_name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UsageError(
            f"`{module_name}` has no function `{function_name}`.{did_you_mean(function_name, known)}"
        )
    return function


def _answer_at_once(words: list[str]) -> None:
    """Show the version, or the help if no scenario is named whose flags belong to it."""
    from tfaip.version import __version__

    parser = argparse.ArgumentParser(
        prog=_PROGRAM, usage=_USAGE, description=_SUMMARY, epilog=f"Example: {_EXAMPLE}"
    )
    _add_options(parser)
    parser.add_argument("--version", action="version", version=f"tfaip {__version__}")
    if "--version" in words:
        parser.parse_args(["--version"])
    if all(word.partition("=")[0] != "--scenario" for word in words) and not {"-h", "--help"}.isdisjoint(
        words
    ):
        parser.parse_args(["--help"])


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pred", "--prediction", metavar="DUMP", help="what `--dump` of a program wrote")
    parser.add_argument(
        "--scenario", metavar="DIR", help="run the evaluator of this export, or of the scenario of this name"
    )
    parser.add_argument(
        "--callback", metavar="MODULE.FUNCTION", help="run this function with the dump as its argument"
    )
    parser.add_argument(
        "--allow_pickle",
        metavar="True",
        nargs="?",
        const="True",
        default="False",
        choices=["True", "False"],
        help="also read a dump of version 1.2, and run whatever code it holds: only if you trust its writer",
    )


def run() -> None:
    """Evaluate as the command line of this process says."""
    from tfaip.scripts.arguments import run_command

    def main_of_words() -> None:
        args, scenario, params = parse_args()
        main(args.pred, scenario, params, callback=args.callback, allow_pickle=args.allow_pickle == "True")

    run_command(main_of_words)


if __name__ == "__main__":
    if not __package__:
        # Started as a file: then Python looks for modules in this folder, not in the one that holds `tfaip`.
        folder = Path(__file__).resolve().parent
        sys.path[:] = [str(folder.parents[1]), *(path for path in sys.path if path != str(folder))]
    run()
