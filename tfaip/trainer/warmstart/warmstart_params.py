"""Params of the warm start: where weights come from and how their names are matched."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, List, Optional

from paiargparse import pai_dataclass, pai_meta

from tfaip.errors import UsageError
from tfaip.params.checks import check_pattern
from tfaip.trainer.warmstart.merging import Override

if TYPE_CHECKING:
    from tfaip.trainer.warmstart.warmstarter import WarmStarter


@pai_dataclass
@dataclass
class WarmStartParams:
    """Which weights are loaded before the first epoch, and under which names."""

    model: Optional[str] = field(
        default=None,
        metadata=pai_meta(
            help="Path whose weights are loaded: an export, the output_dir of a training, a SavedModel, a "
            "TensorFlow checkpoint, or a .weights.h5, .keras or .h5 file. None: fresh weights."
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
    base: Optional[str] = field(
        default=None,
        metadata=pai_meta(help="Like model, but parts may be replaced by override and exclude_keys."),
    )
    override: List[str] = field(
        default_factory=list,
        metadata=pai_meta(
            help="KEY=PATH: the part KEY of the model, a module or a single weight, comes from PATH. Longer "
            "keys win over shorter ones, and all of them over base."
        ),
    )
    exclude_keys: List[str] = field(
        default_factory=list,
        metadata=pai_meta(
            help="Parts that base and override leave alone; they keep the values a new model has."
        ),
    )
    strict: bool = field(
        default=True,
        metadata=pai_meta(
            help="Demand that base and override hold exactly what they are for. False: load what fits."
        ),
    )

    def __post_init__(self) -> None:
        """Refuse malformed rules, and two ways to select weights at once."""
        for name in ("override", "exclude_keys"):
            if isinstance(getattr(self, name), str):  # read letter by letter otherwise
                setattr(self, name, [getattr(self, name)])
        for text in self.override:
            Override.parse(text)
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
        self._check_merge()

    @property
    def is_merge(self) -> bool:
        """Whether the model is put together from several files."""
        return self.base is not None or bool(self.override)

    @property
    def is_wanted(self) -> bool:
        """Whether any weights are to be loaded."""
        return self.model is not None or self.is_merge

    def create(self, **kwargs: Any) -> "WarmStarter[Any]":
        """Return the object that loads the weights into a model; override it to have one of your own."""
        from tfaip.trainer.warmstart.warmstarter import WarmStarter

        return WarmStarter(self, **kwargs)

    def _check_merge(self) -> None:
        if self.exclude_keys and not self.is_merge:
            raise UsageError(
                "`--warmstart.exclude_keys` goes with `--warmstart.base`. For `--warmstart.model` take the "
                "regular expression `--warmstart.exclude`."
            )
        others = ("model", "include", "exclude", "allow_partial", "rename_targets")
        given = [name for name in others if getattr(self, name)]
        if self.is_merge and given:
            flags = " and ".join(f"`--warmstart.{name}`" for name in given)
            raise UsageError(
                f"{flags} can not be given together with `--warmstart.base` and `--warmstart.override`. "
                "There, weights are selected by `--warmstart.exclude_keys` and `--warmstart.strict False`."
            )


def _check_rename_rule(flag: str, rule: str) -> None:
    old, arrow, _ = rule.partition("->")
    if not arrow or not old:
        raise UsageError(
            f"`{flag}` takes rules of the form FROM->TO, got {rule!r}. "
            "Quote each rule, so that the shell does not read `>` as a redirection."
        )
