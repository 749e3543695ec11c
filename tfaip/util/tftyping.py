"""Label: lives in `tfaip.model.modelbase`."""

from tfaip.model.modelbase import AnyTensor as AnyTensor
