"""Numbers that follow a training and that losses read by name, in the compiled step."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

ValueAt = Callable[[int], float]


class NamedValues:
    """Numbers by name, each a function of the updates that are done.

    The functions run in Python, before each call into TensorFlow: the call finds the values of all its steps
    in a table. So any function will do, and many steps in one call see the same values as single steps.

    Attributes:
        asked: The default of each name that losses have asked for.
    """

    def __init__(self) -> None:
        self.asked: dict[str, float] = {}
        self._functions: dict[str, ValueAt] = {}
        self._by_step: set[str] = set()
        self._tables: dict[str, tf.Variable] = {}
        self._first: Any = None  # of the steps in the tables
        self._iterations: Any = None

    def follow(self, name: str, function: ValueAt, *, by_step: bool, iterations: Any) -> None:
        """Let `name` have the value of `function` from now on.

        Args:
            name: What losses ask for.
            function: Takes the number of updates that are done.
            by_step: Ask it for each step; otherwise only when an epoch starts.
            iterations: The variable that counts the updates.
        """
        self._functions[name] = function
        self._iterations = iterations
        if self._first is None:
            self._first = tf.Variable(tf.zeros([], tf.int64), trainable=False)
        if name not in self._tables:
            self._tables[name] = tf.Variable(tf.zeros([1]), shape=[None], trainable=False)
        if by_step:
            self._by_step.add(name)

    def start_epoch(self) -> None:
        """Set all values to those of the next step."""
        if self._functions:
            self._fill(self._functions, 1)

    def restore(self, values: Mapping[str, float]) -> None:
        """Set what follows epochs to `values`, those of the start of the running epoch."""
        for name in set(values) & set(self._functions) - self._by_step:
            self._tables[name].assign([values[name]])

    def prepare(self, num_steps: int) -> None:
        """Set the values of the next `num_steps` steps, and of the one after them, for validations."""
        if self._by_step:
            self._fill({name: self._functions[name] for name in sorted(self._by_step)}, num_steps + 1)

    def current(self) -> dict[str, float]:
        """Return the value of each name for the next step, for logs."""
        return {name: float(self._read(name)) for name in self._functions}

    def read(self, name: str, default: float) -> Any:
        """Return the value of `name` as a scalar tensor, or `default` if nothing follows it."""
        self.asked[name] = default
        return self._read(name) if name in self._functions else default

    def followed(self, name: str) -> Any:
        """Return the value of `name` as a scalar tensor, or `None` if nothing follows it."""
        return self._read(name) if name in self._functions else None

    def _read(self, name: str) -> tf.Tensor:
        table = self._tables[name].read_value()
        index = tf.cast(tf.convert_to_tensor(self._iterations), tf.int64) - tf.convert_to_tensor(self._first)
        return tf.gather(table, tf.clip_by_value(index, 0, tf.size(table, tf.int64) - 1))

    def _fill(self, functions: Mapping[str, ValueAt], num_steps: int) -> None:
        first = int(self._iterations)
        self._first.assign(first)
        for name, function in functions.items():
            steps = range(first, first + num_steps) if name in self._by_step else [first]
            self._tables[name].assign([function(step) for step in steps])
