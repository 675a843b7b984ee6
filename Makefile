# Everything sets itself up: `make report` and `make test` work in a fresh clone.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOG := .setup/setup.log
STAMP := .setup/done
RECORDING := data/recordings/auth-28d
SMALL := data/recordings/auth-small
LONG := data/recordings/auth-12w
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))
# Forecasts need more weeks than the other notebooks.
CAPACITY := notebooks/04_capacity_report.ipynb

.PHONY: help setup report test judges lint lab bench clean notebooks recordings

help:  ## Say what there is.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP)  ## Make the virtual environment (.venv) from the lock file.

$(STAMP): requirements.lock tools/setup.sh
	@tools/setup.sh "$(PYTHON)" "$(VENV)" "$(LOG)"
	@touch $@

$(RECORDING)/meta.json: data/scenarios/auth-28d.yaml | $(STAMP)
	@$(BIN)/python -m auth_service.scenario data/scenarios/auth-28d.yaml --out $(RECORDING) --incidents data/incidents/auth-28d.yaml
	@touch $@

$(SMALL)/meta.json: data/scenarios/auth-small.yaml | $(STAMP)
	@$(BIN)/python -m auth_service.scenario data/scenarios/auth-small.yaml --out $(SMALL) --incidents data/incidents/auth-small.yaml
	@touch $@

$(LONG)/meta.json: data/scenarios/auth-12w.yaml data/scenarios/auth-28d.yaml | $(STAMP)
	@$(BIN)/python -m auth_service.scenario data/scenarios/auth-12w.yaml --out $(LONG) --incidents data/incidents/auth-12w.yaml
	@touch $@

recordings: $(RECORDING)/meta.json $(SMALL)/meta.json $(LONG)/meta.json

report: $(STAMP) $(RECORDING)/meta.json $(LONG)/meta.json  ## Run all notebooks on the embedded recordings.
	@$(BIN)/alertlab run $(filter-out $(CAPACITY),$(NOTEBOOKS)) --source $(RECORDING) -p incidents=data/incidents/auth-28d.yaml
	@$(BIN)/alertlab run $(CAPACITY) --source $(LONG) -p incidents=data/incidents/auth-12w.yaml

test: $(STAMP) recordings  ## Install the test servers where possible and run all tests.
	@tools/test-servers.sh "$(LOG)"
	@tools/judges.sh $(if $(CI),build,list)
	@$(BIN)/python -m pytest -n auto --dist loadscope -m "not alone"
	@$(BIN)/python -m pytest -n 2 --dist loadscope -m alone

judges:  ## Build current Prometheus and Alertmanager as judges of the tests (needs Go).
	@tools/judges.sh build

notebooks: $(STAMP) $(SMALL)/meta.json $(LONG)/meta.json  ## Renew the outputs that are committed with the notebooks.
	@$(BIN)/jupyter nbconvert --to notebook --execute --inplace --log-level WARN \
	  --ExecutePreprocessor.record_timing=False --ExecutePreprocessor.store_widget_state=False \
	  $(NOTEBOOKS)

lint: $(STAMP)  ## Check style.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

lab: $(STAMP) $(SMALL)/meta.json $(LONG)/meta.json  ## Open JupyterLab on the notebooks.
	@$(BIN)/alertlab lab

bench: $(STAMP) recordings  ## Measure speed against real peers, as ratios.
	@$(BIN)/python tools/bench

clean:  ## Remove what was made: environment, recordings, reports, caches.
	rm -rf $(VENV) .setup $(RECORDING) $(SMALL) $(LONG) reports
	rm -rf .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
