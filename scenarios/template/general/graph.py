"""Graph: the layers."""

from typing import Any, Dict, Optional

import keras

from scenarios.template.general.params import TemplateModelParams
from tfaip.model.graphbase import GraphBase


class TemplateGraph(GraphBase):
    """Dense layers."""

    # CHANGE: make layers in `__init__`, call them in `build_graph`.

    def __init__(self, params: TemplateModelParams, **kwargs: Any):
        super().__init__(params, **kwargs)
        self.hidden = [
            keras.layers.Dense(nodes, activation="relu", name=f"hidden_{i}")
            for i, nodes in enumerate(params.nodes)
        ]
        self.logit = keras.layers.Dense(1, name="logit")

    def build_graph(self, inputs: Dict[str, Any], training: Optional[bool] = None) -> Dict[str, Any]:
        """Return logit and probability `(N, 1)` of values `(N, L)`."""
        features = inputs["values"]
        for layer in self.hidden:
            features = layer(features)
        logit = self.logit(features)
        return {"logit": logit, "probability": keras.ops.sigmoid(logit)}
