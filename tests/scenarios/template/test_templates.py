import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scenarios.template.new import copy_template
from tfaip.errors import UsageError

ROOT = Path(__file__).resolve().parents[3]

TRAIN = """
import importlib, sys
package, name, *flags = sys.argv[1:]
scenario = getattr(importlib.import_module(f"{package}.scenario"), name)
from tfaip.params.parser import TFAIPArgumentParser
parser = TFAIPArgumentParser()
defaults = scenario.default_trainer_params()
assert not {"tensorflow", "keras"} & set(sys.modules), "its light modules load TensorFlow"
parser.add_root_argument("trainer", type(defaults), default=defaults)
params = parser.parse_args(["--trainer.random_seed", "1", *flags]).trainer
logs = scenario.create_trainer(params).train()
print("VAL_ACC", logs["val_acc"])
"""


def train(package, name, *flags):
    """Train a copied scenario in a process of its own, and return its validation accuracy."""
    ended = subprocess.run(
        [sys.executable, "-c", TRAIN, package, name, *flags],
        env={"PYTHONPATH": f"{ROOT}:.", "TF_CPP_MIN_LOG_LEVEL": "3", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return float(ended.stdout.split("VAL_ACC")[1])


@pytest.fixture
def images(tmp_path):
    """Flags for two lists of dark and light images."""
    image = pytest.importorskip("PIL.Image")
    random = np.random.default_rng(1)
    for name, brightness in [("dark", 80), ("light", 170)]:
        (tmp_path / name).mkdir()
        for number in range(40):
            pixels = random.normal(brightness, 40, (16, 16)).clip(0, 255).astype("uint8")
            image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    files = sorted(str(path) for path in tmp_path.glob("*/*.png"))
    for name, chosen in [("train", files[::2]), ("val", files[1::2])]:
        (tmp_path / f"{name}.lst").write_text("\n".join(chosen))
    return ["--train.lists", str(tmp_path / "train.lst"), "--val.lists", str(tmp_path / "val.lst")]


@pytest.mark.slow
def test_a_copy_of_the_general_template_trains(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copy_template("general", Path("tasks") / "line_reader")

    accuracy = train("tasks.line_reader", "LineReaderScenario", "--trainer.epochs", "4")

    assert accuracy > 0.9


@pytest.mark.slow
def test_a_copy_of_the_listfile_template_trains(tmp_path, monkeypatch, images):
    monkeypatch.chdir(tmp_path)
    copy_template("listfile", Path("my_images"))

    accuracy = train("my_images", "MyImagesScenario", "--trainer.epochs", "12", *images)

    assert accuracy > 0.9


@pytest.mark.parametrize("template", ["general", "listfile"])
def test_a_copy_does_not_remember_its_template(tmp_path, monkeypatch, template):
    monkeypatch.chdir(tmp_path)
    copy_template(template, Path("my_task"))

    code = "\n".join(path.read_text() for path in Path("my_task").glob("*.py"))

    assert "scenarios.template" not in code
    assert "Template" not in code
    assert "class MyTaskScenario" in code
    assert "CHANGE" in code


@pytest.mark.parametrize("name", ["my-task", "/tmp/task", "../task", "1task"])
def test_a_name_that_is_no_package_is_refused(name):
    with pytest.raises(UsageError, match="must be a path below this folder"):
        copy_template("general", Path(name))


def test_nothing_is_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my_task").mkdir()

    with pytest.raises(UsageError, match="exists already"):
        copy_template("general", Path("my_task"))


def test_a_wrong_class_folder_is_named():
    from scenarios.template.listfile.data import TemplateData
    from scenarios.template.listfile.processors import ClassProcessorParams
    from tfaip.data.pipeline.definitions import PipelineMode, Sample
    from tfaip.errors import DataError

    processor = ClassProcessorParams().create(TemplateData.default_params(), PipelineMode.TRAINING)

    with pytest.raises(DataError, match=r"folder `grey` of `a/grey/1\.png` is none of.*--data\.classes"):
        processor(Sample(inputs="a/grey/1.png", targets="a/grey/1.png"))
