import keras
import pytest

from tests.predict.toys import toy_keras_model
from tests.toy.scenario import ToyScenario


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory):
    """The output_dir of a finished training of the toy."""
    folder = tmp_path_factory.mktemp("run")
    params = ToyScenario.default_trainer_params()
    params.epochs = 1
    params.output_dir = str(folder)
    params.scenario.print_eval_limit = 0
    ToyScenario.create_trainer(params).train()
    return folder


@pytest.fixture(scope="session")
def export_dir(run_dir):
    return run_dir / "export"


@pytest.fixture
def keras_model() -> keras.Model:
    return toy_keras_model()
