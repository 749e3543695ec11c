"""`tfaip-show-data` on the tutorial and on the toy."""

import sys

import pytest

from tfaip.errors import UsageError
from tfaip.scripts.show_data import main, parse_args


@pytest.fixture
def show(tmp_path, monkeypatch, capsys):
    """A function that runs the program in an empty folder and returns what it prints."""
    monkeypatch.chdir(tmp_path)

    def show(line):
        main(*parse_args(line.split()))
        return capsys.readouterr().out

    return show


def test_four_samples_of_the_tutorial_are_described_and_drawn(show, tmp_path):
    pytest.importorskip("PIL")

    shown = show("scenarios.tutorial.full --train.limit 4 --trainer.random_seed 1 --trainer.output_dir run")

    lines = shown.splitlines()
    assert lines[0] == "4 samples of FullScenario, training; batches: 1"
    assert lines[1:6:2] == ["inputs", "targets", "meta"]
    assert lines[2].startswith("  img  float32  (8, 8, 1)  -0.5 to 0.5, mean ")
    assert lines[4].startswith("  gt  int32  (1,)  ")
    assert lines[-1] == "4 images in shown_data"
    assert len(list((tmp_path / "shown_data").glob("*.png"))) == 4
    assert not (tmp_path / "run").exists()


def test_what_is_delivered_went_through_the_processors_of_its_mode(show):
    assert "20 samples of ToyScenario, evaluation; batches: 3" in show("tests.toy --part val --val.limit 99")
    assert "16 samples of ToyScenario, training; batches: 2" in show("tests.toy")


def test_without_pillow_it_says_how_to_get_it(show, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)

    # The generators of the tutorial need Pillow themselves, those of its smaller brother do not.
    shown = show("scenarios.tutorial.min --train.limit 2")

    assert shown.splitlines()[-1].startswith("No images were written: Pillow is not installed.")
    assert list(tmp_path.iterdir()) == []


def test_without_samples_it_says_where_to_look(show):
    with pytest.raises(UsageError, match=r"There are no samples\. Look at the flags `--train\.\.\.`"):
        show("tests.toy --train.number 0")
    with pytest.raises(UsageError, match="no validation samples"):
        show("tests.scenario.listfile.toy_lists --part val")
