"""What a scenario's tensors look like, how they are padded, and where its resources are."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

from tfaip.data.databaseparams import DataBaseParams, DataGeneratorParams, DataPipelineParams
from tfaip.data.pipeline.datapipeline import DataPipeline
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.data.specs import STRING, TensorSpec, as_specs
from tfaip.params.generics import type_argument
from tfaip.params.post_init import post_init
from tfaip.resource.manager import ResourceManager

logger = logging.getLogger(__name__)

TDP = TypeVar("TDP", bound=DataBaseParams)


class DataBase(ABC, Generic[TDP]):
    """The data of a scenario: tensor specifications, padding values, and its pipelines by mode.

    Override `_input_layer_specs` and `_target_layer_specs`; where samples differ in size also
    `_padding_values`, for buckets `element_length_fn`. Specifications are `tfaip.data.specs.TensorSpec`,
    which needs no TensorFlow, or `tf.TensorSpec`; both without the batch axis.
    """

    @classmethod
    def params_cls(cls) -> type[TDP]:
        """Return the params class that was put in for `TDP`."""
        return cast("type[TDP]", type_argument(cls, TDP))

    @classmethod
    def default_params(cls) -> TDP:
        """Return new params; override it to change defaults or to add processors."""
        return cls.params_cls()()

    @classmethod
    def data_pipeline_cls(cls) -> type[DataPipeline[Any]]:
        """Return the class of the pipelines; override it to use your own."""
        return DataPipeline

    def __init__(self, params: TDP, **kwargs: Any) -> None:
        if kwargs:
            raise TypeError(
                f"{type(self).__name__} does not know {sorted(kwargs)}. Take them in its `__init__`, or "
                "remove them from `static_data_kwargs` of the scenario."
            )
        post_init(params)
        self._params = params
        self._pipelines: dict[PipelineMode, DataPipeline[Any] | None] = {}
        self.resources = ResourceManager(params.resource_base_path)
        self.resources.register_all(params)
        # Registration resolves paths, and other params may be computed from them.
        post_init(params)

    @property
    def params(self) -> TDP:
        """The params of this data."""
        return self._params

    def preload(self, progress_bar: bool = True) -> None:
        """Replace every pipeline by one that holds its samples in memory."""
        for mode, pipeline in self._pipelines.items():
            if pipeline is not None:
                self._pipelines[mode] = pipeline.as_preloaded(progress_bar=progress_bar)

    def print_params(self) -> None:
        """Write the params to the log, as JSON."""
        logger.info("data_params=%s", self.params.to_json(indent=2))  # type: ignore[attr-defined]

    # Pipelines

    def create_pipeline(
        self, pipeline_params: DataPipelineParams, params: DataGeneratorParams
    ) -> DataPipeline[Any]:
        """Return a new pipeline of the samples of `params`."""
        return self.data_pipeline_cls()(pipeline_params, self, params)

    def get_or_create_pipeline(
        self, pipeline_params: DataPipelineParams, params: DataGeneratorParams | None
    ) -> DataPipeline[Any] | None:
        """Return the pipeline of the mode of `pipeline_params`, created when it is first asked for.

        Later calls return the same pipeline, whatever their `params`. Without params there is no pipeline.
        """
        mode = pipeline_params.mode
        if mode not in self._pipelines:
            self._pipelines[mode] = None if params is None else self.create_pipeline(pipeline_params, params)
        return self._pipelines[mode]

    def pipeline_by_mode(self, mode: PipelineMode) -> DataPipeline[Any] | None:
        """Return the pipeline of `mode` that `get_or_create_pipeline` created; None if there is none."""
        return self._pipelines.get(mode)

    # Specifications

    @abstractmethod
    def _input_layer_specs(self) -> Mapping[str, Any]:
        """Return the specifications of the model's inputs by key."""
        raise NotImplementedError

    @abstractmethod
    def _target_layer_specs(self) -> Mapping[str, Any]:
        """Return the specifications of the targets by key."""
        raise NotImplementedError

    def _meta_layer_specs(self) -> Mapping[str, Any]:
        """Return the specifications of the meta data: by default one text, the JSON of `Sample.meta`."""
        return {"meta": TensorSpec((1,), STRING)}

    def _padding_values(self) -> Mapping[str, Any]:
        """Return by key what short samples are filled with; keys that are missing use 0, False or ''."""
        return {}

    def input_layer_specs(self) -> dict[str, Any]:
        """Return the checked specifications of the model's inputs by key."""
        return _checked(self._input_layer_specs(), "_input_layer_specs")

    def target_layer_specs(self) -> dict[str, Any]:
        """Return the checked specifications of the targets by key."""
        return _checked(self._target_layer_specs(), "_target_layer_specs")

    def meta_layer_specs(self) -> dict[str, Any]:
        """Return the checked specifications of the meta data by key."""
        return _checked(self._meta_layer_specs(), "_meta_layer_specs")

    def dataset_input_layer_specs(self) -> dict[str, Any]:
        """Return what samples hold before `TFDatasetGenerator._transform`; override both together."""
        return self.input_layer_specs()

    def dataset_target_layer_specs(self) -> dict[str, Any]:
        """Return what samples hold before `TFDatasetGenerator._transform`; override both together."""
        return self.target_layer_specs()

    def dataset_meta_layer_specs(self) -> dict[str, Any]:
        """Return what samples hold before `TFDatasetGenerator._transform`; override both together."""
        return self.meta_layer_specs()

    def padding_values(self) -> dict[str, Any]:
        """Return by key what short samples are filled with."""
        return dict(self._padding_values())

    def element_length_fn(self) -> Callable[[Mapping[str, Any]], Any]:
        """Return a function from a sample's inputs to its length, which decides about its bucket."""
        raise NotImplementedError(
            f"`bucket_boundaries` is set, but {type(self).__name__} does not say how long a sample is. "
            "Override `element_length_fn` and return a function of the inputs."
        )

    def input_tensor_key_for_regularization(self) -> str | None:
        """Return the key of the input whose gradient is regularised; None if there is none."""
        return None

    # Keras inputs

    def create_input_layers(self) -> dict[str, Any]:
        """Return a Keras input for each of the model's inputs."""
        return _keras_inputs(self.input_layer_specs())

    def create_target_as_input_layers(self) -> dict[str, Any]:
        """Return a Keras input for each target."""
        return _keras_inputs(self.target_layer_specs())

    def create_meta_as_input_layers(self) -> dict[str, Any]:
        """Return a Keras input for each part of the meta data."""
        return _keras_inputs(self.meta_layer_specs())

    # Resources

    def dump_resources(self, root_path: str, data_params_dict: dict[str, Any]) -> None:
        """Copy the resources below `root_path` and write their new paths into `data_params_dict`."""
        self.resources.dump(root_path, data_params_dict)


def _checked(specs: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return the specifications as the hook wrote them; scenarios may read them as `tf.TensorSpec`."""
    as_specs(specs, source=source)
    return dict(specs)


def _keras_inputs(specs: Mapping[str, Any]) -> dict[str, Any]:
    from tfaip.data.keras_inputs import keras_inputs  # Late: it loads Keras.

    return keras_inputs(specs)
