import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tfaip.errors import UsageError
from tfaip.scenario.discovery import ScenarioNotFoundError, import_scenario

HEAD = "from tfaip.scenario.scenariobase import ScenarioBase\n\n\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, which is not on Python's path; what is imported from it is forgotten again."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("dt_"):
            del sys.modules[name]


def write(path: Path, source: str, *, head: str = HEAD) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + source)


def failure(name: str) -> str:
    with pytest.raises(UsageError) as caught:
        import_scenario(name)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "name",
    [
        "dt_house.room",
        "dt_house.room.scenario",
        "dt_house.room.scenario:Room",
        "dt_house/room",
        "dt_house/room/",
        "./dt_house/room",
        "dt_house/room/scenario",
        "dt_house/room/scenario.py",
        "dt_house/room/scenario:Room",
    ],
)
def test_every_form_of_a_name_leads_to_the_scenario(folder: Path, name: str):
    write(folder / "dt_house" / "room" / "scenario.py", "class Room(ScenarioBase):\n    pass\n")

    assert import_scenario(name).__name__ == "Room"


def test_a_module_may_hold_the_scenario_itself(folder: Path):
    write(folder / "dt_single.py", "class Single(ScenarioBase):\n    pass\n")

    assert import_scenario("dt_single").__name__ == "Single"


def test_only_scenarios_of_the_module_itself_count_and_no_bases(folder: Path):
    write(folder / "dt_other.py", "class Other(ScenarioBase):\n    pass\n")
    write(
        folder / "dt_own.py",
        "from dt_other import Other\n\n\nclass MyScenarioBase(ScenarioBase):\n    pass\n\n\n"
        "class Own(MyScenarioBase):\n    pass\n\n\nAlias = Own\n",
    )

    assert import_scenario("dt_own").__name__ == "Own"


def test_a_package_is_asked_before_its_module_scenario(folder: Path):
    write(folder / "dt_package" / "__init__.py", "class Outer(ScenarioBase):\n    pass\n")
    write(folder / "dt_package" / "scenario.py", "class Inner(ScenarioBase):\n    pass\n")

    assert import_scenario("dt_package").__name__ == "Outer"
    assert import_scenario("dt_package.scenario").__name__ == "Inner"


def test_the_path_of_python_comes_before_the_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch):
    write(folder / "elsewhere" / "dt_twice.py", "class OnPath(ScenarioBase):\n    pass\n")
    write(folder / "dt_twice.py", "class Here(ScenarioBase):\n    pass\n")
    monkeypatch.syspath_prepend(folder / "elsewhere")

    assert import_scenario("dt_twice").__name__ == "OnPath"
    assert sys.path[-1] == os.getcwd()


def test_several_scenarios_are_listed_as_they_can_be_typed(folder: Path):
    write(folder / "dt_many" / "scenario.py", "class A(ScenarioBase):\n    pass\n\n\nclass B(A):\n    pass\n")

    message = failure("dt_many")

    assert message == (
        "There are several scenarios in `dt_many`. "
        "Name one of them: `dt_many.scenario:A` or `dt_many.scenario:B`."
    )
    assert import_scenario("dt_many.scenario:B").__name__ == "B"


def test_a_module_without_a_scenario_is_named(folder: Path):
    write(folder / "dt_none" / "__init__.py", "x = 3\n")
    write(folder / "dt_none" / "scenario.py", "x = 3\n")

    assert "There is no scenario in `dt_none`" in failure("dt_none")
    assert "There is no scenario in `dt_none.scenario`" in failure("dt_none.scenario")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("dt_huose.room", "dt_house.room"),
        ("dt_house.romm", "dt_house.room"),
        ("dt_house.room.scenarios", "dt_house.room.scenario"),
    ],
)
def test_a_wrong_name_gets_the_nearest_one(folder: Path, wrong: str, right: str):
    write(folder / "dt_house" / "room" / "scenario.py", "class Room(ScenarioBase):\n    pass\n")

    assert failure(wrong) == f"There is no module `{wrong}`. Did you mean `{right}`?"


def test_a_wrong_class_gets_the_nearest_one_or_all(folder: Path):
    write(folder / "dt_class.py", "class Tutorial(ScenarioBase):\n    pass\n")

    assert failure("dt_class:Tutorail") == "`dt_class` has no class `Tutorail`. Did you mean `Tutorial`?"
    assert failure("dt_class:X") == "`dt_class` has no class `X`. It defines `Tutorial`."


@pytest.mark.parametrize(
    "name", ["json:JSONDecoder", "json:loads", "tfaip.scenario.scenariobase:ScenarioBase"]
)
def test_a_class_that_is_no_scenario_is_refused(folder: Path, name: str):
    assert failure(name) == f"`{name}` is no scenario: it does not derive from `ScenarioBase`."


@pytest.mark.parametrize("name", ["", ":", ":X", "a..b", "/", "."])
def test_what_is_no_name_is_refused(folder: Path, name: str):
    assert failure(name)


@pytest.mark.parametrize("where", ["scenario.py", "__init__.py", "model.py"])
@pytest.mark.parametrize(
    ("source", "line", "cause"),
    [
        ("x = (\n", 1, "SyntaxError"),
        ("\nimport no_such_third_party\n", 2, "No module named 'no_such_third_party'. Install it"),
        ("\n\nraise RuntimeError('no license')\n", 3, "RuntimeError: no license"),
    ],
)
def test_a_scenario_that_fails_on_import_is_reported_with_its_own_line(
    folder: Path, where: str, source: str, line: int, cause: str
):
    package = folder / "dt_broken"
    write(package / "__init__.py", "", head="")
    write(package / "scenario.py", "import dt_broken.model\n\n\nclass S(ScenarioBase):\n    pass\n")
    write(package / "model.py", "", head="")
    write(package / where, source, head="")

    for name in ("dt_broken", "dt_broken.scenario", "dt_broken.scenario:S"):
        message = failure(name)

        assert f"{package / where}, line {line}: " in message
        assert cause in message
        assert "no module `dt_broken" not in message.lower()


def test_errors_are_those_of_python_as_well(folder: Path):
    write(folder / "dt_two.py", "class A(ScenarioBase):\n    pass\n\n\nclass B(A):\n    pass\n")
    write(folder / "dt_bad.py", "raise KeyError('x')\n")

    for name in ("dt_nowhere", "dt_bad", "json"):
        with pytest.raises(ModuleNotFoundError):
            import_scenario(name)
    with pytest.raises(ScenarioNotFoundError):
        import_scenario("json")
    with pytest.raises(ValueError, match="several"):
        import_scenario("dt_two")
