# Two commands do everything themselves: `make demo` and `make test`.

PYTHON ?= python3
VENV   ?= .venv
SECONDS ?= 20
INPUT  ?=
TESTS  ?=
PORT   ?= 0

KAMESH := $(VENV)/bin/kamesh
STAMP  := $(VENV)/.made

.PHONY: demo test fast lint types bench reference clean help

help:            ## say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not installed (apt-get install python3 python3-venv)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: kamesh needs Python 3.11 or newer, and $(PYTHON) is older: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "make: this Python cannot make environments (apt-get install python3-venv)"; rm -rf $(VENV); exit 1; }
	@echo "Installing kamesh and what it needs into $(VENV) ..."
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -e '.[dev,all]'
	@touch $@

demo: $(STAMP)   ## a broadcast through five node processes, for SECONDS=20, of INPUT=film.mp4 if given
	@$(KAMESH) demo --seconds $(SECONDS) --port $(PORT) $(if $(INPUT),'$(INPUT)')

test: $(STAMP)   ## all tests, on all processors
	@$(VENV)/bin/python -m pytest -n auto --dist worksteal $(TESTS)

fast: $(STAMP)   ## the tests that start no other process: two minutes
	@$(VENV)/bin/python -m pytest -n auto --dist worksteal -m 'not slow' \
	  --ignore=tests/processes --ignore=tests/hosts --ignore=tests/browser $(TESTS)

lint: $(STAMP)   ## ruff
	@$(VENV)/bin/ruff check .

types: $(STAMP)  ## strict types, on the wheel as users install it
	@./.ci/types $(VENV)

bench: $(STAMP)  ## the benchmarks, in ratios to peers measured in the same run
	@$(KAMESH) bench

reference: $(STAMP)  ## the pages of all components, into docs/reference
	@$(KAMESH) components --pages docs/reference

clean:           ## remove what was made
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache demo-output
