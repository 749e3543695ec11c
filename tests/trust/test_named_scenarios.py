"""`scenario_id` in files: what may be imported for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scripts.light_scenario import LightScenario
from tests.toy.scenario import ToyScenario
from tfaip.errors import UntrustedError, UsageError
from tfaip.params.trust import allowing, reading
from tfaip.scenario.scenario_sources import defines_scenario
from tfaip.scenario.stored_scenarios import stored_scenario
from tfaip.scripts import evaluate

ROOT = Path(__file__).parents[2]
SCENARIO = """
from pathlib import Path
from tests.toy.scenario import ToyScenario

Path({mark!r}).touch()


class Mine(ToyScenario):
    pass
"""


def resume(*words: object, cwd: Path, path: Path = ROOT, start: tuple[str, ...] = ("-m",)) -> tuple[int, str]:
    """Resume a training in a process of its own; return its exit code and what it said last."""
    done = subprocess.run(
        [sys.executable, *start, "tfaip.scripts.resume_training", *map(str, words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(path), str(ROOT)])},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr.strip().splitlines()[-1]


@pytest.fixture
def mine(tmp_path):
    """Write a scenario into a folder; return the file that its import leaves behind."""

    def write(folder: Path, name: str = "mine") -> Path:
        mark = tmp_path / f"{name}_was_imported"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(SCENARIO.format(mark=str(mark)))
        return mark

    return write


# ---- what is on the path


@pytest.mark.parametrize("name", ["Scenario", "CanaryParams", "NoSuchClass"])
def test_a_module_that_defines_no_such_scenario_is_not_imported(canary, name):
    with pytest.raises(UntrustedError, match=rf"scenario_id.*{name}.*--allow {canary.name}"):
        stored_scenario(f"{canary.name}:{name}")

    assert not canary.sings


@pytest.mark.parametrize("name", ["os:system", "subprocess:Popen", "json:JSONDecoder", "antigravity:X"])
def test_a_module_of_python_is_no_scenario(name):
    with pytest.raises(UntrustedError):
        stored_scenario(name)

    assert "antigravity" not in sys.modules


def test_what_is_allowed_is_imported_but_must_be_a_scenario(canary):
    with allowing(canary.name), pytest.raises(UntrustedError, match="does not derive from `ScenarioBase`"):
        stored_scenario(f"{canary.name}:Scenario")

    assert canary.sings


def test_a_scenario_on_the_path_needs_no_permission(tmp_path, monkeypatch, mine):
    monkeypatch.syspath_prepend(tmp_path / "path")
    mark = mine(tmp_path / "path", "mine_on_path")

    assert issubclass(stored_scenario("mine_on_path:Mine"), ToyScenario)
    assert mark.exists()


def test_loaded_scenarios_are_found(monkeypatch):
    assert stored_scenario("tests.scripts.light_scenario:LightScenario") is LightScenario


@pytest.mark.parametrize("name", ["x", "a b:C", "a:", ":C", "a:b.c", "a:b:c", "../a:B", 7, ["a:B"]])
def test_what_is_no_name_of_a_class_is_a_usage_error(name):
    with pytest.raises(UsageError, match=r"scenario_id.*module:Class"):
        stored_scenario(name)


def test_a_missing_module_is_told_without_importing_the_package_around_it(canary_in, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path / "path")
    canary = canary_in(tmp_path / "path", "around")
    (tmp_path / "path" / "around" / "__init__.py").write_text(f"from {canary.name} import Scenario")

    with pytest.raises(UsageError, match=r"there is no module `around\.nothing`"):
        stored_scenario("around.nothing:Scenario")

    assert not canary.sings


def test_a_mistake_in_the_source_is_told_with_its_line(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "with_mistake.py").write_text("x = 1\nclass Mine(:\n")

    with pytest.raises(UsageError, match=r"with_mistake\.py, line 2: SyntaxError"):
        stored_scenario("with_mistake:Mine")


# ---- what is beside the model, or in the working directory


@pytest.mark.parametrize("start", [("-m",), ("-P", "-m")])
def test_a_scenario_beside_the_model_is_not_imported(stored, run_dir, mine, start):
    stored["scenario"]["scenario_id"] = "mine:Mine"
    stored["scenario"]["scenario_base_path"] = "mine.py"
    run = run_dir(stored)
    mark = mine(run)

    code, said = resume(".", cwd=run, start=start)

    assert code == 6, said
    assert "`mine` lies in the folder of the model" in said
    assert not mark.exists()


def test_not_even_if_it_is_on_the_path(stored, run_dir, mine):
    stored["scenario"]["scenario_id"] = "mine:Mine"
    run = run_dir(stored)
    mark = mine(run)

    code, said = resume(run / "best", cwd=run, path=run)

    assert code == 6, said
    assert not mark.exists()


@pytest.mark.parametrize("start", [("-m",), ("-P", "-m")])
def test_a_scenario_in_the_working_directory_needs_permission(stored, run_dir, mine, tmp_path, start):
    stored["scenario"]["scenario_id"] = "mine:Mine"
    run = run_dir(stored)
    here = tmp_path / "here"
    mark = mine(here)

    code, said = resume(run, cwd=here, start=start)

    assert code == 6, said
    assert "lies in the working directory" in said
    assert "--allow mine" in said
    assert not mark.exists()

    code, said = resume(run, "--allow", "mine", "--trainer.epochs", "x", cwd=here, start=start)

    assert (code, mark.exists()) == (2, True), said


def test_unless_the_training_was_started_with_that_very_file(stored, run_dir, mine, tmp_path):
    here = tmp_path / "here"
    mark = mine(here)
    stored["scenario"]["scenario_id"] = "mine:Mine"
    stored["scenario"]["scenario_base_path"] = str(here / "mine.py")

    code, said = resume(run_dir(stored), "--trainer.epochs", "x", cwd=here, start=("-P", "-m"))

    assert (code, mark.exists()) == (2, True), said


def test_what_lies_beside_the_script_that_runs_is_its_own(stored, run_dir, mine, tmp_path):
    stored["scenario"]["scenario_id"] = "mine:Mine"
    here = tmp_path / "here"
    mark = mine(here)
    (here / "script.py").write_text(
        "import sys\nfrom tfaip.scenario.scenariobase import ScenarioBase\n"
        "print(ScenarioBase.from_path(sys.argv[1])[0])\n"
    )

    done = subprocess.run(
        [sys.executable, "script.py", str(run_dir(stored))],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )

    assert done.stdout == "<class 'mine.Mine'>\n", done.stderr
    assert mark.exists()


def test_reading_leaves_the_path_of_python_alone(stored, run_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)

    with reading(run_dir(stored)), pytest.raises(UsageError):
        stored_scenario("no_such_module:X")

    assert sys.path == before


# ---- how a scenario is recognised in its source

RECOGNISED = {
    "from tfaip.scenario.scenariobase import ScenarioBase\nclass S(ScenarioBase[A, B]): pass": True,
    "import tfaip.scenario.scenariobase\nclass S(tfaip.scenario.scenariobase.ScenarioBase): pass": True,
    "import tfaip.imports as t\nclass S(t.ListFileScenario[A, B]): pass": True,
    "from tfaip.imports import *\nclass S(ScenarioBase): pass": True,
    "from tfaip import imports\nclass S(imports.ScenarioBase): pass": True,
    "from tests.toy.scenario import ToyScenario as T\nclass B(T): pass\nclass S(B): pass": True,
    "from tests.toy import scenario\nclass S(scenario.ToyScenario): pass": True,
    "from tfaip.imports import ScenarioBase\nBase = ScenarioBase[A, B]\nclass S(Base): pass": True,
    "from tfaip.imports import ScenarioBase\nif True:\n    class S(object, ScenarioBase): pass": True,
    "try:\n    from tfaip.imports import ScenarioBase\nexcept E: raise\nclass S(ScenarioBase): pass": True,
    "class S: pass": False,
    "class ScenarioBase: pass\nclass S(ScenarioBase): pass": False,
    "from elsewhere import ScenarioBase\nclass S(ScenarioBase): pass": False,
    "class S(S): pass": False,
    "class A(S): pass\nclass S(A): pass": False,
    "from tfaip.imports import ScenarioBase\nS = ScenarioBase": True,
    "from tfaip.imports import TrainerParams\nclass S(TrainerParams): pass": False,
    "def f():\n    from tfaip.imports import ScenarioBase\n    class S(ScenarioBase): pass": False,
    "from . import other\nclass S(other.X): pass": False,
    "": False,
}


@pytest.mark.parametrize(("source", "expected"), RECOGNISED.items())
def test_a_scenario_is_recognised_in_its_source(tmp_path, source, expected):
    file = tmp_path / "module.py"
    file.write_text(source)

    assert defines_scenario("module", "S", file) is expected


def test_what_is_no_source_is_no_scenario(tmp_path):
    (tmp_path / "module.so").write_bytes(b"\x7fELF")

    assert not defines_scenario("module", "S", tmp_path / "module.so")


@pytest.mark.parametrize(
    "module",
    [
        "scenarios.tutorial.full.scenario:FullScenario",
        "scenarios.tutorial.min.scenario:MinScenario",
        "tests.toy.scenario:ToyScenario",
    ],
)
def test_the_scenarios_of_the_tutorials_are_recognised(module):
    name, _, cls = module.partition(":")

    assert defines_scenario(name, cls, ROOT / f"{name.replace('.', '/')}.py")


def test_a_model_is_no_package_whatever_lies_in_it(stored, run_dir, tmp_path, monkeypatch):
    run = run_dir(stored)
    mark = tmp_path / "imported"
    (run / "__init__.py").write_text(f"open({str(mark)!r}, 'w')")
    monkeypatch.chdir(tmp_path)

    _, scenario, _ = evaluate.parse_args(["--pred", "p", "--scenario", "run"])

    assert scenario is LightScenario
    assert not mark.exists()
