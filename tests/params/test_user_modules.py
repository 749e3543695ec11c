import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tfaip.errors import UsageError
from tfaip.params.user_modules import UserModuleError, import_failures_reported, import_user_module


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on Python's path with `umt_package.inner`, which is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "umt_package").mkdir()
    (tmp_path / "umt_package" / "inner.py").write_text("VALUE = 3\n")
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("umt_")]:
        del sys.modules[name]


def failure(name: str) -> str:
    with pytest.raises(UserModuleError) as caught:
        import_user_module(name)
    return str(caught.value)


def test_a_module_is_imported(folder: Path):
    assert import_user_module("umt_package.inner").VALUE == 3


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("umt_pakage", "umt_package"),
        ("umt_package.iner", "umt_package.inner"),
        ("umt_pakage.inner", "umt_package.inner"),
    ],
)
def test_a_wrong_name_gets_the_nearest_one(folder: Path, wrong: str, right: str):
    assert failure(wrong) == f"There is no module `{wrong}`. Did you mean `{right}`?"


@pytest.mark.parametrize("name", ["", ".x", "a..b", "a.", "no_such_module_anywhere", "json.decoder.x", "a b"])
def test_a_name_of_no_module_is_refused(name: str):
    assert f"`{name}`" in failure(name)


def test_the_error_is_also_that_of_python_and_of_the_command_line():
    with pytest.raises(ModuleNotFoundError):
        import_user_module("no_such_module_anywhere")
    with pytest.raises(UsageError):
        import_user_module("no_such_module_anywhere")


@pytest.mark.parametrize(
    ("source", "line", "cause"),
    [
        ("x = (\n", 1, "SyntaxError: '(' was never closed"),
        (
            "def f():\nreturn 3\n",
            2,
            "IndentationError: expected an indented block after function definition on line 1",
        ),
        (
            "\nimport no_such_third_party\n",
            2,
            "ModuleNotFoundError: No module named 'no_such_third_party'. Install it",
        ),
        ("\n\nraise RuntimeError('no\\nlicense')\n", 3, "RuntimeError: no"),
        ("from json import no_such_name\n", 1, "ImportError: cannot import name 'no_such_name'"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
        ("import json\n\njson.loads('{')\n", 3, "JSONDecodeError: Expecting property name"),
        ("def f():\n    raise KeyError('k')\n\n\nf()\n", 2, "KeyError: 'k'"),
    ],
)
def test_a_failure_of_the_users_code_has_file_line_and_cause(
    folder: Path, source: str, line: int, cause: str
):
    (folder / "umt_package" / "broken.py").write_text(source)
    (folder / "umt_package" / "outer.py").write_text("import umt_package.broken\n")

    for name in ("umt_package.broken", "umt_package.outer"):
        message = failure(name)

        assert (
            f"Importing `{name}` failed in {folder / 'umt_package' / 'broken.py'}, line {line}: {cause}"
            in message
        )
        assert "\n" not in message


def test_a_missing_module_of_the_own_package_is_a_failure_not_a_wrong_name(folder: Path):
    (folder / "umt_package" / "caller.py").write_text("import umt_package.gone\n")

    message = failure("umt_package.caller")

    assert "caller.py, line 1: ModuleNotFoundError: No module named 'umt_package.gone'" in message


def late_import(name: str) -> None:
    with import_failures_reported("the scenario"):
        import_user_module("umt_package.late").load(name)


LATE = """
import importlib


def load(name):
    if name:
        importlib.import_module(name)
    return {}[1]
"""


@pytest.mark.parametrize(
    "source", ["x = (\n", "\nimport no_such_third_party\n", "raise RuntimeError('no license')\n"]
)
def test_a_late_import_that_fails_is_reported_as_well(folder: Path, source: str):
    (folder / "umt_package" / "late.py").write_text(LATE)
    (folder / "umt_package" / "bad.py").write_text(source)

    with pytest.raises(UserModuleError, match=r"Importing the scenario failed in .*bad\.py, line"):
        late_import("umt_package.bad")


def test_a_wrong_import_statement_in_a_function_is_reported(folder: Path):
    (folder / "umt_package" / "late.py").write_text("def load(name):\n    import umt_package.gone\n")

    with pytest.raises(UserModuleError, match=r"late\.py, line 2: ModuleNotFoundError"):
        late_import("")


def test_an_error_that_is_not_from_an_import_passes(folder: Path):
    (folder / "umt_package" / "late.py").write_text(LATE)

    with pytest.raises(KeyError):
        late_import("")
