"""Label: lives in `tfaip.resource.manager`."""

from tfaip.resource.manager import ChDir as ChDir
