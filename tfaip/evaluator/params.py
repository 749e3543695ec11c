"""The switches of an evaluator."""

from dataclasses import dataclass

from paiargparse import pai_dataclass


@pai_dataclass
@dataclass
class EvaluatorParams:
    """The switches of an evaluator; subclass it to add your own."""
