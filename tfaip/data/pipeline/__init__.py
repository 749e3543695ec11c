"""Samples appear, are processed, and become batches; read the modules in the order of the pipeline.

definitions, datagenerator, processor, batching (and bucketing), stream, tfdatasetgenerator,
runningdatapipeline, preloading, datapipeline; unbatching is the way back.
"""
