"""The commands as the shell sees them: exit codes, stderr, files left behind, no TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfaip.logs import ParseLogFile

REPOSITORY = Path(__file__).resolve().parents[2]
COMMANDS = ["train", "resume_training", "train_from_params"]
LIGHT = "tests.scripts.light_scenario:LightScenario"
TOY = "tests.toy"
WITHOUT_VALIDATION = "tests.scripts.light_scenario:WithoutValidation"
LIMIT_SECONDS = 20  # the slowest takes 0.6 s on a free machine

GUARD = """
import sys


class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras"):
            raise AssertionError(f"{name} was imported")


sys.meta_path.insert(0, Guard())
"""


@pytest.fixture
def guard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on Python's path that makes the import of TensorFlow an error."""
    folder = tmp_path_factory.mktemp("guard")
    (folder / "sitecustomize.py").write_text(GUARD)
    return folder


def start(
    *words: str, cwd: Path, path: list[Path] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    folders = [*(path or []), REPOSITORY]
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            "PYTHONDONTWRITEBYTECODE": "1",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


def command(name: str, line: str, *, cwd: Path, guard: Path, **environment: str):
    return start("-P", "-m", f"tfaip.scripts.{name}", *line.split(), cwd=cwd, path=[guard], **environment)


def assert_refused(done: subprocess.CompletedProcess[str], *telling: str) -> None:
    lines = done.stderr.splitlines()
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(lines) == 1
    assert lines[0].startswith("tfaip: error: ")
    for part in telling:
        assert part in lines[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_general_help_and_version_need_nothing(tmp_path: Path, guard: Path, name: str):
    (tmp_path / "scenario.py").write_text("raise RuntimeError('broken')\n")

    shown = command(name, "--help", cwd=tmp_path, guard=guard)
    version = command(name, "--version", cwd=tmp_path, guard=guard)

    assert (shown.returncode, shown.stderr, version.returncode, version.stderr) == (0, "", 0, "")
    assert shown.stdout.startswith(f"usage: tfaip-{name.replace('_', '-')} ")
    assert version.stdout.startswith("tfaip ")


def test_general_help_loads_neither_params_nor_numpy(tmp_path: Path):
    done = start("-X", "importtime", "-P", "-m", "tfaip.scripts.train", "--help", cwd=tmp_path)

    assert done.returncode == 0
    assert "argparse" in done.stderr
    assert not {"paiargparse", "numpy"} & {
        line.rpartition("|")[2].strip() for line in done.stderr.splitlines()
    }


@pytest.mark.parametrize("scenario", [TOY, "scenarios.tutorial.min", "scenarios.tutorial.full"])
def test_help_of_a_scenario_needs_no_tensorflow(tmp_path: Path, guard: Path, scenario: str):
    done = command("train", f"{scenario} --help", cwd=tmp_path, guard=guard)

    assert (done.returncode, done.stderr) == (0, "")
    for flag in ("--trainer.epochs", "--optimizer.beta_1", "--model", "--data", "--train.batch_size"):
        assert f"  {flag} " in done.stdout
    assert "saved_checkpoint_sub_dir" not in done.stdout


@pytest.mark.parametrize(
    ("line", "telling"),
    [
        ("", "expects SCENARIO as its first argument"),
        ("--trainer.epochs 3", "expects SCENARIO as its first argument"),
        (f"{TOY} --trainer.epohcs 3 --trainer.output_dir out", "Did you mean `--trainer.epochs`?"),
        (f"{TOY} --trainer.epochs five --trainer.output_dir out", "expects a whole number, got `five`"),
        (f"{TOY} --trainer.force_eager maybe --trainer.output_dir out", "expects True or False"),
        (f"{TOY} --trainer.output_dir", "but no value was given"),
        (f"{TOY} --trainer.epochs -4 --trainer.output_dir out", "`--trainer.epochs` must be"),
        (f"{TOY} --train.batch_size 0 --trainer.output_dir out", "--train.batch_size"),
        (f"{TOY} --trainer.ema_decay 1.0 --trainer.output_dir out", "`--trainer.ema_decay` must be"),
        (f"{TOY} --learning_rate.lr -1 --trainer.output_dir out", "`--learning_rate.lr` must be"),
        (f"{TOY} --learning_rate.lr nan --trainer.output_dir out", "`--learning_rate.lr` must be"),
        (f"{TOY} --train.limit 0 --trainer.output_dir out", "`limit` must be 1 or more"),
        (f"{TOY} --trainer.export_best True", "`--trainer.output_dir`"),
        (
            f"{TOY} --trainer.val_every_n 0 --early_stopping.n_to_go 3 --trainer.output_dir out",
            "`--early_stopping.n_to_go 3` needs a validation, but `--trainer.val_every_n 0`",
        ),
        (
            f"{WITHOUT_VALIDATION} --early_stopping.n_to_go 3 --trainer.output_dir out",
            "`--early_stopping.n_to_go 3` needs a validation, but there are no validation data",
        ),
        (
            f"{WITHOUT_VALIDATION} --trainer.lav_every_n 1 --trainer.output_dir out",
            "`--trainer.lav_every_n 1` needs data to validate",
        ),
        (f"{TOY} --trainer.output_dir {__file__}", "needs a folder"),
        (f"{TOY} --trainer.output_dir {__file__}/below", "needs a folder"),
        (f"{TOY} --optimizer adam --trainer.output_dir out", "Did you mean `Adam`?"),
        ("tests.toi", "Did you mean `tests.toy`?"),
        ("json:JSONDecoder", "is no scenario"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(tmp_path: Path, guard: Path, line: str, telling: str):
    assert_refused(command("train", line, cwd=tmp_path, guard=guard), telling)
    assert os.listdir(tmp_path) == []


def test_several_unknown_flags_have_a_line_each(tmp_path: Path, guard: Path):
    done = command("train", f"{TOY} --trainer.epoch 5 --trainer.output_dri y", cwd=tmp_path, guard=guard)

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "tfaip: error: Unknown flag `--trainer.epoch`. Did you mean `--trainer.epochs`?",
        "tfaip: error: Unknown flag `--trainer.output_dri`. Did you mean `--trainer.output_dir`?",
    ]


def test_a_broken_scenario_is_reported_with_its_own_line(tmp_path: Path, guard: Path):
    (tmp_path / "broken.py").write_text("import os\n\nimport no_such_third_party\n")

    done = command("train", "broken", cwd=tmp_path, guard=guard)

    assert_refused(done, f"{tmp_path}/broken.py, line 3", "No module named 'no_such_third_party'")


def test_data_that_fail_on_import_are_reported_with_their_own_line(tmp_path: Path, guard: Path):
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "data.py").write_text("\nimport no_such_third_party\n")
    (tmp_path / "room" / "scenario.py").write_text(
        "from tests.toy.scenario import ToyScenario\n\n\n"
        "class Room(ToyScenario):\n"
        "    @classmethod\n    def data_cls(cls):\n        import room.data\n"
    )

    done = command("train", "room --trainer.output_dir out", cwd=tmp_path, guard=guard)

    assert_refused(done, "Importing `room` failed in", "/room/data.py, line 2", "'no_such_third_party'")


@pytest.mark.parametrize("name", ["resume_training", "train_from_params"])
def test_a_missing_training_is_one_line(tmp_path: Path, guard: Path, name: str):
    assert_refused(command(name, "nowhere", cwd=tmp_path, guard=guard), "nowhere")
    assert_refused(command(name, str(tmp_path), cwd=tmp_path, guard=guard), "trainer_params.json")
    assert os.listdir(tmp_path) == []


def test_a_wrong_log_level_is_one_line(tmp_path: Path, guard: Path):
    done = command("train", f"{TOY} --help", cwd=tmp_path, guard=guard, TFAIP_LOG_LEVEL="LOUD")

    assert_refused(done, "TFAIP_LOG_LEVEL", "LOUD", "DEBUG")


def test_debug_shows_where_a_mistake_was_found(tmp_path: Path, guard: Path):
    done = command("train", "nowhere", cwd=tmp_path, guard=guard, TFAIP_DEBUG="1")

    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("tfaip: error: There is no module `nowhere`.")


@pytest.mark.parametrize(
    ("failure", "code", "last"),
    [
        ("data", 3, ["tfaip: error: Sample `a` has no key `x`.", "tfaip: error: It has `y`."]),
        ("bug", 1, ["RuntimeError: a bug"]),
        ("interrupt", 130, ["tfaip: error: Interrupted."]),
    ],
)
def test_a_training_that_fails_has_its_own_code(
    tmp_path: Path, guard: Path, failure: str, code: int, last: list[str]
):
    line = f"{LIGHT} --trainer.no_train_scope {failure} --trainer.output_dir out"

    done = command("train", line, cwd=tmp_path, guard=guard)

    assert done.returncode == code
    assert done.stderr.splitlines()[-len(last) :] == last
    assert ("Traceback" in done.stderr) is (failure == "bug")
    assert os.listdir(tmp_path / "out") == ["train.log"]


def test_a_program_may_be_started_as_a_file(tmp_path: Path):
    (tmp_path / "room.py").write_text(
        "from tests.toy.scenario import ToyScenario\n\n\nclass Room(ToyScenario): pass\n"
    )
    file = REPOSITORY / "tfaip" / "scripts" / "train.py"

    done = start(str(file), "room", "--show", "--trainer.epochs", "3", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "--trainer.epochs 3" in done.stdout.splitlines()


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path, guard: Path):
    # The pipe is closed before the program writes its first word.
    script = f"exec {sys.executable} -P -m tfaip.scripts.train {TOY} --help"
    path = os.pathsep.join([str(guard), str(REPOSITORY)])

    done = subprocess.run(
        ["bash", "-c", f"( {script} ) | true"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )

    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_training_is_moved_resumed_and_repeated(tmp_path: Path):
    def run(name: str, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", f"tfaip.scripts.{name}", *words],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    first, moved, again = (tmp_path / name for name in ("first", "moved", "again"))

    run("train", TOY, "--trainer.epochs", "1", "--trainer.output_dir", str(first))
    first.rename(moved)
    run("resume_training", str(moved), "--trainer.epochs", "2")
    run("train_from_params", str(moved / "trainer_params.json"), "--trainer.output_dir", str(again))
    finished = run("resume_training", str(again))

    resumed_log = (moved / "train.log").read_text()
    assert f"trainer.output_dir: '{first}' -> '{moved}'" in resumed_log
    assert "trainer.epochs: 1 -> 2" in resumed_log
    # The seed of the toy is fixed, so a resumed training and one that was not interrupted are the same.
    assert ParseLogFile(moved).get_metrics() == ParseLogFile(again).get_metrics() != {}
    assert "already finished" in finished
    assert not first.exists()
