"""The parameters of a scenario, and the description of an exported graph."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, Generic, List, Optional, Type, TypeVar

from dataclasses_json import LetterCase, dataclass_json
from paiargparse import pai_dataclass, pai_meta

from tfaip.data.databaseparams import DataBaseParams
from tfaip.errors import UsageError
from tfaip.evaluator.params import EvaluatorParams
from tfaip.model.modelbaseparams import ModelBaseParams
from tfaip.params.checks import check_number
from tfaip.params.generics import bind_fields, type_argument
from tfaip.version import __version__

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase

TDataParams = TypeVar("TDataParams", bound=DataBaseParams)
TModelParams = TypeVar("TModelParams", bound=ModelBaseParams)


@pai_dataclass
@dataclass
class ScenarioBaseParams(Generic[TDataParams, TModelParams]):
    """What a scenario is made of: its data, model and evaluator, and how it is exported.

    Bind the parameter classes by subscription:
    `class MyParams(ScenarioBaseParams[MyDataParams, MyModelParams])`.
    """

    debug_graph_n_examples: int = field(
        default=1, metadata=pai_meta(help="Kept for old parameter files; it has no effect.")
    )
    print_eval_limit: int = field(
        default=10,
        metadata=pai_meta(
            help="Evaluated samples that are printed in each validation; 0 prints none, -1 all."
        ),
    )
    tensorboard_logger_history_size: int = field(
        default=5, metadata=pai_meta(help="Kept for old parameter files; it has no effect.")
    )
    export_serve: bool = field(
        default=True,
        metadata=pai_meta(help="Write the SavedModel of the prediction graph into each export."),
    )
    export_tolerance: Optional[float] = field(
        default=1e-4,
        metadata=pai_meta(
            help="Largest difference between an export and the model: of floats, divided by their largest "
            "value or by 1; of other outputs, the share that differs. None: accept any."
        ),
    )
    model: TModelParams = field(
        default_factory=ModelBaseParams, metadata=pai_meta(mode="flat", help="The model.")
    )  # type: ignore[assignment]
    data: TDataParams = field(
        default_factory=DataBaseParams, metadata=pai_meta(mode="flat", help="The data.")
    )  # type: ignore[assignment]
    evaluator: EvaluatorParams = field(
        default_factory=EvaluatorParams, metadata=pai_meta(mode="flat", help="The evaluator.")
    )
    export_net_config: bool = field(default=True, metadata=pai_meta(mode="ignore"))
    net_config_filename: str = field(default="net_config.json", metadata=pai_meta(mode="ignore"))
    default_serve_dir: str = field(default="serve", metadata=pai_meta(mode="ignore"))
    additional_serve_dir: str = field(default="additional", metadata=pai_meta(mode="ignore"))
    trainer_params_filename: str = field(default="trainer_params.json", metadata=pai_meta(mode="ignore"))
    scenario_params_filename: str = field(default="scenario_params.json", metadata=pai_meta(mode="ignore"))
    scenario_base_path: Optional[str] = field(default=None, metadata=pai_meta(mode="ignore"))
    scenario_id: Optional[str] = field(default=None, metadata=pai_meta(mode="ignore"))
    id: Optional[str] = field(default=None, metadata=pai_meta(mode="ignore"))
    tfaip_commit_hash: Optional[str] = field(default=None, metadata=pai_meta(mode="ignore"))
    tfaip_version: str = field(default=__version__, metadata=pai_meta(mode="ignore"))
    use_input_gradient_regularization: bool = field(
        default=False,
        metadata=pai_meta(help="Penalise the slope of the loss along the input's gradient."),
    )
    input_gradient_regularization_h: float = field(
        default=0.001,
        metadata=pai_meta(help="Step width h of the finite difference along that gradient."),
    )
    input_gradient_regularization_lambda: float = field(
        default=0.1, metadata=pai_meta(help="Weight of the input-gradient penalty.")
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give `data` and `model` the classes that the subclass bound."""
        super().__init_subclass__(**kwargs)
        bind_fields(cls, {"data": TDataParams, "model": TModelParams})

    def __post_init__(self) -> None:
        """Refuse what is out of range; subclasses may also share values between their parts here."""
        step_width, weight = self.input_gradient_regularization_h, self.input_gradient_regularization_lambda
        check_number("--scenario.input_gradient_regularization_h", step_width, more_than=0)
        check_number("--scenario.input_gradient_regularization_lambda", weight, at_least=0)
        if self.export_tolerance is not None:
            check_number("--scenario.export_tolerance", self.export_tolerance, at_least=0)

    @classmethod
    def data_cls(cls) -> Type[TDataParams]:
        """Return the bound class of the data parameters."""
        return type_argument(cls, TDataParams)

    @classmethod
    def model_cls(cls) -> Type[TModelParams]:
        """Return the bound class of the model parameters."""
        return type_argument(cls, TModelParams)

    def cls(self) -> "Type[ScenarioBase]":
        """Return the scenario class that `scenario_id` names."""
        if not self.scenario_id:
            raise UsageError(
                "`scenario_id` of these scenario parameters is not set, so their class is unknown. "
                "Create them with `default_params()` of the scenario."
            )
        # Here, because it needs this module.
        from tfaip.scenario.stored_scenarios import stored_scenario

        return stored_scenario(self.scenario_id, self.scenario_base_path)

    def create(self) -> "ScenarioBase":
        """Return a new scenario of these parameters."""
        return self.cls()(self)


@dataclass_json(letter_case=LetterCase.CAMEL)  # type: ignore[arg-type]
@dataclass
class NetConfigNodeSpec:
    """One input or output of an exported graph."""

    shape: List[str]
    dtype: str
    node_serve: str


@pai_dataclass
@dataclass_json(letter_case=LetterCase.CAMEL)  # type: ignore[arg-type]
@dataclass
class NetConfigParamsBase:
    """What a foreign program needs to know to feed an exported graph; written as `net_config.json`."""

    id_model: str
    id_serve: str
    in_nodes: Dict[str, NetConfigNodeSpec]
    out_nodes: Dict[str, NetConfigNodeSpec]
    tf_version: str
    tfaip_commit_hash: str = ""
    tfaip_version: str = __version__
