"""Label: lives in `tfaip.workers.parallel_generator`."""

from tfaip.workers.parallel_generator import ParallelGenerator as ParallelGenerator
