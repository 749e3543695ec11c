# `make demo` and `make test` need Python >= 3.11 and a way to PyPI, nothing else: they make a private `.venv`.
# PYTHON=python3.12 chooses the interpreter.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
DEMO := demo-output

.DEFAULT_GOAL := help
.PHONY: help demo test nightly lint bench clean

help:
	@echo "make demo     train the full tutorial on images of digits into ./$(DEMO)"
	@echo "make test     run the tests, except the nightly ones"
	@echo "make nightly  run the long sweeps"
	@echo "make lint     ruff check, ruff format --check, pyright"
	@echo "make bench    time an epoch, a prediction and logging, those of plain Keras beside them"
	@echo "make clean    remove $(VENV), ./$(DEMO) and all caches"

demo: $(VENV)/.scenarios
	rm -rf $(DEMO)
	$(BIN)/tfaip-train scenarios.tutorial.full --model.graph CNN --trainer.output_dir $(DEMO) --trainer.random_seed 42
	@echo
	@echo "Trained. In ./$(DEMO) there is now:"
	@echo "  train.log             one line of results an epoch"
	@echo "  trainer_params.json   every parameter; go on with $(BIN)/tfaip-resume-training $(DEMO) --trainer.epochs 30"
	@echo "  best/serve            the model of the best epoch: tf.saved_model.load('$(DEMO)/best/serve')"
	@echo "  export/serve          the model of the last epoch"
	@echo "  train/, validation/   curves and images: $(BIN)/tensorboard --logdir $(DEMO)"

test: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not nightly" -n auto --dist loadfile

nightly: $(VENV)/.dev
	$(BIN)/python -m pytest -m nightly

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(VENV)/.scenarios
	$(BIN)/python benchmarks/train_epoch.py
	$(BIN)/python benchmarks/logging_cost.py
	$(BIN)/python benchmarks/predict.py

clean:
	rm -rf $(VENV) $(DEMO) build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is made anew when what it holds was declared differently.
$(VENV)/.made: requirements.txt pyproject.toml
	rm -rf $(VENV)
	@python=$$(for candidate in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
		"$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
			&& echo "$$candidate" && break; done); \
	if [ -z "$$python" ]; then \
		echo "make: no Python >= 3.11 with venv and ensurepip found (tried $(PYTHON) python3.13 python3.12 python3.11 python3 python)." >&2; \
		echo "make: install one (on Debian and Ubuntu: python3 and python3-venv) or name it: make PYTHON=/path/to/python $(MAKECMDGOALS)" >&2; \
		exit 1; \
	fi; \
	echo "$$python -m venv $(VENV)"; "$$python" -m venv $(VENV)
	touch $@

$(VENV)/.scenarios: $(VENV)/.made
	$(PIP) --editable '.[scenarios]'
	touch $@

$(VENV)/.dev: $(VENV)/.made
	$(PIP) --editable '.[scenarios,onnx,litert,dev]'
	touch $@
