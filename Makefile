# make app [PORT=7860] [HOST=127.0.0.1]   open the app in a browser
# make test                               run the tests
# make bench                              print the tables of bench/
# make check                              lint, types and tests, as CI does
#
# Each sets up .venv by itself, once. PYTHON=/path/to/python3.11 chooses the interpreter.

# Not `?=`: some shells and compilers export a HOST of their own, and the app would open to the network.
HOST = 127.0.0.1
PORT ?= 7860
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: app test bench check clean

app: $(VENV)/.app
	$(RUN) -m cxanim app --host $(HOST) --port $(PORT)

test: $(VENV)/.dev
	$(RUN) -m pytest

bench: $(VENV)/.dev
	set -e; for script in $(filter-out bench/held_out.py bench/lpips.py,$(wildcard bench/*.py)); do echo "== $$script"; $(RUN) "$$script"; done

check: $(VENV)/.dev
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	$(RUN) -m pytest

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache

# uv does not read pip's settings, so pip is used where it is told where to look.
define install
	@if command -v uv >/dev/null 2>&1 && ! $(RUN) -m pip config list | grep -qE 'find-links|index-url'; \
	then uv pip install --python $(RUN) $(1); \
	else $(RUN) -m pip install --disable-pip-version-check $(1); fi
	@$(RUN) -c 'import cv2' || { \
		echo "OpenCV lacks system libraries. On Debian and Ubuntu: apt-get install libgl1 libglib2.0-0" >&2; exit 1; }
endef

$(VENV)/.app: requirements.txt pyproject.toml | $(RUN)
	$(call install,-r requirements.txt -e .)
	@touch $@

# The lock holds what CI runs: Linux, Python 3.11. Other machines resolve for themselves.
LOCKED = $(shell $(RUN) -c 'import sys; print(sys.platform == "linux" and sys.version_info[:2] == (3, 11))')
DEV_REQUIREMENTS = $(if $(filter True,$(LOCKED)),-r requirements.lock,-r requirements.txt -r requirements-dev.txt)

$(VENV)/.dev: requirements.txt requirements-dev.txt requirements.lock pyproject.toml | $(RUN)
	$(call install,$(DEV_REQUIREMENTS) -e .)
	@touch $@ $(VENV)/.app

$(RUN):
	@for name in $(PYTHON) python3 python3.12 python3.11 python3.10; do \
		if "$$name" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' 2>/dev/null; then \
			if ! "$$name" -c 'import ensurepip' 2>/dev/null; then \
				echo "$$name cannot make environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
			fi; \
			echo "Making $(VENV) with $$("$$name" --version)"; \
			exec "$$name" -m venv $(VENV); \
		fi; \
	done; \
	if command -v uv >/dev/null 2>&1; then exec uv venv --seed --python 3.11 $(VENV); fi; \
	echo "No Python 3.10, 3.11 or 3.12 found. Install one, or say: make PYTHON=/path/to/python3.11" >&2; exit 1
