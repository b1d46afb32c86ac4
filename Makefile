# Every target sets up what it needs first. `make` alone says what there is.

.DEFAULT_GOAL := help
.PHONY: help setup setup-tests demo test test-fast lint bench fuzz docs

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## make .venv with port-linker and the developers' tools in it
	@scripts/setup

setup-tests: setup # Debian packages, Docker and images that the tests use
	@scripts/setup-tests

demo: ## show port-linker at work, with a target of its own
	@scripts/demo $(ARGS)

test: setup-tests ## all that CI asks: format, lint, types, rules, every test, coverage
	@scripts/test $(ARGS)

test-fast: setup ## the tests that need neither root nor containers
	@.venv/bin/python -m pytest -q -n 2 -m "not lab and not container and not slow" $(ARGS)

lint: setup ## format, lint, types, unused dependencies, rules of the house
	@scripts/lint

bench: setup-tests ## measure beside ssh -L and raw TCP; ARGS="--quick" or ARGS="--only ROW"
	@.venv/bin/python -m bench $(ARGS)

fuzz: setup ## the property tests, a hundred times as many examples; as root also targets that lie
	@.venv/bin/python -m pytest -q -n 2 -m "not lab and not container" --hypothesis-profile fuzz \
	  --timeout 1800 $$(grep -rl --include='test_*.py' hypothesis tests) $(ARGS)
	@FUZZ_S=60 .venv/bin/python -m pytest -q -n 0 tests/hostile

docs: setup ## make the generated parts of docs/ anew, and check every link
	@set -e; for script in scripts/docs-*; do [ ! -x "$$script" ] || "$$script"; done
	@.venv/bin/python -m pytest -q tests/house/test_docs.py
