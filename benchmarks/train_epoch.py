"""Time an epoch of training: the minimal tutorial, plain Keras `fit`, and a whole epoch in one tf.function.

    python benchmarks/train_epoch.py [--repetitions 3] [--epochs 4]

All three train the same network on 15,000 digits at batch 16, shuffled anew in each epoch, without
validation and without writing. Each runs in a process of its own, the repetitions take turns, and the first
epoch, which traces the graph, does not count.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np

_ROOT = Path(__file__).resolve().parent.parent
_SAMPLES = 15_000
_BATCH_SIZE = 16
_STEPS = _SAMPLES // _BATCH_SIZE
_SEED = 1


def main() -> None:
    """Run one contestant if one is named, else all of them in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3, help="processes per contestant")
    parser.add_argument("--epochs", type=int, default=4, help="timed epochs per process, after the first")
    parser.add_argument("--contestant", choices=sorted(CONTESTANTS), help="run only this one, here")
    args = parser.parse_args()
    if args.contestant:
        print(json.dumps(CONTESTANTS[args.contestant](args.epochs)))
    else:
        compare(args.repetitions, args.epochs)


def compare(repetitions: int, epochs: int) -> None:
    """Let the contestants take turns, and print the median of each and its ratio to Keras' `fit`."""
    print(_environment())
    seconds: Dict[str, List[float]] = {name: [] for name in CONTESTANTS}
    for repetition in range(repetitions):
        for name, times in seconds.items():
            times += _run_in_own_process(name, epochs)
            print(f"repetition {repetition + 1} {name:10} {_in_seconds(times[-epochs:])}", flush=True)
    print()
    print(f"{'':10} {'median':>8} {'fastest':>8} {'slowest':>8} {'ratio':>6}")
    reference = statistics.median(seconds["fit"])
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:10} {median:7.2f}s {min(times):7.2f}s {max(times):7.2f}s {median / reference:6.2f}")


def time_tfaip(epochs: int) -> List[float]:
    """Train the minimal tutorial as it is; the digits are repeated until an epoch is full."""
    from scenarios.tutorial.min.scenario import MinScenario

    params = MinScenario.default_trainer_params()
    params.epochs = epochs + 1
    params.samples_per_epoch = _SAMPLES
    params.gen.setup.train.batch_size = _BATCH_SIZE
    params.val_every_n = 0
    params.random_seed = _SEED
    params.progress_bar_mode = 0
    ends: List[float] = []
    MinScenario.create_trainer(params).train(callbacks=[_note_epoch_ends(ends)])
    return np.diff(ends).tolist()


def time_keras_fit(epochs: int) -> List[float]:
    """Train with `fit` of Keras, as its documentation shows it."""
    import keras

    model = _network()
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
    )
    ends: List[float] = []
    model.fit(_dataset(), epochs=epochs + 1, verbose=0, callbacks=[_note_epoch_ends(ends)])
    return np.diff(ends).tolist()


def time_one_graph(epochs: int) -> List[float]:
    """Train with a loop over the batches that is itself part of the graph: no Python between the steps."""
    import keras
    import tensorflow as tf

    model = _network()
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    mean_loss: Any = keras.metrics.Mean()
    accuracy: Any = keras.metrics.SparseCategoricalAccuracy()

    @tf.function
    def train_epoch(dataset: tf.data.Dataset) -> None:
        for images, labels in dataset:
            with tf.GradientTape() as tape:
                logits = model(images, training=True)
                loss: Any = loss_function(labels, logits)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            mean_loss.update_state(loss)
            accuracy.update_state(labels, logits)

    dataset = _dataset()
    ends: List[float] = []
    for _ in range(epochs + 1):
        mean_loss.reset_state()
        accuracy.reset_state()
        train_epoch(dataset)
        for metric in (mean_loss, accuracy):
            metric.result().numpy()  # a log line waits for the numbers, too
        ends.append(time.perf_counter())
    return np.diff(ends).tolist()


# The order is the order of each repetition.
CONTESTANTS: Dict[str, Callable[[int], List[float]]] = {
    "tfaip": time_tfaip,
    "fit": time_keras_fit,
    "one_graph": time_one_graph,
}


def _note_epoch_ends(times: List[float]) -> Any:
    """Return a Keras callback that appends the time at which each epoch ended."""
    import keras

    return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: times.append(time.perf_counter()))


def _network() -> Any:
    """Return the network of the minimal tutorial, written with Keras alone."""
    import keras

    keras.utils.set_random_seed(_SEED)
    image = keras.Input((None, None, 1), dtype="uint8")
    grey_values: Any = keras.ops.cast(image, "float32")
    features = keras.layers.Conv2D(32, 3, padding="same", activation="relu")(grey_values / 255)
    features = keras.layers.MaxPooling2D(2, padding="same")(features)
    features = keras.layers.Conv2D(64, 3, padding="same", activation="relu")(features)
    features = keras.layers.GlobalMaxPooling2D()(features)
    features = keras.layers.Dense(128, activation="relu")(features)
    features = keras.layers.Dropout(0.5)(features)
    return keras.Model(image, keras.layers.Dense(10)(features))


def _dataset() -> Any:
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(_digits())
    dataset = dataset.shuffle(_SAMPLES).batch(_BATCH_SIZE, drop_remainder=True)
    return dataset.prefetch(tf.data.AUTOTUNE)


def _digits() -> Tuple[np.ndarray, np.ndarray]:
    """Return 15,000 images `(N, 8, 8, 1)` and labels `(N, 1)`: the training digits, repeated."""
    from scenarios.tutorial.datasets import Dataset, load_images

    digits = load_images(Dataset.DIGITS, training=True)
    index = np.arange(_SAMPLES) % len(digits)
    return digits.images[index][..., np.newaxis], digits.labels[index][:, np.newaxis]


def _run_in_own_process(name: str, epochs: int) -> List[float]:
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    result = subprocess.run(
        [sys.executable, __file__, "--contestant", name, "--epochs", str(epochs)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "2"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(result.stdout.splitlines()[-1])


def _environment() -> str:
    versions = {name: _version(name) for name in ("tfaip", "tensorflow", "keras", "numpy")}
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{_STEPS} steps of {_BATCH_SIZE} samples an epoch; {cores} cores, {platform.machine()}; "
        f"Python {platform.python_version()}, {listed}"
    )


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


def _in_seconds(times: List[float]) -> str:
    return " ".join(f"{seconds:.2f}s" for seconds in times)


if __name__ == "__main__":
    main()
