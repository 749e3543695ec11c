"""Which devices are used, and how a model is spread over them."""
