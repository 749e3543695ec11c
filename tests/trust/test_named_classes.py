"""`__cls__` in files: only what is trusted is imported, and only what belongs there is made."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.light_scenario import LightScenario
from tests.toy.params import NoiseParams
from tfaip.errors import UntrustedError, UsageError
from tfaip.params.trust import allow, allowing, is_allowed
from tfaip.scenario.params_files import trainer_params_from_dict
from tfaip.scripts import (
    adapt_exported_model,
    evaluate,
    export,
    lav,
    lav_multi,
    predict,
    resume_training,
    train,
    train_from_params,
)
from tfaip.trainer.run_folder import resume_command

Program = Callable[[list[str]], Any]


def _into_another_folder(run: Path) -> list[str]:
    return [str(run / "trainer_params.json"), "--trainer.output_dir", str(run.parent / "another")]


# What each program that reads params files is called with.
PROGRAMS: dict[str, tuple[Program, Callable[[Path], list[str]]]] = {
    "resume": (resume_training.main, lambda run: [str(run)]),
    "train-from-params": (train_from_params.main, _into_another_folder),
    "lav": (lav.parse_args, lambda run: ["--export_dir", str(run / "best")]),
    "multi-lav": (lav_multi.parse_args, lambda run: ["--export_dirs", str(run / "best"), str(run / "best")]),
    "predict": (predict.parse_args, lambda run: ["--export_dir", str(run / "best")]),
    "export": (export.parse_args, lambda run: [str(run / "best"), "--format", "onnx"]),
    "adapt": (
        adapt_exported_model.parse_args,
        lambda run: [str(run / "best"), "--output_dir", str(run.parent / "adapted")],
    ),
    "evaluate": (evaluate.parse_args, lambda run: ["--pred", "p", "--scenario", str(run / "best")]),
}


def read(content: dict[str, Any]) -> Any:
    return trainer_params_from_dict(content)[0]


def refusal(content: dict[str, Any]) -> str:
    with pytest.raises(UntrustedError) as caught:
        read(content)
    return str(caught.value)


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_program_refuses_a_class_of_another_package(program, canary, stored, run_dir):
    stored["scenario"]["data"]["__cls__"] = f"{canary.name}:CanaryParams"
    main, words = PROGRAMS[program]

    with pytest.raises(UntrustedError) as caught:
        main(words(run_dir(stored)))

    assert not canary.sings
    for fact in (
        "data.__cls__",
        f"`{canary.name}:CanaryParams`",
        f"`--allow {canary.name}`",
        str(run_dir(stored)),
    ):
        assert fact in str(caught.value)
    assert caught.value.exit_code == 6


@pytest.mark.parametrize("program", sorted(set(PROGRAMS) - {"multi-lav"}))
def test_each_program_loads_what_the_command_line_allows(program, canary, stored, run_dir):
    stored["scenario"]["data"]["__cls__"] = f"{canary.name}:CanaryParams"
    main, words = PROGRAMS[program]

    with allowing():
        main([*words(run_dir(stored)), "--allow", canary.name])

    assert canary.sings
    assert not is_allowed(canary.name)


def test_code_may_allow_a_package_for_a_while(canary, stored):
    stored["scenario"]["data"] = {"__cls__": f"{canary.name}:CanaryParams", "song": "trill"}

    with allowing(canary.name):
        assert read(stored).scenario.data.song == "trill"

    refusal(stored)


def test_more_may_be_allowed_but_nothing_less(canary):
    with allowing():
        allow(f"{canary.name}.part")
        allow("another")

        assert all(map(is_allowed, [f"{canary.name}.part.more", "another", "tfaip.x"]))
        assert not any(map(is_allowed, [canary.name, f"{canary.name}.partial", "tfaipx"]))


@pytest.mark.parametrize("name", ["", "*", "a.*", "a b", "../a", "a:B", ".a"])
def test_what_is_allowed_must_be_the_name_of_a_package(name):
    with pytest.raises(UsageError, match="--allow"):
        allow(name)


@pytest.mark.parametrize(
    "name",
    [
        "builtins:exec",
        "os:system",
        "subprocess:Popen",
        "tfaip.files:os",
        "tfaip.params.trust:sys.modules",
        "tfaip.scripts.arguments:traceback",
        "tfaip.util.json_helper:TFAIPJsonDecoder",
        "tfaip.files:write_json",
        "tfaip.params.trust:UntrustedError",
        "tfaip:files",
        "tests.trust:conftest",
        "tests.trust.conftest:Canary",
        "tfaip.params.parser:__builtins__",
        "antigravity:X",
        "tfaip..files:X",
        ":X",
        "tfaip.files:",
        "tfaip.files",
        "tfaip.files:X:Y",
        7,
        ["tfaip.files:X"],
        {"a": 1},
    ],
    ids=str,
)
def test_what_is_no_class_of_params_is_refused(stored, name):
    stored["scenario"]["data"]["__cls__"] = name

    assert "scenario.data.__cls__" in refusal(stored)
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("name", ["tfaip.trainer.params:TrainerParams", "tests.toy.params:NoiseParams"])
def test_what_is_no_subclass_of_the_field_s_class_is_refused(stored, name):
    stored["scenario"]["data"]["__cls__"] = name

    assert "a subclass of `ToyDataParams` belongs there" in refusal(stored)


def test_a_refused_class_is_never_made(stored, monkeypatch):
    monkeypatch.setattr(NoiseParams, "__post_init__", lambda self: pytest.fail("it was made"), raising=False)
    stored["scenario"]["model"]["__cls__"] = "tests.toy.params:NoiseParams"

    refusal(stored)


def test_a_name_in_a_list_is_told_with_its_place(canary, stored):
    stored["scenario"]["data"]["pre_proc"] = {
        "__cls__": "tfaip.data.pipeline.processor.params:SequentialProcessorPipelineParams",
        "processors": [
            {"__cls__": "tests.toy.params:NoiseParams"},
            {"__cls__": f"{canary.name}:CanaryParams"},
        ],
    }

    assert "`scenario.data.pre_proc.processors.1.__cls__`" in refusal(stored)
    assert not canary.sings


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (["callbacks"], ["{}:Callback"]),
        (["optimizer"], {"__cls__": "tfaip.trainer.optimizer.keras_params:KerasOptimizer", "path": "{}:Opt"}),
        (["policies"], [{"__cls__": "tfaip.trainer.policies.value_params:Lambda", "function": "{}:f"}]),
    ],
)
def test_text_that_names_code_is_checked_too(canary, stored, keys, value):
    stored[keys[0]] = json.loads(json.dumps(value).replace("{}", canary.name))

    assert f"--allow {canary.name}" in refusal(stored)
    assert not canary.sings


def test_optimizers_of_keras_and_callbacks_of_the_scenario_s_package_need_no_permission(stored):
    stored["callbacks"] = ["tests.trainer.something:Callback"]
    stored["optimizer"] = {
        "__cls__": "tfaip.trainer.optimizer.keras_params:KerasOptimizer",
        "path": "keras.optimizers:Adagrad",
    }

    assert read(stored).callbacks == ["tests.trainer.something:Callback"]


@pytest.mark.parametrize("key", ["allow", "allowed", "__allow__", "trust", "TFAIP_ALLOW"])
def test_params_do_not_change_what_is_trusted(canary, stored, key, monkeypatch):
    monkeypatch.setenv("TFAIP_ALLOW", canary.name)
    stored["scenario"]["data"]["__cls__"] = f"{canary.name}:CanaryParams"
    stored["scenario"]["tfaip_version"] = "1.2.0"  # so that unknown keys are left out
    stored[key] = stored["scenario"][key] = [canary.name]

    refusal(stored)
    assert not canary.sings


def test_a_module_beside_the_model_is_none_of_the_scenario_s_package(
    canary_in, stored, run_dir, tmp_path, monkeypatch
):
    run = run_dir(stored)
    (run / "room" / "part").mkdir(parents=True)
    canary = canary_in(run, "tests")
    stored["scenario"]["data"]["__cls__"] = f"{canary.name}:CanaryParams"
    program = "import sys; from tfaip.scripts import resume_training as r; r.run()"

    done = subprocess.run(
        [sys.executable, "-c", program, "."],
        cwd=run_dir(stored),
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 6, done.stderr
    assert "lies in the folder of the model" in done.stderr
    assert not canary.sings


def test_the_class_of_the_root_may_be_a_base(stored):
    stored["__cls__"] = "tfaip.trainer.params:TrainerParams"

    assert type(read(stored)) is LightScenario.trainer_params_cls()


def test_what_the_command_line_names_is_trusted_and_part_of_the_command_to_resume(canary):
    line = ["--data", f"{canary.name}:CanaryParams", "--trainer.output_dir", "o p"]

    with allowing():
        _, params = train.parse_args(["tests.scripts.light_scenario:LightScenario", *line])
        command = resume_command(params)

        assert is_allowed(canary.name)
    assert canary.sings
    assert shlex.split(command) == ["tfaip-resume-training", "o p", "--allow", canary.name]


def test_the_command_to_resume_is_short_where_nothing_is_to_allow(stored):
    stored["output_dir"] = "run"

    with allowing("tests.toy"):
        assert resume_command(read(stored)) == "tfaip-resume-training run"
