"""Measure what logging at default settings costs: epochs with it and epochs without, in turns.

    python benchmarks/logging_cost.py [--pairs 20]

One training of the full tutorial's network on its digits, without validation, exports and checkpoints. In
half of the epochs, in the order off, on, on, off, the callbacks that log are switched off: the progress
lines, the speeds, `train.log`, `metrics.jsonl` and TensorBoard. What else the machine does meets both alike;
the result is the median of the ratios of neighbours, in seconds on the clock and of the processor.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, List, Tuple

import keras

_ROOT = Path(__file__).resolve().parent.parent
_WARM_UP_EPOCHS = 4  # they trace the step and find the size of a call
_EPOCH_SCALE = 30  # 2,700 steps, the shortest of which is 0.3 ms
_LARGEST_SHARE = 0.03


def main() -> None:
    """Print the share of an epoch that logging takes; exit with 1 if it is too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20, help="epochs of each kind")
    args = parser.parse_args()
    times = time_epochs(_WARM_UP_EPOCHS + 2 * args.pairs)[_WARM_UP_EPOCHS:]
    share = report("clock", [clock for clock, _ in times])
    report("processor", [processor for _, processor in times])
    print(f"at most {_LARGEST_SHARE:.0%} of the time on the clock are allowed")
    sys.exit(share > _LARGEST_SHARE)


def report(name: str, seconds: List[float]) -> float:
    """Print the seconds of epochs with and without logging, and return the share that it takes."""
    pairs = list(zip(seconds[0::2], seconds[1::2], strict=True))
    in_order = [pair if number % 2 == 0 else pair[::-1] for number, pair in enumerate(pairs)]
    share = statistics.median(with_logs / without - 1 for without, with_logs in in_order)
    without, with_logs = (statistics.median(column) for column in zip(*in_order, strict=True))
    print(f"{name:9}: {without:.4f} s without, {with_logs:.4f} s with logging: {share:+.2%}")
    return share


def time_epochs(epochs: int) -> List[Tuple[float, float]]:
    """Return the seconds of each epoch, on the clock and of the processor."""
    from scenarios.tutorial.full.scenario import FullScenario

    with tempfile.TemporaryDirectory() as folder:
        params = FullScenario.default_trainer_params()
        params.epochs = epochs
        params.output_dir = folder
        params.val_every_n = 0
        params.export_best = params.export_final = params.write_checkpoints = False
        params.skip_model_load_test = True
        params.scale_epoch_size = _EPOCH_SCALE
        trainer = FullScenario.create_trainer(params)
        clock = Clock()
        trainer.setup_callbacks = lambda optimizer, callbacks=None: callbacks_of(trainer, clock)
        trainer.train()
    return clock.times


def callbacks_of(trainer: Any, clock: "Clock") -> Any:
    """Return the clock and the callbacks of a training, of which those that log hear of some epochs only."""
    from tfaip.trainer.callback_order import callbacks_in_order

    in_order = callbacks_in_order(trainer, [])
    return [clock, *(SomeEpochs(one) if is_logging(one) else one for one in in_order)]


def is_logging(callback: keras.callbacks.Callback) -> bool:
    """Return whether a callback only logs."""
    from tfaip.trainer.callbacks.benchmark_callback import BenchmarkCallback
    from tfaip.trainer.callbacks.logger_callback import LoggerCallback
    from tfaip.trainer.callbacks.metrics_callback import MetricsCallback
    from tfaip.trainer.callbacks.progbar import TFAIPProgbarLogger
    from tfaip.trainer.callbacks.tensor_board_callback import TensorBoardCallback

    kinds = (BenchmarkCallback, LoggerCallback, MetricsCallback, TensorBoardCallback, TFAIPProgbarLogger)
    return isinstance(callback, kinds)


class Clock(keras.callbacks.Callback):
    """Takes the time of each epoch, before all others."""

    def __init__(self) -> None:
        super().__init__()
        self.times: List[Tuple[float, float]] = []
        self._started = (0.0, 0.0)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Finish the epoch before, and start."""
        if epoch > 0:
            self._finish()
        self._started = time.perf_counter(), time.process_time()

    def on_train_end(self, logs: Any = None) -> None:
        """Finish the last epoch."""
        self._finish()

    def _finish(self) -> None:
        clock, processor = self._started
        self.times.append((time.perf_counter() - clock, time.process_time() - processor))


class SomeEpochs:
    """A callback that hears of every second and third of four epochs, and of what is around the training."""

    def __init__(self, callback: keras.callbacks.Callback) -> None:
        self._callback = callback
        self._is_on = True

    def __getattr__(self, name: str) -> Any:
        event = getattr(self._callback, name)
        if name == "on_epoch_begin":
            return self._on_epoch_begin
        if name.startswith("on_") and name not in ("on_train_begin", "on_train_end"):
            return event if self._is_on else lambda *args: None
        return event

    def _on_epoch_begin(self, epoch: int, logs: Any) -> None:
        self._is_on = epoch % 4 in (1, 2)
        if self._is_on:
            self._callback.on_epoch_begin(epoch, logs)


if __name__ == "__main__":
    sys.path.insert(0, str(_ROOT))
    main()
