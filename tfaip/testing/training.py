"""Short trainings of a scenario that show whether its parts work together.

Each function trains on one batch an epoch, so the results mean nothing; they must only be the same where they
ought to be. Call them in a test of your own:

    class TestMyScenario(unittest.TestCase):
        def test_resume(self):
            resume_training(self, MyScenario)
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Type
from unittest import TestCase

import keras
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfaip.data.databaseparams import DataPipelineParams
from tfaip.scenario.scenariobase import ScenarioBase
from tfaip.trainer.params import TrainerParams
from tfaip.trainer.trainer import Trainer

debug_test = bool(sys.flags.debug)

_SEED = 1324
_STEP = 0  # TensorBoard's number of the first epoch
_ALL_EVENTS = {"tensors": 0}


class AdditionalTrainerArgs(NamedTuple):
    """What else a test trains with.

    Fields: `input_gradient_regularization` regularises the gradient of the input, `preload_data` reads all
    samples into memory first.
    """

    input_gradient_regularization: bool = False
    preload_data: bool = False

    def apply(self, params: TrainerParams) -> None:
        """Write the arguments into the params of a training."""
        params.scenario.use_input_gradient_regularization = self.input_gradient_regularization
        params.preload_data = self.preload_data
        params.preload_data_progress_bar = False


def single_train_iter(
    test: TestCase,
    scenario: Type[ScenarioBase],
    debug: bool = debug_test,
    lav_every_n: int = 2,
    args: AdditionalTrainerArgs = AdditionalTrainerArgs(),  # noqa: B008 - immutable
) -> None:
    """Train two epochs with LAV, and look for everything that was logged in the files for TensorBoard.

    Args:
        test: Fails if something is missing.
        scenario: The scenario.
        debug: Run line by line, so that a debugger stops in the graph.
        lav_every_n: How often LAV runs.
        args: What else to train with.
    """
    with _params_of(scenario, args, debug) as params:
        params.epochs = 2
        params.lav_every_n = lav_every_n
        trainer = scenario.create_trainer(params)
        logs = trainer.train()

        tags = {folder: _tags(folder) for folder in _event_folders(_output_dir(params))}
    names = {folder.name for folder in tags}
    unexpected = [name for name in names if name not in ("train", "validation") and name[:4] != "lav_"]
    test.assertEqual(unexpected, [], "folders with events")
    test.assertIn("lr", _tags_of("train", tags), "learning rate in TensorBoard")
    for name in logs:
        folder, bare = _folder_and_name(name)
        test.assertIn(_tag(bare), _tags_of(folder, tags), f"`{name}` in TensorBoard")
    model = trainer.scenario.keras_train_model
    for writer in [] if model is None else model.tensorboard_writers:
        for folder, found in tags.items():
            test.assertIn(_tag(writer.name), found, f"TensorBoard writer `{writer.name}` in {folder.name}")


def resume_training(
    test: TestCase,
    scenario: Type[ScenarioBase],
    delta: float = 1e-5,
    debug: bool = debug_test,
    ignore_binary_metric: bool = False,
    ignore_array_metric: bool = False,
    args: AdditionalTrainerArgs = AdditionalTrainerArgs(),  # noqa: B008 - immutable
) -> None:
    """Train an epoch, resume with a learning rate of 0 for another: the validation must not change.

    Args:
        test: Fails if a value of the validation is another.
        scenario: The scenario.
        delta: Largest difference allowed.
        debug: Run line by line, so that a debugger stops in the graph.
        ignore_binary_metric: Do not compare metrics that are bytes.
        ignore_array_metric: Do not compare metrics that are arrays.
        args: What else to train with.
    """
    ignored = _Ignored(ignore_binary_metric, ignore_array_metric)
    with _params_of(scenario, args, debug) as params:
        params.ema_decay = 0.0  # an average would go on
        logs = scenario.create_trainer(params).train()
        _edit(_output_dir(params) / params.scenario.trainer_params_filename, epochs=2, lr=0.0)

        trainer = Trainer.restore_trainer(str(_output_dir(params)))
        resumed = trainer.train(callbacks=[_KeepsStatistics()])

    _assert_equal(test, _validation(logs), _validation(resumed), delta, ignored, "validation after a resume")


def lav_test_case(
    test: TestCase,
    scenario: Type[ScenarioBase],
    debug: bool = False,
    delta: float = 1e-5,
    batch_size_test: bool = True,
    ignore_binary_metric: bool = False,
    ignore_array_metric: bool = False,
    instantiate_graph: bool = False,
    args: AdditionalTrainerArgs = AdditionalTrainerArgs(),  # noqa: B008 - immutable
) -> None:
    """Train an epoch; LAV of both exports must give the values of the validation, with any batch size.

    Args:
        test: Fails if a value is another.
        scenario: The scenario.
        debug: Run line by line, so that a debugger stops in the graph.
        delta: Largest difference allowed.
        batch_size_test: Whether to compare batches of 1 and of 5 samples.
        ignore_binary_metric: Do not compare metrics that are bytes.
        ignore_array_metric: Do not compare metrics that are arrays.
        instantiate_graph: Build the graph from the scenario's code instead of loading it.
        args: What else to train with.
    """
    ignored = _Ignored(ignore_binary_metric, ignore_array_metric)
    with _params_of(scenario, args, debug) as params:
        params.write_checkpoints = False
        logs = scenario.create_trainer(params).train()

        folder = _output_dir(params)
        test.assertTrue((folder / params.scenario.trainer_params_filename).exists(), "params are written")
        for export in (folder / "export", folder / "best"):
            results = {
                size: _lav(scenario, params, export, size, debug, instantiate_graph)
                for size in ([1, 5] if batch_size_test else [params.gen.setup.val.batch_size])
            }
            first, last = results[min(results)], results[max(results)]
            _assert_equal(test, first, last, delta, ignored, f"LAV of {export.name} by size of the batches")
            validated = {name: value for name, value in _validation(logs).items() if name in last}
            shared = {name: last[name] for name in validated}
            _assert_equal(test, validated, shared, delta, ignored, f"validation and LAV of {export.name}")


def warmstart_training_test_case(
    test: TestCase,
    scenario: Type[ScenarioBase],
    debug: bool = debug_test,
    delta: float = 1e-5,
    ignore_binary_metric: bool = False,
    ignore_array_metric: bool = False,
    args: AdditionalTrainerArgs = AdditionalTrainerArgs(),  # noqa: B008 - immutable
) -> None:
    """Train an epoch, then start anew from its best weights with a learning rate of 0.

    Args:
        test: Fails if a value of the validation is another.
        scenario: The scenario.
        debug: Run line by line, so that a debugger stops in the graph.
        delta: Largest difference allowed.
        ignore_binary_metric: Do not compare metrics that are bytes.
        ignore_array_metric: Do not compare metrics that are arrays.
        args: What else to train with.
    """
    ignored = _Ignored(ignore_binary_metric, ignore_array_metric)
    with _params_of(scenario, args, debug) as params, _params_of(scenario, args, debug) as warm:
        params.ema_decay = warm.ema_decay = 0.0  # an average would go on
        params.export_best = True
        logs = scenario.create_trainer(params).train()

        warm.warmstart.model = str(_output_dir(params) / "best" / params.scenario.default_serve_dir)
        warm.learning_rate.lr = 0.0
        started = scenario.create_trainer(warm).train(callbacks=[_KeepsStatistics()])

    _assert_equal(
        test, _validation(logs), _validation(started), delta, ignored, "validation after a warm start"
    )


# ---- trainings


@contextmanager
def _params_of(
    scenario: Type[ScenarioBase], args: AdditionalTrainerArgs, debug: bool
) -> Iterator[TrainerParams]:
    """Give the params of a training of one epoch of one batch, which writes to a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="tfaip-test-") as folder:
        params = scenario.default_trainer_params()
        params.output_dir = folder
        params.epochs = 1
        params.random_seed = _SEED
        params.force_eager = debug
        _limit(params)
        args.apply(params)
        yield params


def _limit(params: TrainerParams) -> None:
    """Train and validate on one batch an epoch; what yields batches of its own is left as it is."""
    setup = params.gen.setup
    generator = params.gen.train_gen().create(setup.train.mode)
    if generator.yields_batches():
        params.scale_epoch_size = 1 / max(1, len(generator))
    else:
        params.samples_per_epoch = setup.train.batch_size
    setup.val.limit = setup.val.batch_size


def _output_dir(params: TrainerParams) -> Path:
    return Path(params.output_dir or "")


def _edit(path: Path, *, epochs: int, lr: float) -> None:
    """Change params in a file as a user does."""
    content = json.loads(path.read_text())
    content["epochs"] = epochs
    content["learning_rate"]["lr"] = lr
    path.write_text(json.dumps(content))


def _lav(
    scenario: Type[ScenarioBase],
    params: TrainerParams,
    export: Path,
    batch_size: int,
    run_eagerly: bool,
    instantiate_graph: bool,
) -> dict[str, Any]:
    lav_params = scenario.lav_params_cls()()
    lav_params.model_path = str(export)
    lav_params.silent, lav_params.store_results = True, False
    lav_params.pipeline = DataPipelineParams(batch_size=batch_size, limit=params.gen.setup.val.limit)
    lav = scenario.create_lav(lav_params, scenario.params_from_path(str(export)))
    generators = [params.gen.val_gen()]
    return next(iter(lav.run(generators, run_eagerly=run_eagerly, instantiate_graph=instantiate_graph)))


class _KeepsStatistics(keras.callbacks.Callback):
    """Validates with the statistics that the training began with: they change at any learning rate."""

    def on_train_begin(self, logs: Any = None) -> None:
        self._kept = [variable.numpy() for variable in self._variables()]

    def on_test_begin(self, logs: Any = None) -> None:
        for variable, value in zip(self._variables(), self._kept, strict=True):
            variable.assign(value)

    def _variables(self) -> Any:
        return self.model.root.non_trainable_weights  # type: ignore[union-attr]


# ---- comparisons


class _Ignored(NamedTuple):
    """Which metrics are not compared."""

    binary: bool
    arrays: bool


def _validation(logs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the validation by name."""
    return {name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")}


def _assert_equal(
    test: TestCase,
    expected: Mapping[str, Any],
    got: Mapping[str, Any],
    delta: float,
    ignored: _Ignored,
    what: str,
) -> None:
    test.assertTrue(expected, f"{what}: there is no value to compare")
    test.assertEqual(sorted(expected), sorted(got), what)
    for name, value in expected.items():
        if isinstance(value, bytes):
            if not ignored.binary:
                test.assertEqual(value, got[name], f"{what}: `{name}`")
        elif np.ndim(value) == 0 or not ignored.arrays:
            message = f"{what}: `{name}`"
            np.testing.assert_allclose(got[name], value, rtol=0, atol=delta, err_msg=message)


# ---- TensorBoard


def _event_folders(output_dir: Path) -> set[Path]:
    return {file.parent for file in output_dir.rglob("events.out.tfevents*")}


def _tags(folder: Path) -> set[str]:
    """Return what was written for the first epoch."""
    events = EventAccumulator(str(folder), size_guidance=_ALL_EVENTS).Reload()
    return {
        tag for tag in events.Tags()["tensors"] if any(event.step == _STEP for event in events.Tensors(tag))
    }


def _tags_of(folder_name: str, tags: Mapping[Path, set[str]]) -> set[str]:
    return next((found for folder, found in tags.items() if folder.name == folder_name), set())


def _folder_and_name(name: str) -> tuple[str, str]:
    """Return where a log of this name is written, and its name there."""
    if name.startswith("val_"):
        return "validation", name.removeprefix("val_")
    if name.startswith("lav_"):
        head, _, bare = name.removeprefix("lav_").partition("_")
        return f"lav_{head}", bare
    return "train", name


def _tag(name: str) -> str:
    return f"epoch_{name}".replace("@", "_")
