"""What is computed for a batch: graph, losses, metrics, and the step that trains them."""
