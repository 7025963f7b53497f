# Two commands for a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test checks unit suite fuzz-readings serve bench format lock clean

demo: .venv/demo.installed
	$(BIN)/python -m examples.demo

# The checks run beside the tests: they use one core, and not for long.
test: .venv/dev.installed
	$(MAKE) --jobs 2 checks suite

checks: .venv/dev.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tools.structure --check
	$(BIN)/python -m tools.phrases

# What needs no database, no TensorFlow and no process: under a minute on two cores. Other kinds:
# `pytest -m postgres`, `-m crash`, `-m "not slow"`.
unit: .venv/dev.installed
	$(BIN)/pytest -n 2 --dist loadfile -m unit

# The unit tests first, in a run of their own: only there can TensorFlow be forbidden to them. For
# the rest, a file's tests stay in one process: what they share, often a training, is made once. In
# the order of the folders, so that the long files do not come last. Three processes for two cores:
# many tests wait for others.
suite: unit
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not unit"

# Thousands of files with a known truth, other ones each time. It takes minutes.
fuzz-readings: .venv/dev.installed
	STATECAST_FUZZ_FILES=$(or $(FILES),3000) $(BIN)/pytest -q -m unit tests/app/parsing/fuzz

serve: .venv/demo.installed
	$(BIN)/statecast serve

bench: .venv/dev.installed
	$(BIN)/python -m benchmarks

format: .venv/dev.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m tools.structure --write

# `dev` holds all of `demo`, in the same versions; installing one after the other is fine. All
# cores compile what pip would compile on one.
.venv/%.installed: locks/%.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Statecast needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $<
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	$(BIN)/python -m compileall -q -j 0 .venv/lib app models migrations
	touch $@

# The locks: one resolution with hashes for each way to install.
LOCK = .venv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --quiet \
	--generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"

lock: .venv/dev.installed
	$(BIN)/python -m pip install --quiet uv
	$(LOCK) --extra postgres --extra excel --extra train --extra demo --extra dev -o locks/dev.txt
	$(LOCK) --extra postgres --extra excel --extra train --extra demo -c locks/dev.txt -o locks/demo.txt
	$(LOCK) --extra postgres --extra excel --extra train -c locks/dev.txt -o locks/worker.txt
	$(LOCK) --extra postgres --extra excel --extra gpu -c locks/dev.txt -o locks/worker-gpu.txt
	$(LOCK) --extra postgres --extra excel -c locks/dev.txt -o locks/web.txt
	echo "# The tool that builds the package, as in locks/dev.txt: \`make lock\` writes it." > locks/build.txt
	sed -n '/^setuptools==/,/^    #/ { /^    #/!p }' locks/dev.txt >> locks/build.txt

clean:
	rm -rf .venv var build *.egg-info
