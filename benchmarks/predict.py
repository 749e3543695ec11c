"""Time predictions: the full tutorial through its whole pipeline, and Keras' `predict` on a ready array.

    python benchmarks/predict.py [--repetitions 3] [--passes 4] [--graph CNN]

Both predict 15,000 digits with the same graph, at batch 16 and at batch 64. tfaip starts with one uint8 image
a sample, normalises it, fills batches, computes an export and yields one sample after the other, without
worker processes; Keras gets one float array. Each runs in a process of its own, the repetitions take turns,
and the first pass, which traces the graph, does not count.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np

_ROOT = Path(__file__).resolve().parent.parent
_SAMPLES = 15_000
_BATCH_SIZES = (16, 64)
_AIM = 0.9  # of the speed of Keras, at batch 64


def main() -> None:
    """Run one contestant if one is named, else all of them in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3, help="processes per contestant")
    parser.add_argument("--passes", type=int, default=4, help="timed passes per process and batch size")
    parser.add_argument("--graph", choices=["MLP", "CNN"], default="MLP", help="layers of the tutorial")
    parser.add_argument("--contestant", choices=sorted(CONTESTANTS), help="run only this one, here")
    args = parser.parse_args()
    if args.contestant:
        print(json.dumps(CONTESTANTS[args.contestant](args.graph, args.passes)))
    else:
        compare(args.repetitions, args.passes, args.graph)


def compare(repetitions: int, passes: int, graph: str) -> None:
    """Let the contestants take turns, and print the speed of each and its ratio to Keras."""
    print(_environment(graph))
    seconds: Dict[Tuple[str, int], List[float]] = {
        (n, size): [] for size in _BATCH_SIZES for n in CONTESTANTS
    }
    for repetition in range(repetitions):
        for name in CONTESTANTS:
            for size, times in zip(_BATCH_SIZES, _run_in_own_process(name, graph, passes), strict=True):
                seconds[name, size] += times
                shown = " ".join(f"{_SAMPLES / t:7,.0f}" for t in times)
                print(f"repetition {repetition + 1} {name:6} batch {size}: {shown} samples/s", flush=True)
    print()
    print(f"{'':15} {'median':>8} {'slowest':>8} {'fastest':>8} samples/s {'ratio':>6}")
    for (name, size), times in seconds.items():
        ratio = statistics.median(seconds["keras", size]) / statistics.median(times)
        speeds = [_SAMPLES / t for t in (statistics.median(times), max(times), min(times))]
        print(f"batch {size} {name:6} {' '.join(f'{s:8,.0f}' for s in speeds)} {'':9} {ratio:6.2f}")
    print(f"\nAim: a ratio of at least {_AIM} at batch {_BATCH_SIZES[-1]}.")


def time_tfaip(graph: str, passes: int) -> List[List[float]]:
    """Predict with `predict_raw`, from images to samples."""
    from scenarios.tutorial.full.scenario import FullScenario
    from tfaip.predict.params import PredictorParams

    inputs = [{"img": image} for image in _digits()]
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        _scenario(graph).export(folder)
        for batch_size in _BATCH_SIZES:
            params = PredictorParams(silent=True, progress_bar=False)
            params.pipeline.batch_size = batch_size
            predictor = FullScenario.create_predictor(folder, params)
            seconds.append(_timed(lambda p=predictor: _classes(p.predict_raw(inputs)), passes))
    return seconds


def time_keras(graph: str, passes: int) -> List[List[float]]:
    """Predict with `keras.Model.predict` on the normalised array of all images."""
    model: Any = _scenario(graph).keras_predict_model
    inputs = {"img": _digits().astype(np.float32) / 255 - 0.5}
    return [
        _timed(lambda s=batch_size: model.predict(inputs, batch_size=s, verbose=0)["class"], passes)
        for batch_size in _BATCH_SIZES
    ]


# The order is the order of each repetition.
CONTESTANTS: Dict[str, Callable[[str, int], List[List[float]]]] = {"tfaip": time_tfaip, "keras": time_keras}


def _timed(predict: Callable[[], Any], passes: int) -> List[float]:
    seconds = []
    for _ in range(passes + 1):
        started = time.perf_counter()
        number = len(predict())
        seconds.append(time.perf_counter() - started)
        if number != _SAMPLES:
            raise ValueError(f"{number} of {_SAMPLES} samples were predicted")
    return seconds[1:]


def _classes(samples: Any) -> List[Any]:
    return [sample.outputs["class"] for sample in samples]


def _scenario(graph: str) -> Any:
    """Return the full tutorial, ready to predict; its weights are random."""
    import keras

    from scenarios.tutorial.full.params import CNNParams, MLPParams
    from scenarios.tutorial.full.scenario import FullScenario

    params = FullScenario.default_params()
    params.data.input_shape = [8, 8]
    params.model.graph = {"MLP": MLPParams, "CNN": CNNParams}[graph]()
    scenario = FullScenario(params)
    scenario.setup_training(keras.optimizers.SGD(), skip_model_load_test=True)
    return scenario


def _digits() -> np.ndarray:
    """Return 15,000 images `(N, 8, 8, 1)`, uint8: the training digits, repeated."""
    from scenarios.tutorial.datasets import Dataset, load_images

    images = load_images(Dataset.DIGITS, training=True).images
    return images[np.arange(_SAMPLES) % len(images)][..., np.newaxis]


def _run_in_own_process(name: str, graph: str, passes: int) -> List[List[float]]:
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    result = subprocess.run(
        [sys.executable, __file__, "--contestant", name, "--graph", graph, "--passes", str(passes)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "2"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(result.stdout.splitlines()[-1])


def _environment(graph: str) -> str:
    import platform
    from importlib.metadata import version

    listed = ", ".join(f"{name} {version(name)}" for name in ("tfaip", "tensorflow", "keras", "numpy"))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{_SAMPLES} samples, graph {graph}; {cores} cores, {platform.machine()}; "
        f"Python {platform.python_version()}, {listed}"
    )


if __name__ == "__main__":
    main()
