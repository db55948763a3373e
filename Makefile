# Parley's tasks. `make` alone lists them.
#
# Everything lands in .venv and in the caches of pip and of the tools; nothing needs sudo. Every step
# leaves a stamp behind, so that a repetition is instant and an interrupted setup goes on where it was.

VENV := .venv
PYTHON :=
LLAMA_WHEELS ?=
NATIVE ?=
ARGS :=

STAMPS := $(VENV)/.stamps
PY := $(VENV)/bin/python
INSTALL := $(PY) -m pip install --disable-pip-version-check -c requirements.lock
REQUIREMENTS := pyproject.toml requirements.lock

# With SOURCE_DATE_EPOCH set, ggml's build leaves out AVX2, too, and is several times slower.
LLAMA_BUILD := env -u SOURCE_DATE_EPOCH CMAKE_ARGS="-DGGML_NATIVE=$(if $(NATIVE),ON,OFF) -DLLAVA_BUILD=OFF"
LLAMA_VARIANT := $(if $(NATIVE),native,$(if $(LLAMA_WHEELS),prebuilt,portable))
LLAMA := $(shell sed -n 's/^\(llama-cpp-python==[^ ]*\).*/\1/p' requirements.lock 2>/dev/null)

.PHONY: help setup setup-dev setup-starter demo serve test check format lock package bundle bench-peers starter starter-eval clean

help: ## list the tasks
	@echo "Tasks:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F '|' '{ printf "%-16s %s\n", $$1, $$2 }'
	@echo
	@echo "Variables:"
	@echo "  PYTHON=python3.12     the interpreter to use (3.11 or newer)"
	@echo "  LLAMA_WHEELS=URL      take llama-cpp-python from this wheel index instead of compiling it,"
	@echo "                        e.g. https://abetlen.github.io/llama-cpp-python/whl/cpu"
	@echo "  NATIVE=1              compile llama-cpp-python for this very CPU: faster, not portable"
	@echo "  ARGS='--port 9000'    more arguments for the tasks above"

demo: setup ## set everything up, then hold a spoken conversation
	$(VENV)/bin/parley demo $(ARGS)

serve: setup ## set everything up, then run the server
	$(VENV)/bin/parley serve $(ARGS)

test: setup-dev ## set everything up, then run all tests
	$(PY) -m pytest $(ARGS)

check: setup-dev ## format, lint, types, tests: what CI runs
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m pytest $(ARGS)

format: setup-dev ## reformat the code
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix-only .

lock: setup-dev ## write requirements.lock anew, with the newest versions
	$(PY) -m pip install --quiet uv
	@sed '/^#/!d' requirements.lock >requirements.lock.new
	$(VENV)/bin/uv pip compile --universal --fork-strategy fewest --python-version 3.11 --all-extras \
	  --group dev --no-annotate --no-header --no-emit-index-url --quiet pyproject.toml >>requirements.lock.new
	@mv requirements.lock.new requirements.lock

package: setup-dev ## build a wheel, with models.toml and the starter models inside
	$(PY) -m pip wheel --no-deps --wheel-dir dist .

bundle: setup ## pack everything for a machine without internet into dist/
	@mkdir -p dist
	$(VENV)/bin/parley bundle create -o dist $(ARGS)

bench-peers: setup ## Parley beside pipecat and others, each in an environment of its own
	$(PY) -m benchmarks.peers $(ARGS)

starter: setup-starter ## train the starter models anew, for hours: ARGS='--minutes 600'
	$(PY) -m starter make $(ARGS)

starter-eval: setup-starter ## measure the starter models, print the table of their model card
	$(PY) -m starter evaluate $(ARGS)

clean: ## remove everything that these tasks made
	rm -rf $(VENV) .venv-peers bench-peers.json bench-peers.md dist build parley-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(STAMPS)/parley ## set up what running needs
setup-dev: $(STAMPS)/tools ## set up what developing needs, too
setup-starter: $(STAMPS)/starter ## set up what training the starter models needs, too

# -- setting up ------------------------------------------------------------------------------------

$(STAMPS)/venv:
	@for candidate in $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11); do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    python="$$candidate"; break; \
	  fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "make: $(if $(PYTHON),$(PYTHON) is not Python 3.11 or newer,no Python 3.11 or newer was found)." >&2; \
	  echo "  Debian 12+, Ubuntu 24.04+: sudo apt install python3 python3-venv" >&2; \
	  echo "  Ubuntu 22.04:              sudo apt install python3.11 python3.11-venv" >&2; \
	  echo "  Fedora:                    sudo dnf install python3" >&2; \
	  echo "  macOS:                     brew install python" >&2; \
	  echo "  One that is elsewhere:     make PYTHON=/path/to/python3.12 ..." >&2; \
	  exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "make: $$python has no venv module, which virtual environments need." >&2; \
	  echo "  Debian, Ubuntu: sudo apt install python3-venv" >&2; \
	  exit 1; \
	fi; \
	if ! $(PY) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  echo "==> Creating $(VENV) with $$("$$python" --version)"; \
	  "$$python" -m venv --clear $(VENV); \
	fi
	@$(PY) -m pip install --disable-pip-version-check --quiet --upgrade 'pip>=25.1'
	@mkdir -p $(STAMPS) && touch $@

# pip shows nothing while it compiles, so a clock does. A wheel that was compiled once stays in pip's
# cache, for the same version of Python.
$(STAMPS)/llama-cpp-python-$(LLAMA_VARIANT): $(STAMPS)/venv requirements.lock
ifneq ($(LLAMA_WHEELS),)
	@echo "==> Installing $(LLAMA) from $(LLAMA_WHEELS)"
	@$(INSTALL) --extra-index-url "$(LLAMA_WHEELS)" --only-binary llama-cpp-python $(LLAMA) || { \
	  echo "make: $(LLAMA_WHEELS) has no wheel of $(LLAMA) for this machine;" >&2; \
	  echo "  leave LLAMA_WHEELS out to compile it here." >&2; exit 1; }
else
	@echo "==> Installing $(LLAMA) ($(LLAMA_VARIANT))"
	@if ! $(PY) -m pip cache list llama_cpp_python 2>/dev/null | grep -q '$(subst ==,-,$(subst -,_,$(LLAMA)))-'; then \
	  for compiler in "$${CC:-cc}" "$${CXX:-c++}"; do \
	    if ! command -v $$compiler >/dev/null; then \
	      echo "make: there is no C++ compiler ($$compiler), which $(LLAMA) needs." >&2; \
	      echo "  Debian, Ubuntu: sudo apt install build-essential" >&2; \
	      echo "  Fedora:         sudo dnf install gcc gcc-c++ make" >&2; \
	      echo "  macOS:          xcode-select --install" >&2; \
	      echo "  Or take a compiled one: make LLAMA_WHEELS=https://abetlen.github.io/llama-cpp-python/whl/cpu ..." >&2; \
	      exit 1; \
	    fi; \
	  done; \
	fi; \
	echo "    Unless pip has it compiled already, that takes 4 to 8 minutes on two cores, once."; \
	( while sleep 15 >/dev/null 2>&1; do seconds=$$((seconds + 15)); echo "    ... $$seconds s"; done ) & \
	clock=$$!; \
	trap 'kill $$clock 2>/dev/null' EXIT; trap 'exit 130' INT TERM; \
	$(LLAMA_BUILD) $(INSTALL) $(if $(NATIVE),--no-cache-dir --force-reinstall --no-deps) $(LLAMA)
endif
	@rm -f $(STAMPS)/llama-cpp-python-* && touch $@

$(STAMPS)/parley: $(STAMPS)/llama-cpp-python-$(LLAMA_VARIANT) $(REQUIREMENTS)
	@echo "==> Installing Parley and what it needs"
	@$(INSTALL) --editable '.[uvloop]'
	@$(PY) -c 'import llama_cpp' || { \
	  echo "make: llama-cpp-python cannot be loaded. If libgomp is missing: sudo apt install libgomp1." >&2; \
	  echo "  After \"Illegal instruction\" this CPU lacks AVX2: compile with make clean, make NATIVE=1 setup." >&2; \
	  exit 1; }
	@touch $@

$(STAMPS)/tools: $(STAMPS)/parley
	@echo "==> Installing the tools for developing"
	@$(INSTALL) --group dev
	@touch $@

$(STAMPS)/starter: $(STAMPS)/tools
	@echo "==> Installing what training takes"
	@$(INSTALL) --group starter
	@touch $@
