"""What a checkpoint every 100 steps costs: step times with and without, in turns within one training.

    python benchmarks/checkpoint_cost.py [--epochs 10] [--steps 1000] [--network small|wide]

Epochs with and without checkpoints take turns in one process, each until everything is on disk, which a
training waits for at its end only. The first two epochs do not count. `small` is the network of the
minimal tutorial; `wide` has 4.4 million weights.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from typing import Any, Dict, List

import keras
import tensorflow as tf
from paiargparse import pai_dataclass

from scenarios.tutorial.min.params import MinModelParams
from scenarios.tutorial.min.scenario import MinScenario
from tfaip.model.graphbase import GraphBase

_EVERY = 100
_BATCH_SIZE = 64


class WideGraph(GraphBase):
    """Two wide dense layers."""

    def __init__(self, params: MinModelParams, **kwargs: Any):
        super().__init__(params, **kwargs)
        self.one = keras.layers.Dense(2048, activation="relu")
        self.two = keras.layers.Dense(2048, activation="relu")
        self.out = keras.layers.Dense(params.n_classes)

    def build_graph(self, inputs: Dict[str, Any], training: Any = None) -> Dict[str, Any]:
        """Return logits, probabilities and class of an image."""
        image: Any = tf.reshape(tf.cast(inputs["img"], tf.float32), (-1, 64))
        logits = self.out(self.two(self.one(image / 255)))
        return {"logits": logits, "pred": tf.nn.softmax(logits), "class": tf.argmax(logits, axis=-1)}


@pai_dataclass
@dataclass
class WideModelParams(MinModelParams):
    """The tutorial's model with that graph."""

    def graph_cls(self) -> Any:
        """Return the graph."""
        return WideGraph


class TakesTurns(keras.callbacks.Callback):
    """Switches checkpoints on in every second epoch, and times all."""

    def __init__(self) -> None:
        super().__init__()
        self.trainer: Any = None
        self.seconds: Dict[bool, List[float]] = {False: [], True: []}
        self._start = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Switch, and start the clock."""
        self.trainer.params.save_every_n_steps = _EVERY * (epoch % 2)
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Wait for the disk, and stop the clock."""
        self.trainer._run.writer.wait()
        if epoch > 1:
            self.seconds[bool(epoch % 2)].append(time.perf_counter() - self._start)


def main() -> None:
    """Train, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10, help="of each kind, that are timed")
    parser.add_argument("--steps", type=int, default=1000, help="an epoch")
    parser.add_argument("--network", choices=("small", "wide"), default="small")
    args = parser.parse_args()
    clock = TakesTurns()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        _train(clock, folder, args)
    medians = {kind: statistics.median(times) / args.steps for kind, times in clock.seconds.items()}
    for kind, name in ((False, "without"), (True, f"every {_EVERY} steps")):
        times = sorted(1000 * seconds / args.steps for seconds in clock.seconds[kind])
        print(f"{name:16} median {1000 * medians[kind]:7.3f} ms a step  ({times[0]:.3f} to {times[-1]:.3f})")
    pairs = zip(clock.seconds[True], clock.seconds[False], strict=True)
    costs = [100 * (with_them / without - 1) for with_them, without in pairs]
    print(f"cost: {statistics.median(costs):+.1f} % (median of {len(costs)} pairs)")


def _train(clock: TakesTurns, folder: str, args: argparse.Namespace) -> None:
    params = MinScenario.default_trainer_params()
    params.output_dir = folder + "/run"
    params.epochs = 2 * args.epochs + 2
    params.samples_per_epoch = args.steps * _BATCH_SIZE
    params.gen.setup.train.batch_size = _BATCH_SIZE
    params.val_every_n, params.checkpoint_save_freq, params.progress_bar_mode = 0, 0, 0
    params.export_best = params.export_final = False
    params.skip_model_load_test = True  # it tries images of other sizes, which the wide network does not take
    if args.network == "wide":
        params.scenario.model = WideModelParams()
    clock.trainer = MinScenario.create_trainer(params)
    clock.trainer.train(callbacks=[clock])


if __name__ == "__main__":
    main()
