"""What the programs share that validate exports: defaults from the training, flags, and what is printed."""

import copy
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from tfaip.data.databaseparams import DataGeneratorParams, DataPipelineParams
from tfaip.lav.params import LAVParams
from tfaip.params.trust import reading
from tfaip.scenario.params_files import params_of_scenario, read_json_file
from tfaip.version import __version__

if TYPE_CHECKING:
    from tfaip.lav.result import LAVResult
    from tfaip.reporting.benchmark import BenchmarkResults
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.scenario.scenariobaseparams import ScenarioBaseParams
    from tfaip.trainer.params import TrainerParams

_OPTIONS = ("run_eagerly", "instantiate_graph", "dump", "dump_losses")
_TRUE, _FALSE = ("true", "yes", "y", "1"), ("false", "no", "n", "0")


def as_written_today(words: Sequence[str]) -> list[str]:
    """Return the words with the spellings of older documentation replaced.

    It has `--lav.batch_size` for `--pipeline.batch_size`, and so for all fields of the pipeline,
    `--lav.run_eagerly` for `--run_eagerly`, and so for all options of the program, and `-` for `_` in those.
    """
    spellings = {f"--lav.{field.name}": f"--pipeline.{field.name}" for field in fields(DataPipelineParams)}
    for option in _OPTIONS:
        spellings |= {f"--lav.{option}": f"--{option}", f"--{option.replace('_', '-')}": f"--{option}"}
    return [_replaced(word, spellings) for word in words]


def add_options(parser: ArgumentParser, options: Iterable[str] = _OPTIONS) -> None:
    """Add those options of the program that are no fields of params."""
    helps = {
        "run_eagerly": "run line by line, so that a debugger stops in the scenario; much slower",
        "instantiate_graph": "build the graph from the code of the scenario, with the exported weights",
        "dump_losses": "also write the losses of each sample to the dump",
    }
    for option in options:
        if option == "dump":
            parser.add_argument("--dump", metavar="FILE", help="write the evaluated samples to this file")
            continue
        parser.add_argument(
            f"--{option}",
            metavar="True",
            nargs="?",
            const=True,
            default=False,
            type=_boolean,
            help=helps[option],
        )


def stored_training(export_dir: str, scenario_params: "ScenarioBaseParams") -> "Optional[TrainerParams]":
    """Return the params of the training that wrote an export; `None` if they are not there.

    They are in the export of a best model; that of the last epoch lies in the folder that has them.
    """
    folder = Path(export_dir).expanduser().absolute()
    for candidate in (folder, folder.parent):
        file = candidate / scenario_params.trainer_params_filename
        if not file.is_file():
            continue
        content = read_json_file(file)
        if (content.get("scenario") or {}).get("scenario_id") == scenario_params.scenario_id:
            scenario = scenario_params.cls()
            with reading(file):
                return params_of_scenario(scenario, scenario.trainer_params_cls(), content)
    return None


def default_generator(
    scenario: "type[ScenarioBase]", training: "Optional[TrainerParams]"
) -> DataGeneratorParams:
    """Return the first data set of LAV in the training, else what the scenario predicts by default."""
    generators = [] if training is None else training.gen.lav_gen()
    return generators[0] if generators else scenario.predict_generator_params_cls()()


def default_lav_params(
    scenario: "type[ScenarioBase]", training: "Optional[TrainerParams]", model_path: str | list[str]
) -> LAVParams:
    """Return LAV params that read samples as the validation of the training did."""
    params = scenario.lav_params_cls()(model_path=model_path)
    if training is not None:
        params.pipeline = copy.deepcopy(training.gen.setup.val)
        params.__post_init__()
    return params


def print_results(results: "Sequence[LAVResult]", benchmark: "BenchmarkResults") -> None:
    """Print the version, the result as JSON, that of several data sets as an array, and how fast it was."""
    _print(f"tfaip {__version__}")
    texts = [result.to_json() for result in results]
    _print(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")
    benchmark.pretty_print(_print)


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the output of a program


def _replaced(word: str, spellings: dict[str, str]) -> str:
    flag, equals, value = word.partition("=")
    return f"{spellings.get(flag, flag)}{equals}{value}"


def _boolean(word: str) -> Any:
    if word.lower() in (*_TRUE, *_FALSE):
        return word.lower() in _TRUE
    raise ArgumentTypeError(f"expects True or False, got `{word}`")
