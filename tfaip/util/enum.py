"""Label: lives in `tfaip.params.enums`."""

from tfaip.params.enums import StrEnum as StrEnum
