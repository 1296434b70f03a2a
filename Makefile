# The same commands for people and for CI. `make` alone lists them.
#
# Everything is installed into .venv by uv, with the exact versions of constraints.txt. The stamps in .venv
# remember what was installed: a second `make demo` starts at once, a changed pyproject.toml installs again.

PYTHON ?= python3
PYTEST_ARGS ?=
# Most tests need one core, and many only wait. A file's tests stay together, since they share what is dear to
# make; the order stays as well, because the longest files come first.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder
VENV := .venv
BIN := $(VENV)/bin
# On a terminal uv shows its progress; in a log it stays quiet.
UV_INSTALL = $(BIN)/uv pip install $(if $(MAKE_TERMOUT),,--quiet) --python $(BIN)/python \
	-c constraints.txt -b constraints.txt
SIZES := about 3 GB to download and 5.5 GB on disk on Linux, nearly all of it torch with CUDA
# Wheels of 500 MB over a slow line: uv's 30 s without a byte are too few.
export UV_HTTP_TIMEOUT ?= 300
UNIT := -m "not redis and not data and not gpu and not slow" --ignore=tests/integration
# The password only has to be there for the file to be read; nothing is started.
COMPOSE_CHECK := CAPTCHAFLEET_BROKER_PASSWORD=unused docker-compose -f docker/compose.yaml config -q

.DEFAULT_GOAL := help
.PHONY: help demo test check lint unit lint-docker train-default train-generic bench-ctc bench-parity bench-styles bench-speed wheel constraints clean distclean
.DELETE_ON_ERROR:

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(VENV)/.installed-worker ## install, then read the 200 example captchas with a private server and one worker
	$(BIN)/producer submit examples/captchas

test: $(VENV)/.installed-dev ## install, then run all tests in two processes; PYTEST_ARGS goes to pytest
	$(BIN)/pytest $(PARALLEL) $(PYTEST_ARGS)

check: lint unit ## lint and unit: what to run before a commit

lint: $(VENV)/.installed-dev ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

unit: $(VENV)/.installed-dev ## the tests that need no server, no data, no GPU and little time
	$(BIN)/pytest -q $(PARALLEL) $(UNIT) $(PYTEST_ARGS)

lint-docker: $(VENV)/.installed-dev ## lint the Dockerfiles and, where docker-compose is installed, compose.yaml
	$(BIN)/hadolint docker/worker.Dockerfile docker/producer.Dockerfile
	@if command -v docker-compose >/dev/null; then echo '$(COMPOSE_CHECK)'; $(COMPOSE_CHECK); \
	else echo 'docker-compose is not installed: compose.yaml was not checked'; fi

train-default: $(VENV)/.installed-dev ## train the default model anew into zoo/, with the figure of its card; half an hour
	$(BIN)/python benchmarks/train_default.py

train-generic: $(VENV)/.installed-dev ## train the model generic anew into zoo/; hours, and the fonts of 97 Debian packages
	@echo 'The fonts of these Debian packages have to be there (apt-get install PACKAGE...):'
	@sed -n 's/^#   /  /p' model_zoo/generators/styles/faces.txt
	$(BIN)/model-zoo train --recipe generic --name generic-wide --architecture crnn-wide --height 48 --width 192
	$(BIN)/model-zoo train --recipe generic --name generic --start-from zoo/generic-wide.json --seed 1 \
		--epochs 50 --learning-rate 0.0015 --architecture crnn-deep --height 48 --width 192

bench-ctc: $(VENV)/.installed-dev ## measure the decoder beside its peers; installs them first (7 GB), takes ten minutes
	$(BIN)/python benchmarks/ctc.py --setup
	$(BIN)/python benchmarks/ctc.py --threads 1 2

bench-parity: $(VENV)/.installed-dev ## hold our networks and schedule against fastai's; installs it first (6 GB)
	$(BIN)/python benchmarks/fastai_parity.py --setup
	$(BIN)/python benchmarks/fastai_parity.py

bench-styles: $(VENV)/.installed-dev ## read and train eight styles beside ddddocr; installs it first (400 MB), takes hours
	$(BIN)/python benchmarks/styles.py --setup
	$(BIN)/python benchmarks/styles.py
	$(BIN)/python benchmarks/styles_report.py

bench-speed: $(VENV)/.installed-dev ## measure speed, memory and fairness on this machine; takes hours, installs others' readers first (800 MB)
	sh -exc "$$($(BIN)/python benchmarks/performance_report.py --commands)"
	$(BIN)/python benchmarks/performance_report.py

wheel: $(BIN)/uv ## build the wheel into dist/
	$(BIN)/uv build --quiet --wheel --build-constraints constraints.txt --python $(BIN)/python

constraints: $(BIN)/uv ## renew constraints.txt from pyproject.toml with the newest versions
	@sed '/^#/!d' constraints.txt > constraints.new
	@printf 'uv\nhatchling\neditables\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--no-header --no-annotate --upgrade --extra dev pyproject.toml - \
		| grep -v "sys_platform == 'win32'" >> constraints.new
	@mv constraints.new constraints.txt

clean: ## remove what was built and the tools' caches; runs/ and .venv stay
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find worker producer model_zoo tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## also remove .venv and the environments of the benchmark's peers
	rm -rf $(VENV) benchmarks/.envs

# A half-made .venv (Debian's python3 without python3-venv leaves one) would fool the next run, so it goes.
$(BIN)/uv:
	@command -v $(PYTHON) >/dev/null || \
		{ echo 'make: $(PYTHON) is not on PATH; install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is $$($(PYTHON) -V 2>&1), captchafleet needs 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV) >/dev/null || \
		{ rm -rf $(VENV); echo 'make: $(PYTHON) cannot create a virtual environment; install its venv module (Debian: apt-get install python3-venv)' >&2; exit 1; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt uv

$(VENV)/.installed-worker: pyproject.toml constraints.txt | $(BIN)/uv
	@echo 'Installing captchafleet with what reads and what trains into $(VENV) ($(SIZES)).'
	@$(UV_INSTALL) -e '.[train]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/uv
	@echo 'Installing captchafleet with everything for its tests into $(VENV) ($(SIZES)).'
	@$(UV_INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.installed-worker
