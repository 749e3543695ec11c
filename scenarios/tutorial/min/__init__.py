"""The minimal tutorial: data, model, graph, scenario."""
