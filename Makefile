# Everything runs in .venv, which the first call builds.
PYTHON = python3
BIN = .venv/bin
READY = .venv/ready
# Of a soak: seconds under load, and which troubles there are.
DURATION ?= 60
SEED ?= 1
SOAK = $(BIN)/python -m tests.soak --duration $(DURATION) --seed $(SEED) $(ARGS)
# Plugins that cxsdk new plugin made, to check their types.
SCAFFOLDS = .mypy_cache/scaffolds
# A plugin of somebody else's.
THIRD = examples/third_party_plugin
PYTEST = $(BIN)/python -m pytest --quiet --numprocesses 2 --dist loadfile --no-loadscope-reorder
# Processes that tests start would compile everything anew each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL = $(READY)
.PHONY: demo test crash soak bench docs plugin-table lint format imports types types-ours types-samples unit pytest clean

# Replays a real shop's purchases, then serves the pages; make demo ARGS="--no-serve --json".
demo: $(READY)
	$(BIN)/cxsdk demo $(ARGS)

# Everything: all the steps below, with the servers they need, and one summary.
test: $(READY)
	$(BIN)/python -m tests.check

# Kills a process at every crash point, in every act that leads there, on four pairs of database and broker.
crash: $(READY)
	CXSDK_TEST_CRASHES=all $(BIN)/python -m tests.servers $(PYTEST) tests/crash

# Load while everything is killed, stopped or in a bad mood; then the same for the naive integration. A line of JSON each.
soak: $(READY)
	@$(SOAK); ours=$$?; $(SOAK) --naive && exit $$ours

# One line of JSON for each figure, or for make bench FIGURE=name alone; ARGS=--write makes docs/performance.md.
bench: $(READY)
	@$(BIN)/python -m tests.benchmarks $(if $(FIGURE),--figure $(FIGURE)) $(ARGS)

# The site of the pages under docs/, in docs/_build/html. Whatever is wrong with a link or a page fails it.
docs: $(READY)
	$(BIN)/python -m sphinx --quiet --nitpicky --fail-on-warning --keep-going docs docs/_build/html

# What the conformance kit says of each plugin, into the table of plugins; the same tests fail where it says something else.
plugin-table: $(READY)
	rm -f docs/plugins/conformance.json
	CXSDK_NOTE_CONFORMANCE=1 $(BIN)/python -m pytest --quiet tests/plugins/*/test_*conformance.py
	$(BIN)/python docs/generate.py

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

# Mends what lint complains of, as far as it can be mended without thinking.
format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

imports: $(READY)
	$(BIN)/lint-imports --no-logo

types: types-ours types-samples

types-ours: $(READY)
	$(BIN)/mypy

# The sample plugins, and those that cxsdk new plugin makes, as an author sees them, who has no settings of ours.
types-samples: $(READY)
	$(BIN)/python -m tests.scaffolds $(SCAFFOLDS)
	MYPYPATH=$$(echo $(SCAFFOLDS)/* $(THIRD)/src | tr ' ' ':') $(BIN)/mypy --config-file= --cache-dir .mypy_cache/samples --strict --follow-imports silent tests/typing $(SCAFFOLDS) $(THIRD)/src $(THIRD)/tests

# Tests that need nothing.
unit: $(READY)
	$(PYTEST) tests/unit

# All tests, with the servers that some of them need.
pytest: $(READY)
	$(BIN)/python -m tests.servers $(PYTEST) tests

clean:
	rm -rf .venv .hypothesis .mypy_cache .ruff_cache .import_linter_cache dist docs/_build
	find . -name __pycache__ -prune -exec rm -rf {} +

# The first pip is too old for dependency groups.
$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[all]' --group dev
	$(BIN)/python -m compileall -qq -j 2 .venv/lib || true  # what pip would do on one core
	touch $@
