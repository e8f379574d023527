.DEFAULT_GOAL := help
PYTHON ?= python3.11
# make setup GPU=1 takes TensorFlow's GPU build instead of its CPU build
LOCK := $(if $(GPU),requirements-gpu.lock,requirements.lock)
# an environment of its own: the two builds can't share one
VENV := $(if $(GPU),.venv-gpu,.venv)
BIN := $(VENV)/bin
UV := $(shell grep '^uv==' requirements-dev.lock)
# uv takes certificates from the system, as pip does; where it can't install, pip does, only slower.
export UV_SYSTEM_CERTS ?= true
install = $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $(1) || $(BIN)/python -m pip install --quiet $(1)

.PHONY: help setup train test ui check lock clean

help:  ## Show what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-7s %s\n", $$1, $$2}'

setup: $(VENV)/.catml-$(LOCK)  ## Install everything into .venv, and let `mlflow run` use it
	@$(BIN)/python -m catml.environment

train: setup  ## Train on the drawn sample, or PHOTOS=folder; more parameters: ARGS="-P trials=100"
	$(BIN)/mlflow run . -e train --experiment-name catml $(if $(PHOTOS),-P photos="$(PHOTOS)") $(ARGS)

test: setup $(VENV)/.catml-dev  ## Run all tests
	$(BIN)/python -m pytest $(ARGS)

ui: setup  ## Browse runs and models at http://localhost:5000
	$(BIN)/mlflow ui

check: $(VENV)/.catml-dev  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lock: $(VENV)/.catml-dev  ## Look for newer versions of everything and write the lock files anew
	$(BIN)/uv pip compile $(COMPILE) --extra cpu -o requirements.lock
	$(BIN)/uv pip compile $(COMPILE) --extra cpu --extra lite2 --extra export --extra dev -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile $(COMPILE) --extra gpu -c requirements.lock -o requirements-gpu.lock

clean:  ## Remove the environment and everything made in data/, but no runs and no models
	rm -rf .venv .venv-gpu data/features data/photos data/sample data/speed.json data/studies

COMPILE = pyproject.toml --quiet --upgrade --universal --python-version 3.11 --no-header --no-annotate

$(VENV)/bin/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(UV)

$(VENV)/.catml-%: % $(VENV)/bin/uv pyproject.toml
	$(call install,-r $<)
	$(call install,--no-deps -e .)
	@touch $@

$(VENV)/.catml-dev: requirements-dev.lock $(VENV)/bin/uv pyproject.toml
	$(call install,-r $<)
	$(call install,--no-deps -e .)
	@touch $@
