"""`--trainer.freeze PATTERN:EPOCHS`: which layers wait, and for how many epochs."""

import re
from dataclasses import dataclass
from typing import Optional

from tfaip.errors import UsageError
from tfaip.params.checks import check_pattern

_FLAG = "--trainer.freeze"


@dataclass(frozen=True)
class FreezeRule:
    """Layers that do not train, and until when.

    Attributes:
        text: The rule as it was given.
        pattern: A regular expression for the path of a layer, for its end after a slash, or for the name of
            the layer's class.
        epochs: Epochs after which the layers train; `None`: never.
    """

    text: str
    pattern: str
    epochs: Optional[int] = None

    @classmethod
    def parse(cls, text: str) -> "FreezeRule":
        """Return the rule in `PATTERN:EPOCHS` or `PATTERN`, which freezes for good."""
        pattern, colon, number = text.rpartition(":")
        if not colon or not re.fullmatch(r"[-+.\d]+", number):
            pattern, number = text, ""
        if not pattern or (number and not (number.isdecimal() and int(number) > 0)):
            raise UsageError(
                f"`{_FLAG}` takes PATTERN:EPOCHS with at least 1 epoch, or PATTERN alone to freeze for good, "
                f"got {text!r}. Try `{_FLAG} backbone:2`."
            )
        check_pattern(_FLAG, pattern)
        return cls(text, pattern, int(number) if number else None)

    def holds(self, epochs_done: int) -> bool:
        """Return whether the layers are frozen in the epoch that follows `epochs_done` epochs."""
        return self.epochs is None or epochs_done < self.epochs

    def matches(self, path: str, class_name: str) -> bool:
        """Return whether the layer at `path`, `root/Graph/backbone` for example, is meant."""
        names = (path, class_name)
        return any(re.fullmatch(rf"(?:.*/)?(?:{self.pattern})", name) for name in names)
