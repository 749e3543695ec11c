"""The base of the params of policies."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paiargparse import pai_dataclass

if TYPE_CHECKING:
    from tfaip.trainer.policies.policy import Policy


@pai_dataclass
@dataclass
class PolicyParams:
    """Params of a policy, for `--trainer.policies`."""

    @staticmethod
    def cls() -> Any:
        """Return the class of the policy, which is created with these params."""
        raise NotImplementedError("Return the subclass of `Policy` that these params belong to from `cls`.")

    def create(self) -> "Policy":
        """Return a new policy."""
        return self.cls()(self)
