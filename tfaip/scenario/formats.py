"""The formats that an export can also be written in: how each is written, and loaded."""

import contextlib
import importlib
import importlib.util
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfaip.errors import StorageError, UsageError
from tfaip.scenario.comparison import Function
from tfaip.scenario.export import SavedGraph, called_by_name, input_specs

CustomObjects = Mapping[str, type]
_SERVING = "serving_default"


@dataclass(frozen=True)
class ExportFormat:
    """One format.

    Attributes:
        name: What it is called on the command line.
        file_name: What the file, or folder, is called in an export.
        write: Writes a model to a path.
        load: Returns what is at a path as a function of arrays by name, which yields outputs by name.
        loaded_with: What loads it.
        modules: What has to be installed, besides TensorFlow and Keras, by the distribution it is in.
        extra: The extra of tfaip that installs it.
    """

    name: str
    file_name: str
    write: Callable[[keras.Model, Path], None]
    load: Callable[[Path, CustomObjects], Function]
    loaded_with: str
    modules: Mapping[str, str]
    extra: str = ""

    def check_installed(self) -> None:
        """Raise if a package is missing, or Keras is too old.

        Raises:
            UsageError: It says what to install.
        """
        missing = [name for name, module in self.modules.items() if importlib.util.find_spec(module) is None]
        if missing:
            raise UsageError(
                f"The format {self.name} needs {', '.join(missing)}: `pip install 'tfaip[{self.extra}]'`."
            )
        if self.name == "litert" and tuple(map(int, keras.__version__.split(".")[:2])) < (3, 13):
            raise UsageError(
                f"Keras {keras.__version__} cannot export LiteRT. Install 3.13 or newer: "
                "`pip install -U keras`."
            )


# ---- how each is written and loaded


def _write_onnx(model: keras.Model, path: Path) -> None:
    with warnings.catch_warnings(), _quiet("tf2onnx"):
        warnings.simplefilter("ignore")  # of tf2onnx and NumPy
        # With a signature, since Keras wants a model without one to have been called.
        model.export(str(path), format="onnx", verbose=False, input_signature=[input_specs(model)])


def load_onnx(path: Path, _: CustomObjects | None = None) -> Function:
    """Return an ONNX model, which ONNX Runtime runs on the CPU, as a function of arrays by name."""
    session = onnx_session(path)
    inputs = {one.name for one in session.get_inputs()}
    outputs = [one.name for one in session.get_outputs()]

    def run(arrays: Mapping[str, Any]) -> dict[str, Any]:
        values = session.run(outputs, {key: arrays[key] for key in inputs})
        return dict(zip(outputs, values, strict=True))

    return run


def onnx_session(path: Path) -> Any:
    """Return an ONNX Runtime session of the model in a file.

    Raises:
        UsageError: ONNX Runtime is not installed.
        StorageError: The file is no model that it can run.
    """
    FORMATS["onnx"].check_installed()
    onnxruntime = importlib.import_module("onnxruntime")
    try:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:
        hint = ""
        if "Bitcast" in str(error):
            hint = " `keras.ops.argmax` of floats makes a `Bitcast`; `tf.argmax` does not."
        raise StorageError(f"ONNX Runtime cannot load `{path}`: {first_line(error)}{hint}") from error


def _write_litert(model: keras.Model, path: Path) -> None:
    with warnings.catch_warnings(), _quiet("tensorflow"):
        warnings.simplefilter("ignore")  # of the converter
        model.export(str(path), format="litert", verbose=False)


def _load_litert(path: Path, _: CustomObjects) -> Function:
    interpreter = importlib.import_module("ai_edge_litert.interpreter").Interpreter(str(path))
    runner = interpreter.get_signature_runner()
    inputs = list(runner.get_input_details())
    return lambda arrays: runner(**{key: arrays[key] for key in inputs})


def _write_saved_model(model: keras.Model, path: Path) -> None:
    SavedGraph(model).save(str(path))


def load_saved_model(path: Path, _: CustomObjects | None = None) -> Function:
    """Return a SavedModel as a function of arrays by name."""
    loaded: Any = tf.saved_model.load(str(path))
    signature = loaded.signatures[_SERVING]
    specs = signature.structured_input_signature[1]
    run = lambda arrays: signature(**{key: tf.convert_to_tensor(arrays[key]) for key in specs})  # noqa: E731
    run.loaded = loaded  # type: ignore[attr-defined] # what the signature refers to lives as long as this
    return run


def _write_keras(model: keras.Model, path: Path) -> None:
    model.save(path)


def _load_keras(path: Path, custom_objects: CustomObjects) -> Function:
    load = keras.saving.load_model
    model: Any = load(path, custom_objects=dict(custom_objects), compile=False, safe_mode=True)
    return lambda arrays: called_by_name(model, arrays)


FORMATS = {
    one.name: one
    for one in (
        ExportFormat(
            "onnx",
            "model.onnx",
            _write_onnx,
            load_onnx,
            "onnxruntime",
            {"tf2onnx": "tf2onnx", "onnx": "onnx", "onnxruntime": "onnxruntime"},
            extra="onnx",
        ),
        ExportFormat(
            "litert",
            "model.tflite",
            _write_litert,
            _load_litert,
            "ai_edge_litert.interpreter",
            {"ai-edge-litert": "ai_edge_litert"},
            extra="litert",
        ),
        ExportFormat(
            "saved_model", "saved_model", _write_saved_model, load_saved_model, "tf.saved_model.load", {}
        ),
        ExportFormat("keras", "model.keras", _write_keras, _load_keras, "keras.saving.load_model", {}),
    )
}


def first_line(error: Exception) -> str:
    """Return the first line of a message that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:400]


@contextlib.contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep a package from logging what only its developers understand."""
    log = logging.getLogger(name)
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            yield
    finally:
        log.setLevel(before)
