PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
RECIPE := deployments/recipes/quickstart/recipe.yaml

PORT ?= 4200
VLLM_PORT ?= 8000
MODEL ?=

.PHONY: setup run run-llm test test-slow test-all test-vllm lint format bench bench-models bench-llm bench-orchestration \
	up down soak vllm clean

setup: $(READY)

$(READY): pyproject.toml deployments/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tilth needs Python 3.11 or newer; set PYTHON=")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c deployments/constraints.txt
	@$(BIN)/python -m flows.orchestrator
	@touch $@

run: setup
	@$(BIN)/tilth run $(RECIPE) --resume

run-llm: setup
	@$(BIN)/tilth run deployments/recipes/quickstart/llm.yaml --resume

test: setup
	$(BIN)/python -m pytest -m "not slow" -n 2

test-slow: setup
	$(BIN)/python -m pytest -m slow

test-all: test test-slow

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Peers live apart from the product; its packages are seen through a path file, so that both run in one process.
.venv-bench/.ready: tests/bench/requirements.txt $(READY)
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' > "$$(.venv-bench/bin/python -c 'import site; print(site.getsitepackages()[0])')/tilth.pth"
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r tests/bench/requirements.txt
	@touch $@

bench: .venv-bench/.ready
	.venv-bench/bin/python -m tests.bench.run

bench-models: .venv-bench/.ready
	.venv-bench/bin/python -m tests.bench.run $@

# distilabel and the product want other versions of the same packages.
.venv-peers/.ready: tests/bench/requirements-peers.txt
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -r tests/bench/requirements-peers.txt
	@touch $@

# Apart from distilabel, which takes a newer pyarrow: where one cannot be installed the other still is.
.venv-data-designer/.ready: tests/bench/requirements-data-designer.txt
	@test -x .venv-data-designer/bin/python || $(PYTHON) -m venv .venv-data-designer
	.venv-data-designer/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

bench-llm: .venv-bench/.ready
	@$(MAKE) --no-print-directory --keep-going .venv-vllm/.ready .venv-peers/.ready .venv-data-designer/.ready || echo "a peer could not be installed: its rows are left out"
	.venv-bench/bin/python -m tests.bench.run $@

bench-orchestration: .venv-bench/.ready
	.venv-bench/bin/python -m tests.bench.run $@

up: setup
	@$(BIN)/python -m deployments.server up --port $(PORT)

down: setup
	@$(BIN)/python -m deployments.server down

soak: setup
	$(BIN)/python -m tests.soak

# vLLM cannot be installed beside Prefect: each wants its own FastAPI.
.venv-vllm/.ready: deployments/vllm/requirements-cpu.txt
	@test -x .venv-vllm/bin/python || $(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

vllm: setup .venv-vllm/.ready
	@.venv-vllm/bin/python deployments/vllm/serve.py $(or $(MODEL),$$($(BIN)/python -m tasks.engines.embedded)) --port $(VLLM_PORT)

test-vllm: setup
	@$(MAKE) --no-print-directory .venv-vllm/.ready || echo "vLLM could not be installed: its tests will say that they skip"
	$(BIN)/python -m pytest tests/integration/test_vllm.py tests/engines/test_vllm_offline.py -v
	$(BIN)/python -m pytest tests/integration/test_systemd.py -k vllm -v

clean:
	rm -rf .venv .venv-bench .tilth out build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
