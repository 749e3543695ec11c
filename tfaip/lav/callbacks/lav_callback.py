"""What can be done with the samples and the results of LAV."""

from typing import TYPE_CHECKING, Any, Optional

from tfaip.data.databaseparams import DataGeneratorParams
from tfaip.data.pipeline.definitions import Sample

if TYPE_CHECKING:
    from tfaip.data.data import DataBase


class LAVCallback:
    """Sees each evaluated sample, and the result of each data set. Override what you need.

    Attributes:
        lav: The LAV that runs.
        data: The data of the scenario.
        model: The model of the scenario, without graph; `None` if several models vote.
        current_data_generator_params: Where the samples come from.
        wants_losses: Whether `on_sample_losses` is to be called, which costs time.
    """

    wants_losses = False

    def __init__(self) -> None:
        self.lav: Any = None
        self.data: Optional[DataBase[Any]] = None
        self.model: Any = None
        self.current_data_generator_params: Optional[DataGeneratorParams] = None

    def setup(self, data_generator_params: DataGeneratorParams, lav: Any, data: Any, model: Any) -> None:
        """Take note of what is evaluated; called before each data set. Call `super()`."""
        self.current_data_generator_params = data_generator_params
        self.lav = lav
        self.data = data
        self.model = model

    def on_lav_start(self) -> None:
        """Called before the first sample of each data set."""

    def on_sample_losses(self, losses: dict[str, float]) -> None:
        """Called before `on_sample_end` with the losses of the sample by name, if `wants_losses`."""

    def on_sample_end(self, sample: Sample) -> None:
        """Called with each evaluated sample, post-processed and no longer batched, in their order."""

    def on_lav_end(self, result: dict[str, Any]) -> None:
        """Called with the metrics of all samples by name; an empty data set has none."""

    def close(self) -> None:
        """Called when LAV is done with a data set, also after an error; release what is held."""
