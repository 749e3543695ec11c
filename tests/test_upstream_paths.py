"""Every path of tfaip 1.x that its users import is there, or waits for the work that brings it."""

import importlib
import subprocess
import sys

import pytest

HEAVY = """
tfaip.imports: DataBase EvaluatorBase ModelBase GraphBase ScenarioBase ListFileScenario Trainer
    Predictor MultiModelPredictor MultiModelVoter WarmStarter
    DataBaseParams DataGeneratorParams DeviceConfigParams EvaluatorParams LAVParams LearningRateParams
    ModelBaseParams PipelineMode PredictorParams Sample ScenarioBaseParams TrainerParams TrainerPipelineParams
    TrainerPipelineParamsBase WarmStartParams INPUT_PROCESSOR GENERAL_PROCESSOR TARGETS_PROCESSOR
tfaip.lav.lav: LAV
tfaip.scenario.listfile.listfilelav: ListFileLAV ListFileLAVCallback
tfaip.model.modelbase: ModelBase TMP
tfaip.model.graphbase: GraphBase GenericGraphBase
tfaip.model.layerbase: LayerBase LayerBaseParams TFAIPLayerBase
tfaip.model.tensorboardwriter: TensorboardWriter
tfaip.trainer.trainer: Trainer
tfaip.trainer.callbacks.lav_callback: LAVCallback
tfaip.trainer.callbacks.logger_callback: LoggerCallback
tfaip.trainer.callbacks.tensor_board_callback: TensorBoardCallback
tfaip.trainer.callbacks.train_params_logger: TrainerCheckpointsCallback
tfaip.trainer.warmstart.warmstarter: WarmStarter TWSP
tfaip.util.random: set_global_random_seed
tfaip.util.testing.training: AdditionalTrainerArgs lav_test_case resume_training single_train_iter
    warmstart_training_test_case
tfaip.util.tftyping: AnyTensor
"""

LIGHT = """
tfaip: DataBaseParams DataGeneratorParams DeviceConfigParams EvaluatorParams LAVParams LearningRateParams
    ModelBaseParams PipelineMode PredictorParams Sample ScenarioBaseParams TrainerParams TrainerPipelineParams
    TrainerPipelineParamsBase WarmStartParams INPUT_PROCESSOR GENERAL_PROCESSOR TARGETS_PROCESSOR __version__
tfaip.data.data: DataBase
tfaip.data.databaseparams: DataBaseParams DataGeneratorParams DataPipelineParams
tfaip.data.pipeline.datagenerator: DataGenerator RawDataGenerator
tfaip.data.pipeline.datapipeline: DataPipeline RawDataPipeline DataGenerator
tfaip.data.pipeline.definitions: Sample PipelineMode INPUT_PROCESSOR GENERAL_PROCESSOR TARGETS_PROCESSOR
tfaip.data.pipeline.processor.dataprocessor: DataProcessorParams DataProcessorBase MappingDataProcessor
    GeneratingDataProcessor SequenceProcessor T
tfaip.data.pipeline.processor.params: SequentialProcessorPipelineParams ComposedProcessorPipelineParams
tfaip.data.pipeline.processor.pipeline: DataProcessorPipeline
tfaip.device.device_config: DeviceConfig DeviceConfigParams DistributionStrategy distribute_strategy
tfaip.evaluator.evaluator: EvaluatorBase
tfaip.evaluator.params: EvaluatorParams
tfaip.lav.callbacks.dump_results: DumpResultsCallback
tfaip.lav.callbacks.lav_callback: LAVCallback
tfaip.lav.callbacks.print_callback: PrintCallback
tfaip.lav.multilav: MultiLAV
tfaip.lav.params: LAVParams
tfaip.model.modelbaseparams: ModelBaseParams
tfaip.predict.multimodelpredictor: MultiModelPredictor MultiModelVoter
tfaip.predict.multimodelvoter: MultiModelVoter
tfaip.predict.params: PredictorParams
tfaip.predict.predictor: Predictor
tfaip.predict.predictorbase: PredictorBase
tfaip.predict.raw_predictor: RawPredictor RawPredictorCaller
tfaip.resource.manager: ResourceManager
tfaip.resource.resource: Resource
tfaip.scenario.listfile.datagenerator: ListsFileDataGenerator
tfaip.scenario.listfile.listfilescenario: ListFileScenario
tfaip.scenario.listfile.params: ListsFileGeneratorParams ListFileTrainerPipelineParams
tfaip.scenario.scenariobase: ScenarioBase TScenarioParams TTrainerPipelineParams import_scenario
tfaip.scenario.scenariobaseparams: ScenarioBaseParams NetConfigParamsBase
tfaip.scripts.adapt_exported_model: run
tfaip.scripts.evaluate: main run parse_args
tfaip.scripts.lav: main run parse_args
tfaip.scripts.lav_multi: main run parse_args
tfaip.scripts.predict: main run parse_args
tfaip.scripts.benchmark_scenario_input_pipeline: main run parse_args
tfaip.scripts.resume_training: main
tfaip.scripts.train: main run parse_args
tfaip.scripts.train_from_params: main
tfaip.trainer.callbacks.earlystopping.params: EarlyStoppingParams
tfaip.trainer.optimizer: AdamOptimizer DEFAULT_OPTIMIZERS
tfaip.trainer.optimizer.optimizers: OptimizerParams AdamOptimizer AdamaxOptimizer RMSpropOptimizer
    SGDOptimizer AdaBeliefOptimizer LAMBOptimizer
tfaip.trainer.params: TrainerParams TrainerPipelineParams TrainerPipelineParamsBase TrainerPipelines
    TDataGeneratorTrain TDataGeneratorVal
tfaip.trainer.scheduler: Constant ExponentialDecayParams CosineDecayParams WarmupCosineDecayParams
    WarmupConstantCosineDecayParams LearningRateParams DEFAULT_SCHEDULES
tfaip.trainer.scheduler.constant_params: Constant
tfaip.trainer.scheduler.cosine_decay_params: CosineDecayParams WarmupCosineDecayParams
    WarmupConstantCosineDecayParams
tfaip.trainer.scheduler.exponential_decay_params: ExponentialDecayParams
tfaip.trainer.scheduler.learningrate_params: LearningRateParams
tfaip.trainer.scheduler.warmup_decay_params: WarmupDecayParams
tfaip.trainer.warmstart.warmstart_params: WarmStartParams
tfaip.util.enum: StrEnum
tfaip.util.file.glob_util: glob_all
tfaip.util.file.oshelper: ChDir
tfaip.util.json_helper: TFAIPJsonEncoder TFAIPJsonDecoder
tfaip.util.logging: logger WriteToLogFile ParseLogFile FORMAT formatter TFAIP_LOG_LEVEL
tfaip.util.multiprocessing.data.parallel_generator: ParallelGenerator
tfaip.util.multiprocessing.data.worker: DataWorker
tfaip.util.multiprocessing.parallelmap: parallel_map tqdm_wrapper
tfaip.util.packbits: packbits packsize unpackbits
tfaip.util.profiling: MeasureTime ProfileScope enable_profiling format_profiling print_profiling profile
tfaip.util.testing.setup: setup_test_init
tfaip.util.testing.workdir: call_in_root workdir_path workdir_path_with_path
tfaip.util.tfaipargparse: TFAIPArgumentParser TFAIPDataClassArgumentParser post_init
tfaip.util.typing: AnyNumpy
"""

# Paths whose code is still to come, with the room that will hold it. A path leaves this list when it works.
LATER = {
    "tfaip.scripts.experimenter": "scripts",
}


def rows(table):
    """Return (module, name) for each name of a table."""
    joined = table.strip().replace("\n    ", " ").splitlines()
    return [(module, name) for module, names in (row.split(":") for row in joined) for name in names.split()]


@pytest.mark.parametrize(("module", "name"), rows(HEAVY) + rows(LIGHT))
def test_name_is_where_it_was(module, name):
    assert hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("module", LATER)
def test_path_that_is_still_to_come_is_listed_only_as_long_as_it_is_missing(module):
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(module)


def test_light_paths_load_no_tensorflow():
    modules = sorted({module for module, _ in rows(LIGHT)})
    code = (
        "import importlib, sys\n"
        f"names = {rows(LIGHT)!r}\n"
        "for module, name in names:\n"
        "    getattr(importlib.import_module(module), name)\n"
        "    loaded = {'tensorflow', 'keras'} & set(sys.modules)\n"
        "    assert not loaded, f'{module}:{name} loads {loaded}'\n"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert modules
    assert ended.returncode == 0, ended.stderr


def test_top_level_names_are_the_same_for_tools_and_at_run_time():
    import ast
    from pathlib import Path

    import tfaip

    tree = ast.parse(Path(tfaip.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = [node for node in block.body if isinstance(node, ast.ImportFrom)]

    assert {node.names[0].name: node.module for node in imported} == tfaip._HOMES


def test_unknown_top_level_name_is_an_attribute_error():
    import tfaip

    with pytest.raises(AttributeError, match="`Trainer`"):
        _ = tfaip.Trainer
