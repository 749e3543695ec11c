"""A metric of our own."""

from typing import Any

import keras


class TrueClassProbability(keras.metrics.Mean):
    """The mean probability that the model gives to the true class; 1 is perfect."""

    def __init__(self, name: str = "true_class_probability", **kwargs: Any):
        super().__init__(name=name, **kwargs)

    def update_state(  # pyright: ignore[reportIncompatibleMethodOverride] - as all metrics of two arguments
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Add a batch.

        Args:
            y_true: The true classes `(N, 1)`.
            y_pred: Probabilities `(N, classes)`.
            sample_weight: Weight of each sample `(N,)`, or `None`.
        """
        of_true_class: Any = keras.ops.take_along_axis(y_pred, y_true, axis=-1)
        super().update_state(of_true_class[:, 0], sample_weight=sample_weight)
