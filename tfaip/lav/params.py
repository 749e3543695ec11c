"""Params of LAV: load an exported model and validate it."""

from dataclasses import dataclass, field
from typing import List, Union

from paiargparse import pai_dataclass, pai_meta

from tfaip.data.databaseparams import DataPipelineParams
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.device.device_config import DeviceConfigParams


@pai_dataclass
@dataclass
class LAVParams:
    """How exported models are validated."""

    pipeline: DataPipelineParams = field(
        default_factory=DataPipelineParams,
        metadata=pai_meta(fix_dc=True, mode="ssnake", help="How samples are read and batched."),
    )
    model_path: Union[str, List[str]] = field(  # noqa: UP007 - dataclasses_json reads no `|`
        default=None, metadata=pai_meta(mode="ignore")
    )  # type: ignore[assignment]
    device: DeviceConfigParams = field(
        default_factory=DeviceConfigParams, metadata=pai_meta(help="The devices to compute on.")
    )
    print_samples: bool = field(
        default=False,
        metadata=pai_meta(help="Print each sample with its targets and outputs."),
    )
    silent: bool = field(
        default=False,
        metadata=pai_meta(help="Show neither progress nor the results of the single lists."),
    )
    store_results: bool = field(
        default=True,
        metadata=pai_meta(help="Write the results of each list of samples beside the model."),
    )

    def __post_init__(self) -> None:
        """Samples are read with their targets."""
        self.pipeline.mode = PipelineMode.EVALUATION
