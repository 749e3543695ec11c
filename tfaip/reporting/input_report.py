"""What the speed and the costs of an input pipeline mean, in words."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

from tfaip.reporting.input_costs import Cost, InputCosts, Part
from tfaip.reporting.input_speed import InputSpeed

_NO_WAITING = 0.05  # below, a measurement of seconds tells nothing
_LOSS_OF_PROCESSES = 0.1  # of their time; it goes into transport
_LEAST_FOR_PROCESSES = (
    50e-6  # seconds; what takes less is done before it would have arrived in another process
)

_REMEDIES = {
    Part.GENERATOR: "It runs in the main process: let it yield what is quick to make, as a file name, and "
    "let a processor load it.",
    Part.BATCHING: "Keep arrays small and in the type of their specification, so that they are only copied.",
    Part.TENSORFLOW: "Send less: images as uint8, converted in the graph; or larger batches with "
    "`--train.batch_size`.",
}
_NAMES = {Part.BATCHING: "the batching", Part.TENSORFLOW: "the way into TensorFlow"}


@dataclass(frozen=True)
class TrainingSpeed:
    """Samples per second of a training: with its input pipeline, and on batches that are there already."""

    with_pipeline: float
    alone: float

    @property
    def waiting(self) -> float:
        """The share of its time that the training waits for data."""
        return max(0.0, 1 - self.with_pipeline / self.alone) if self.alone > 0 else 0.0


def rate_of_batches(speed: InputSpeed) -> str:
    """Return how many batches come in a second, in words."""
    return f"{speed.batches_per_second:.1f} batches/s"


def report(
    speed: InputSpeed, costs: InputCosts, *, cores: int, training: Optional[TrainingSpeed] = None
) -> list[str]:
    """Return the lines of a report; the last one is advice.

    Args:
        speed: What the pipeline delivers.
        costs: What its parts take, measured one after another.
        cores: The cores of the machine.
        training: The speed of the training, if it was measured.
    """
    lines = [f"First batch after {speed.first_seconds:.2f} s."]
    if speed.num_batches == 0:
        return [*lines, "There was no second batch in the time: set a larger `--time_limit`."]
    lines += [
        f"Then {speed.samples_per_second:.1f} samples/s, {rate_of_batches(speed)} "
        f"({speed.num_samples} samples in {speed.seconds:.1f} s).",
        "",
        *_table(costs, _transport(speed, costs)),
        "",
        _workers_line(speed),
    ]
    if training is not None:
        lines.append(_training_line(training))
    return [*lines, advice(speed, costs, cores=cores, training=training)]


def advice(
    speed: InputSpeed, costs: InputCosts, *, cores: int, training: Optional[TrainingSpeed] = None
) -> str:
    """Return what bounds the pipeline, and what to do about it; the arguments are those of `report`."""
    if not costs.costs:
        return "The costs could not be measured: there is no sample."
    if training is not None and training.waiting < _NO_WAITING:
        return "The training does not wait for data: leave the pipeline as it is."
    if speed.workers and costs.of(Part.PROCESSOR) < _LEAST_FOR_PROCESSES:
        return (
            "The processors take less than the way of a sample to another process: set "
            "`--data.pre_proc.run_parallel False`."
        )
    processors = [cost for cost in costs.costs if cost.part == Part.PROCESSOR]
    others = [cost for cost in costs.costs if cost.part != Part.PROCESSOR]
    here, there = _largest(others), costs.of(Part.PROCESSOR) / max(1, len(speed.workers))
    if not processors or there < here.seconds:
        return f"{_bound_by(here, costs)} {_REMEDIES[here.part]}"
    wanted = None if training is None else workers_that_feed(training.alone, costs.of(Part.PROCESSOR))
    return " ".join([_bound_by(_largest(processors), costs), *_on_processes(speed, costs, cores, wanted)])


def _on_processes(speed: InputSpeed, costs: InputCosts, cores: int, wanted: Optional[int]) -> Iterator[str]:
    """Yield sentences about how many processes should run the processors; `wanted` would feed the model."""
    running = max(1, len(speed.workers))
    useful = min(wanted or cores, cores)
    is_worth_it = costs.of(Part.PROCESSOR) >= _LEAST_FOR_PROCESSES
    if wanted is None:
        yield "`--with_train_step` tells whether a training waits for it."
    elif is_worth_it:
        yield f"{wanted} processes would feed the model; this machine has {cores} cores."
    if is_worth_it and useful > running:
        yield f"Try `--data.pre_proc.run_parallel True --train.num_processes {useful}`."
    else:
        yield "Make it faster, or keep its results in memory with `--trainer.preload_data True`."


def workers_that_feed(samples_per_second: float, seconds_per_sample: float) -> int:
    """Return how many processes keep up with a model, given what its samples take in one of them."""
    return max(1, math.ceil(samples_per_second * seconds_per_sample / (1 - _LOSS_OF_PROCESSES)))


def _transport(speed: InputSpeed, costs: InputCosts) -> float:
    """Return the seconds for a sample that no part accounts for."""
    delivered = speed.seconds / speed.num_samples
    if not speed.workers:
        return max(0.0, delivered - costs.of())
    return max(0.0, delivered * len(speed.workers) - costs.of(Part.PROCESSOR, Part.BATCHING))


def _table(costs: InputCosts, transport: float) -> list[str]:
    total = costs.of() + transport
    rows = [*((_called(cost), cost.seconds) for cost in costs.costs), ("transport and waiting", transport)]
    width = max(len(name) for name, _ in rows)
    return [
        f"{'Time of a sample':<{width + 2}}{'ms':>10} {'share':>7}",
        *(
            f"  {name:<{width}}{1000 * seconds:>10.3f} {_percent(seconds / total) if total else '':>7}"
            for name, seconds in rows
        ),
    ]


def _workers_line(speed: InputSpeed) -> str:
    if not speed.workers:
        return "All of it runs in this process."
    largest = max(worker.own_bytes for worker in speed.workers) / 2**20
    return f"{len(speed.workers)} worker processes, each with up to {largest:.0f} MB of its own."


def _training_line(training: TrainingSpeed) -> str:
    return (
        f"Training: {training.with_pipeline:.1f} samples/s, on batches that are there already "
        f"{training.alone:.1f}: it waits for data {_percent(training.waiting)} of the time."
    )


def _bound_by(cost: Cost, costs: InputCosts) -> str:
    return f"Bound by {_called(cost)}, {_percent(cost.seconds / costs.of())} of the time of a sample."


def _largest(costs: Sequence[Cost]) -> Cost:
    return max(costs, key=lambda cost: cost.seconds)


def _called(cost: Cost) -> str:
    return _NAMES.get(cost.part, f"the {cost.part} {cost.name}")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
