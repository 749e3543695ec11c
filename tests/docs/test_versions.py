"""What is written twice must be the same in both places."""

import re
import tomllib
from pathlib import Path

import pytest

from tfaip.params.aliases import ALIASES

ROOT = Path(__file__).resolve().parents[2]


def development_tools():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    return extras["dev"]


def test_tools_that_judge_a_change_have_exact_versions():
    assert all("==" in requirement for requirement in development_tools())


def test_pre_commit_runs_the_versions_of_the_development_tools():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()

    pinned = set(re.findall(r'additional_dependencies: \["(.+)"\]', hooks))

    assert pinned
    assert pinned <= set(development_tools())


@pytest.mark.parametrize(("alias", "flag"), ALIASES.items())
def test_second_spellings_are_documented(alias, flag):
    page = (ROOT / "docs" / "reference" / "cli.md").read_text()

    assert f"| `--{alias}` | `--{flag}`" in page


def test_exit_codes_are_documented():
    from tfaip import errors

    page = (ROOT / "docs" / "reference" / "exit_codes.md").read_text()

    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.TfaipError)
    ]
    for kind in kinds:
        if kind not in (errors.TfaipError, errors.StoppedBySignal):
            assert f"| {kind.exit_code} | `{kind.__name__}`" in page
    codes = [errors.StoppedBySignal(number, "").exit_code for number in (1, 2, 15)]
    assert f"| {', '.join(map(str, codes))} | `StoppedBySignal`" in page


def test_decisions_are_listed():
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text()

    missing = [path.name for path in folder.glob("0*.md") if f"({path.name})" not in index]

    assert not missing
