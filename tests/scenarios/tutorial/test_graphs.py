import numpy as np
import pytest

from scenarios.tutorial.full.params import CNNParams, FullModelParams, MLPParams
from scenarios.tutorial.min.params import MinModelParams

GRAPHS = {
    "min": MinModelParams(),
    "mlp": FullModelParams(graph=MLPParams(nodes=[20, 10], activation="tanh")),
    "cnn": FullModelParams(graph=CNNParams(filters=[4, 2], dense=[5])),
    "cnn of more poolings than pixels": FullModelParams(graph=CNNParams(filters=[1] * 6)),
}


@pytest.mark.parametrize("size", [8, 28])
@pytest.mark.parametrize("params", GRAPHS.values(), ids=GRAPHS)
def test_graph_turns_images_into_classes(params, size):
    graph = params.create_graph()
    images = np.random.default_rng(1).integers(0, 255, (3, size, size, 1))
    dtype = "uint8" if isinstance(params, MinModelParams) else "float32"

    outputs = {key: np.asarray(value) for key, value in graph.predict({"img": images.astype(dtype)}).items()}

    assert outputs["logits"].shape == outputs["pred"].shape == (3, 10)
    np.testing.assert_allclose(outputs["pred"].sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(outputs["class"], outputs["pred"].argmax(axis=-1))


def test_feature_maps_become_one_grey_image_each(tmp_path):
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from scenarios.tutorial.full.graphs.cnn import write_feature_maps

    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        write_feature_maps("maps", np.ones((2, 4, 5, 3), np.float32), 0)

    events = EventAccumulator(str(tmp_path)).Reload()
    width, height, *images = tf.make_ndarray(events.Tensors("maps")[0].tensor_proto)
    assert (int(width), int(height), len(images)) == (5, 4, 3)
