import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.predict.voting import VotingScenario
from tfaip.errors import DataError, StorageError, UsageError
from tfaip.predict.dumps import EvalDataset
from tfaip.scripts.predict import main, parse_args

REPOSITORY = Path(__file__).resolve().parents[2]

NO_TENSORFLOW = """
import sys


class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras"):
            raise AssertionError(f"{name} was imported")


sys.meta_path.insert(0, Guard())
"""


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    params = VotingScenario.default_trainer_params()
    params.epochs = 1
    params.output_dir = str(folder)
    params.scenario.print_eval_limit = 0
    VotingScenario.create_trainer(params).train()
    return folder


@pytest.fixture
def empty_export(tmp_path):
    """Looks like an export, but holds no model."""
    folder = tmp_path / "export"
    (folder / "serve" / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "variables/variables.index"):
        (folder / "serve" / name).touch()
    params = VotingScenario.default_params().to_dict()  # type: ignore[attr-defined]
    (folder / "scenario_params.json").write_text(json.dumps(params))
    return folder


def predict(*words):
    return main(*parse_args([*map(str, words), "--predict.progress_bar", "False"]))


def start(tmp_path, line):
    guard = tmp_path / "guard"
    guard.mkdir(exist_ok=True)
    (guard / "sitecustomize.py").write_text(NO_TENSORFLOW)
    return subprocess.run(
        [sys.executable, "-P", "-m", "tfaip.scripts.predict", *line.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(guard), str(REPOSITORY)])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


# ---- the command line


def test_flags_may_stand_before_and_after(empty_export):
    args, scenario, params = parse_args(
        ["--data.number", "5", "--export_dir", str(empty_export), "--pipeline.batch_size", "3"]
    )

    assert args.export_dir == [str(empty_export)]
    assert (args.data.number, args.predict.pipeline.batch_size, args.dump) == (5, 3, None)
    assert scenario is VotingScenario
    assert params.scenario_id == "tests.predict.voting:VotingScenario"


@pytest.mark.parametrize("flag", ["--dump", "--dump_prediction"])
def test_the_dump_is_named_by_either_flag(empty_export, flag):
    assert parse_args(["--export_dir", str(empty_export), flag, "out"])[0].dump == "out"


@pytest.mark.parametrize(
    ("line", "telling"),
    [
        ("", "needs `--export_dir` with the folder of an export"),
        ("--data.number 5", "needs `--export_dir`"),
        ("--export_dir", "needs `--export_dir`"),
        ("--export_dir nowhere", "There is no exported model `nowhere`"),
        ("--export_dir {export} nowhere", "There is no exported model `nowhere`"),
        ("--export_dir {export} --export_dir {export}", "`--export_dir` is given twice"),
        ("--export_dir {export}/serve", "There is neither `trainer_params.json` nor"),
        ("--export_dir {export} --data.numbre 5", "Did you mean `--data.number`?"),
        ("--export_dir {export} --pipeline.batch_size many", "expects a whole number"),
        ("--export_dir {export} --pipeline.batch_size 0", "must be 1 or more, got 0"),
        ("word --export_dir {export}", "`word`"),
    ],
)
def test_a_mistake_is_answered(empty_export, line, telling):
    with pytest.raises(UsageError) as caught:
        parse_args(line.format(export=empty_export).split())

    assert telling in str(caught.value)


def test_a_checkpoint_is_no_export(run_dir):
    with pytest.raises(UsageError, match=f"holds a checkpoint .* Give `{run_dir}/best`"):
        parse_args(["--export_dir", str(run_dir)])


def test_several_models_need_a_voter(empty_export):
    params = json.loads((empty_export / "scenario_params.json").read_text())
    params["scenario_id"] = "tests.toy.scenario:ToyScenario"
    (empty_export / "scenario_params.json").write_text(json.dumps(params))

    with pytest.raises(UsageError, match="Override `multi_predictor_cls`"):
        parse_args(["--export_dir", str(empty_export), str(empty_export)])


# ---- as the shell sees it


def test_help_needs_no_tensorflow(tmp_path, empty_export):
    general = start(tmp_path, "--help")
    version = start(tmp_path, "--version")
    single = start(tmp_path, f"--export_dir {empty_export} --help")
    voting = start(tmp_path, f"--help --export_dir {empty_export} {empty_export}")

    for shown in (general, version, single, voting):
        assert (shown.returncode, shown.stderr) == (0, "")
    assert general.stdout.startswith("usage: tfaip-predict --export_dir DIR [DIR ...] [--FLAG VALUE ...]")
    assert version.stdout.startswith("tfaip ")
    for flag in (
        "--data.number",
        "--predict.silent",
        "--predict.device.gpus",
        "--pipeline.batch_size",
        "--dump",
    ):
        assert f"  {flag} " in single.stdout
        assert f"  {flag} " in voting.stdout


def test_a_mistake_is_one_line_and_needs_no_tensorflow(tmp_path, empty_export):
    done = start(tmp_path, f"--export_dir {empty_export} --data.numbre 5 --dump out.dump")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tfaip: error: Unknown flag `--data.numbre`. Did you mean `--data.number`?\n"
    assert not (tmp_path / "out.dump").exists()


# ---- predictions


def test_samples_are_dumped_in_order_and_the_speed_is_printed(run_dir, tmp_path, capsys):
    results = predict("--export_dir", run_dir / "best", "--data.number", 20, "--dump", tmp_path / "out.dump")

    dump = EvalDataset(tmp_path / "out.dump")
    assert [sample.meta["id"] for sample in dump.samples()] == list(range(20))
    assert dump[3]["probability"].shape == (2,)
    assert results.n_samples == 20
    assert "| Per second " in capsys.readouterr().out


def test_several_models_vote(run_dir, tmp_path):
    folders = [run_dir / "best", run_dir / "export", run_dir / "export"]

    predict("--export_dir", *folders, "--data.number", 3, "--dump", tmp_path / "out.dump")

    for folder in folders[:2]:
        predict("--export_dir", folder, "--data.number", 3, "--dump", tmp_path / folder.name)
    for voted, one, other in zip(
        *(EvalDataset(tmp_path / n) for n in ("out.dump", "best", "export")), strict=True
    ):
        np.testing.assert_allclose(voted["y"], (one["logits"] + 2 * other["logits"]) / 3, rtol=1e-5)


def test_nothing_to_predict_gives_an_empty_dump_and_a_hint(run_dir, tmp_path, caplog):
    predict("--export_dir", run_dir / "best", "--data.number", 0, "--dump", tmp_path / "out.dump")

    assert len(EvalDataset(tmp_path / "out.dump")) == 0
    assert "There was no sample to predict" in caplog.text


def test_a_failure_keeps_the_old_dump(run_dir, tmp_path, monkeypatch):
    dump = tmp_path / "out.dump"
    predict("--export_dir", run_dir / "best", "--data.number", 2, "--dump", dump)
    before = dump.read_bytes()

    def broken(first_id, number):
        raise RuntimeError("no points")

    monkeypatch.setattr("tests.toy.points.points", broken)
    with pytest.raises((RuntimeError, DataError), match="no points"):
        predict("--export_dir", run_dir / "best", "--data.number", 5, "--dump", dump)

    assert dump.read_bytes() == before
    assert os.listdir(tmp_path) == ["out.dump"]


def test_a_dump_that_can_not_be_written_is_found_before_the_model_is_loaded(empty_export, tmp_path):
    with pytest.raises(StorageError, match="would replace a folder"):
        predict("--export_dir", empty_export, "--dump", tmp_path)


def test_each_sample_is_logged_unless_silent(run_dir, caplog):
    caplog.set_level("INFO")
    predict("--export_dir", run_dir / "best", "--data.number", 2, "--predict.silent", "True")
    assert "Prediction:" not in caplog.text

    predict("--export_dir", run_dir / "best", "--data.number", 2)

    assert caplog.text.count("Prediction: ") == 2
