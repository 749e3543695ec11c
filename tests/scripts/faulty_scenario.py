"""The toy with a processor that fails in one of many ways in the second epoch of its training."""

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paiargparse import pai_dataclass, pai_meta

from tests.toy.params import ToyDataParams
from tests.toy.scenario import ToyScenario
from tfaip.data.pipeline.definitions import PipelineMode, Sample
from tfaip.data.pipeline.processor.dataprocessor import DataProcessorParams, MappingDataProcessor


@pai_dataclass
@dataclass
class FaultParams(DataProcessorParams):
    how: str = field(default="raise", metadata=pai_meta(help="What goes wrong."))
    after: str = field(default="", metadata=pai_meta(help="A path; it goes wrong once that is there."))

    @staticmethod
    def cls() -> Any:
        return Fault


class Fault(MappingDataProcessor[FaultParams]):
    """Fails at the sample with the id 3."""

    def apply(self, sample: Sample) -> Sample:
        if sample.meta["id"] == 3 and Path(self.params.after).exists():
            if self.params.how == "raise":
                raise ZeroDivisionError("nothing to divide by")
            os.kill(os.getpid(), signal.SIGKILL)
        return sample


class FaultyScenario(ToyScenario):
    """Takes what goes wrong from the environment."""

    @classmethod
    def default_trainer_params(cls) -> Any:
        params = super().default_trainer_params()
        data: ToyDataParams = params.scenario.data
        after = os.environ.get("FAULT_AFTER", "")
        fault = FaultParams(modes={PipelineMode.TRAINING}, how=os.environ.get("FAULT", "raise"), after=after)
        processors: Any = data.pre_proc
        processors.processors.append(fault)
        processors.run_parallel = True
        params.gen.setup.train.num_processes = params.gen.setup.val.num_processes = 2
        params.gen.setup.train.prefetch = 1
        params.epochs = 50
        return params
