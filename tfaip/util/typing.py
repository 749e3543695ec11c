"""Label: lives in `tfaip.data.pipeline.definitions`."""

from tfaip.data.pipeline.definitions import AnyNumpy as AnyNumpy
