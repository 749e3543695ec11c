"""Help is read by people, so a golden file shows each change: `UPDATE_GOLDEN=1 pytest` writes it anew."""

import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.params.toy_tree import AdamOptimizer, SGDOptimizer, ToyParams
from tfaip.params.parser import TFAIPArgumentParser

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "toy_help.txt"


def shown(capsys: pytest.CaptureFixture[str], line: str, **defaults: Any) -> str:
    parser = TFAIPArgumentParser(prog="toy", usage="toy SCENARIO [--FLAG VALUE ...]", description="Train.")
    parser.add_argument("--dump", help="where results go", required=True)
    parser.add_root_argument("trainer", ToyParams, default=ToyParams(**defaults))
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(line.split())
    assert caught.value.code in (None, 0)
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "100")


def test_help_reads_as_in_the_golden_file(capsys: pytest.CaptureFixture[str]):
    text = shown(capsys, "--help", epochs=7, optimizer=AdamOptimizer(beta_1=0.8))

    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("line", ["{} --optimizer SGD", "--optimizer SGD {}", "--dump x {} --optimizer=SGD"])
def test_help_shows_the_flags_of_the_chosen_class(capsys: pytest.CaptureFixture[str], line: str, flag: str):
    text = shown(capsys, line.format(flag))

    assert "--optimizer.momentum FLOAT" in text
    assert "--optimizer.beta_1" not in text


def test_help_shows_the_value_that_would_be_used(capsys: pytest.CaptureFixture[str]):
    text = shown(capsys, "--help --trainer.level high", epochs=7, optimizer=SGDOptimizer(momentum=0.3))

    assert "at least 1. (default: 7)" in text
    assert "(default: SGD)" in text
    assert "(default: 0.3)" in text
    assert "(given: high)" in text


def test_help_hides_hidden_fields_and_shows_aliases(capsys: pytest.CaptureFixture[str]):
    text = shown(capsys, "--help")

    assert "current_epoch" not in text
    assert "scenario_id" not in text
    assert "Also --trainer.calc_ema." in text


@pytest.mark.parametrize(
    "line",
    ["--optimizer --help", "--help --trainer.epochs five", "--foo 3 -h", "--trainer.epochs -3 -h", "x -h"],
)
def test_help_is_shown_whatever_else_is_wrong(capsys: pytest.CaptureFixture[str], line: str):
    assert "--trainer.epochs INT" in shown(capsys, line)


def test_help_fits_a_narrow_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")

    assert max(len(line) for line in shown(capsys, "--help").splitlines()) < 80


def test_show_prints_flags_that_give_the_same_params(capsys: pytest.CaptureFixture[str]):
    line = "--dump x --optimizer SGD --trainer.tags a b --scenario.weights a=1 --model.layers PoolLayer"

    lines = shown(capsys, f"{line} --show").splitlines()

    assert "--optimizer SGD" in lines
    assert "--trainer.tags a b" in lines
    again = TFAIPArgumentParser()
    again.add_argument("--dump")
    again.add_root_argument("trainer", ToyParams)
    words = [word for shown_line in lines for word in shlex.split(shown_line)]
    assert again.parse_args(words).trainer == again_from(line)


def again_from(line: str) -> ToyParams:
    parser = TFAIPArgumentParser()
    parser.add_argument("--dump")
    parser.add_root_argument("trainer", ToyParams)
    return parser.parse_args(line.split()).trainer
