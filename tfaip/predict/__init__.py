"""An exported model and samples give samples with outputs."""
