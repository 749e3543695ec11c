import pytest

from tests.lav.toys import EvaluatedToy


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The output_dir of a training of the toy, and its last logs."""
    folder = tmp_path_factory.mktemp("run")
    params = EvaluatedToy.default_trainer_params()
    params.epochs = 2
    params.output_dir = str(folder)
    params.ema_decay = 0.9
    params.scenario.print_eval_limit = 0
    return folder, EvaluatedToy.create_trainer(params).train()


@pytest.fixture
def run_dir(trained):
    return trained[0]


@pytest.fixture
def export_dir(run_dir):
    return run_dir / "export"
