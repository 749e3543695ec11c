"""Params of the prediction."""

from dataclasses import dataclass, field

from paiargparse import pai_dataclass, pai_meta

from tfaip.data.databaseparams import DataPipelineParams
from tfaip.device.device_config import DeviceConfigParams


@pai_dataclass
@dataclass
class PredictorParams:
    """How samples are read, predicted and shown."""

    device: DeviceConfigParams = field(
        default_factory=DeviceConfigParams,
        metadata=pai_meta(fix_dc=True, help="The devices to compute on."),
    )
    pipeline: DataPipelineParams = field(
        default_factory=DataPipelineParams,
        metadata=pai_meta(fix_dc=True, mode="ssnake", help="How samples are read and batched."),
    )
    silent: bool = field(default=False, metadata=pai_meta(help="Do not log each predicted sample."))
    progress_bar: bool = field(default=True, metadata=pai_meta(help="Show how far the prediction is."))
    run_eagerly: bool = field(
        default=False,
        metadata=pai_meta(help="Run without compiled graph, for debugging; much slower."),
    )
    include_targets: bool = field(default=False, metadata=pai_meta(mode="ignore"))
    include_meta: bool = field(default=False, metadata=pai_meta(mode="ignore"))
