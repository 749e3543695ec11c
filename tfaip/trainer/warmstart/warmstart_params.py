"""Params of the warm start: where weights come from and how their names are matched."""

from dataclasses import dataclass, field
from typing import Any, List, Optional

from paiargparse import pai_dataclass, pai_meta

from tfaip.errors import UsageError
from tfaip.params.checks import check_pattern


@pai_dataclass
@dataclass
class WarmStartParams:
    """Which weights are loaded before the first epoch, and under which names."""

    model: Optional[str] = field(
        default=None,
        metadata=pai_meta(
            help="Path of an exported model or a checkpoint whose weights are loaded. None: fresh weights."
        ),
    )
    allow_partial: bool = field(
        default=False,
        metadata=pai_meta(
            help="Load the weights that exist on both sides; the others keep their fresh values."
        ),
    )
    trim_graph_name: bool = field(
        default=True,
        metadata=pai_meta(
            help="Cut the part that all names begin with, up to its last slash, on both sides."
        ),
    )
    rename: List[str] = field(
        default_factory=list,
        metadata=pai_meta(
            help="Text replacements FROM->TO in the names of the loaded weights, in the given order."
        ),
    )
    add_suffix: str = field(
        default="",
        metadata=pai_meta(help="Text put after each name that is read from a checkpoint."),
    )
    rename_targets: List[str] = field(
        default_factory=list,
        metadata=pai_meta(help="Text replacements FROM->TO in the names of the model's weights."),
    )
    exclude: Optional[str] = field(
        default=None,
        metadata=pai_meta(help="Regular expression; loaded weights whose whole name matches are not used."),
    )
    include: Optional[str] = field(
        default=None,
        metadata=pai_meta(help="Regular expression; only loaded weights whose whole name matches are used."),
    )
    auto_remove_numbers_for: List[str] = field(
        default_factory=lambda: ["lstm_cell"],
        metadata=pai_meta(
            help="Names of layers whose running number is removed: lstm_cell_3 becomes lstm_cell."
        ),
    )

    def __post_init__(self) -> None:
        """Refuse malformed rules, and two ways to select weights at once."""
        for name in ("exclude", "include"):
            check_pattern(f"--warmstart.{name}", getattr(self, name))
        for name in ("rename", "rename_targets"):
            for rule in getattr(self, name):
                _check_rename_rule(f"--warmstart.{name}", rule)
        if self.allow_partial and (self.exclude is not None or self.include is not None):
            raise UsageError(
                "`--warmstart.allow_partial` already selects the weights that exist on both sides; "
                "remove it, or `--warmstart.include` and `--warmstart.exclude`."
            )

    def create(self, **kwargs: Any) -> Any:
        """Return the object that loads the weights into a model."""
        from tfaip.trainer.warmstart.warmstarter import WarmStarter  # pyright: ignore[reportMissingImports]

        return WarmStarter(self, **kwargs)


def _check_rename_rule(flag: str, rule: str) -> None:
    old, arrow, _ = rule.partition("->")
    if not arrow or not old:
        raise UsageError(
            f"`{flag}` takes rules of the form FROM->TO, got {rule!r}. "
            "Quote each rule, so that the shell does not read `>` as a redirection."
        )
