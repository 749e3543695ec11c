# ruff: noqa: RUF009 - `resource_field` returns a field
import logging
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import pytest
from paiargparse import pai_dataclass

from tests.data.toy import AddParams, ToyData, ToyDataParams, ToyGeneratorParams, numbers, shuffling
from tfaip.data.data import DataBase
from tfaip.data.databaseparams import DataBaseParams, DataPipelineParams
from tfaip.data.pipeline.datapipeline import DataPipeline, RawDataPipeline
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.data.pipeline.processor.params import SequentialProcessorPipelineParams
from tfaip.data.specs import TensorSpec
from tfaip.errors import UsageError
from tfaip.resource.resource import Resource, resource_field

EVALUATION = PipelineMode.EVALUATION


@pai_dataclass
@dataclass
class ComputedParams(DataBaseParams):
    size: int = 2
    doubled: int = 0
    codec: Optional[Resource] = resource_field(default=None)
    calls: int = 0

    def __post_init__(self) -> None:
        self.doubled = 2 * self.size
        self.calls += 1


class ComputedData(DataBase[ComputedParams]):
    def _input_layer_specs(self) -> Any:
        return {"x": TensorSpec((self.params.doubled,), "float32")}

    def _target_layer_specs(self) -> Any:
        return {"y": TensorSpec((), "int32")}


class GrownData(ComputedData):
    pass


class PlainData(ComputedData, DataBase):
    pass


class OwnPipeline(DataPipeline):
    pass


class OwnPipelineData(ToyData):
    @classmethod
    def data_pipeline_cls(cls) -> Any:
        return OwnPipeline


def generator_params():
    return ToyGeneratorParams(source=shuffling(3))


def test_params_class_is_what_was_put_in_and_inherited():
    assert ComputedData.params_cls() is ComputedParams
    assert GrownData.params_cls() is ComputedParams
    assert type(GrownData.default_params()) is ComputedParams


def test_params_are_initialised_again():
    params = ComputedParams()
    params.size = 5

    data = ComputedData(params)

    assert data.params is params is data._params
    assert data.input_layer_specs() == {"x": TensorSpec((10,), "float32")}


def test_unknown_arguments_are_named():
    with pytest.raises(TypeError, match=r"ComputedData does not know \['codec'\].*`static_data_kwargs`"):
        ComputedData(ComputedParams(), codec=1)


def test_a_spec_without_axes_is_refused():
    with pytest.raises(ValueError, match=r"`_target_layer_specs` gives the key `y` the shape \(\)"):
        ComputedData(ComputedParams()).target_layer_specs()


def test_meta_data_are_one_text_by_default():
    assert ToyData(ToyDataParams()).meta_layer_specs() == {"meta": TensorSpec((1,), "string")}


def test_pipelines_are_kept_by_mode():
    data = ToyData(ToyDataParams())
    params = DataPipelineParams(mode=EVALUATION)

    first = data.get_or_create_pipeline(params, generator_params())

    assert data.get_or_create_pipeline(params, generator_params()) is first
    assert data.get_or_create_pipeline(params, None) is first
    assert data.pipeline_by_mode(EVALUATION) is first
    assert data.create_pipeline(params, generator_params()) is not first
    assert data.pipeline_by_mode(PipelineMode.TRAINING) is None


def test_without_params_there_is_no_pipeline():
    data = ToyData(ToyDataParams())

    assert data.get_or_create_pipeline(DataPipelineParams(mode=EVALUATION), None) is None
    assert data._pipelines == {EVALUATION: None}


def test_pipelines_have_the_class_of_the_data():
    pipeline = OwnPipelineData(ToyDataParams()).create_pipeline(DataPipelineParams(), generator_params())

    assert type(pipeline) is OwnPipeline


def test_preload_replaces_all_pipelines():
    data = ToyData(ToyDataParams(pre_proc=SequentialProcessorPipelineParams(processors=[AddParams()])))
    data.get_or_create_pipeline(DataPipelineParams(mode=EVALUATION), generator_params())
    data.get_or_create_pipeline(DataPipelineParams(mode=PipelineMode.TARGETS), None)

    data.preload(progress_bar=False)

    pipeline = data.pipeline_by_mode(EVALUATION)
    assert isinstance(pipeline, RawDataPipeline)
    assert [float(s.inputs["x"][0]) for s in pipeline.samples] == [1, 2, 3]
    assert data.pipeline_by_mode(PipelineMode.TARGETS) is None


def test_length_of_samples_is_unknown_by_default():
    with pytest.raises(NotImplementedError, match="Override `element_length_fn`"):
        ToyData(ToyDataParams()).element_length_fn()


def test_params_are_printed_as_json(caplog):
    with caplog.at_level(logging.INFO):
        ToyData(ToyDataParams()).print_params()

    assert '"pre_proc"' in caplog.text


def test_resources_are_found_and_dumped(tmp_path):
    (tmp_path / "codec.txt").write_text("abc")
    params = ComputedParams(codec=Resource("codec.txt"), resource_base_path=str(tmp_path))
    data = ComputedData(params)
    as_dict = params.to_dict()  # type: ignore[attr-defined]

    data.dump_resources(str(tmp_path / "export"), as_dict)

    assert str(params.codec) == str(tmp_path / "codec.txt")
    assert (as_dict["codec"], as_dict["resource_base_path"]) == ("resources/codec.txt", ".")
    assert (tmp_path / "export/resources/codec.txt").read_text() == "abc"


def test_keras_inputs_are_named_after_their_keys():
    pytest.importorskip("keras")
    data = ToyData(
        ToyDataParams(), inputs={"img": TensorSpec((None, 3), "uint8"), "text": TensorSpec((1,), "string")}
    )

    inputs = {**data.create_input_layers(), **data.create_target_as_input_layers()}
    inputs |= data.create_meta_as_input_layers()

    assert {key: (layer.name, layer.shape, layer.dtype) for key, layer in inputs.items()} == {
        "img": ("img", (None, None, 3), "uint8"),
        "text": ("text", (None, 1), "string"),
        "y": ("y", (None, 1), "int32"),
        "meta": ("meta", (None, 1), "string"),
    }


def test_specs_of_tensorflow_stay_as_the_scenario_wrote_them():
    tf = pytest.importorskip("tensorflow")
    spec = tf.TensorSpec([None], tf.int32)
    data = ToyData(ToyDataParams(), inputs={"x": spec})

    assert data.input_layer_specs()["x"] is spec


def test_an_unknown_kind_of_spec_is_refused():
    with pytest.raises(UsageError, match="for the key `x`"):
        ToyData(ToyDataParams(), inputs={"x": np.float32}).input_layer_specs()


def test_numbers_are_what_the_tests_expect():
    assert [int(s.targets["y"][0]) for s in numbers(2)] == [0, 1]
