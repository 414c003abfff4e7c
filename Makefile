# What a change goes through, by name. `make check test` before a commit; .ci/run does all of it from nothing.
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: setup check test coverage demo bench docs picture

setup:  ## an environment for development, with everything that the tests need
	python3 -m venv $(VENV)
	$(BIN)/pip install -q -U 'pip>=25.1'
	$(BIN)/pip install -e '.[all]' --group dev -c constraints.txt

check:  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict bot tests/world

test:  ## the tests on every core; SOAK=4 makes the long ones longer
	$(BIN)/python -m pytest -n auto

coverage:  ## the same, with the branches that no test takes
	$(BIN)/python -m pytest -n auto --cov --cov-report=term:skip-covered

demo:  ## the real bot against a stand-in for Telegram, in a browser
	$(BIN)/sqlite-courier demo --web

bench:  ## speed and memory as ratios against stock tools
	$(BIN)/python -m benchmarks

docs:  ## the generated part of docs/: the tables of settings
	$(BIN)/python -m tools.docs

picture:  ## docs/demo.png: a screenshot of the demo; needs chromium and its driver
	$(BIN)/python -m tools.screenshot
