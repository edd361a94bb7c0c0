# Each target makes what it needs. `make demo` and `make test` start from Python 3.11+, a C++ compiler and make.
PYTHON ?= python3
TORCH ?= torch==2.13.0
PYTEST_ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
SOURCES := pyproject.toml meson.build $(shell find src -type f -not -name '*.pyc')
LABS := graph_and_autodiff lab2b_dynamic_graphs odsc_autograd
PICTURES := examples/out
INSTALL_DIR := $(CURDIR)/build/install

.PHONY: demo test parity bench build sanitize lint picture clean

demo: $(VENV)/.viz
	@rm -rf $(PICTURES)
	@set -e; for lab in $(LABS); do \
	    printf '\n== examples/%s.py\n' $$lab; $(VENV)/bin/dynagrad run examples/$$lab.py --record $(PICTURES)/$$lab.html $(PICTURES); \
	done
	@printf '\nPictures drawn:\n'; ls -1 $(PICTURES)/*.svg $(PICTURES)/*.png
	@printf '\nPages that play each lab, to open in a browser:\n'; ls -1 $(PICTURES)/*.html

test: $(VENV)/.test
	$(PY) -m pytest -m "not parity" $(PYTEST_ARGS)

parity: $(VENV)/.parity
	$(PY) -m pytest -m parity $(PYTEST_ARGS)

bench: $(VENV)/.bench
	$(PY) -m benchmarks $(BENCH_ARGS)

lint: $(VENV)/.lint
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

picture: $(VENV)/.test
	$(PY) docs/pictures/draw.py
	$(PY) docs/pictures/shoot.py

# A quick, incremental build of the sources as they lie: then PYTHONPATH=build/install python …
build: $(VENV)/.tools
	@test -f build/dev/build.ninja || PATH="$(CURDIR)/$(VENV)/bin:$$PATH" meson setup build/dev \
	    --prefix $(CURDIR)/build -Dpython.platlibdir=$(INSTALL_DIR) -Dpython.purelibdir=$(INSTALL_DIR)
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" meson install -C build/dev --quiet

# The suite on a build that stops at the first bad access or undefined operation.
SANITIZED := $(CURDIR)/build/sanitized
sanitize: $(VENV)/.test $(VENV)/.tools
	@test -f build/sanitize/build.ninja || PATH="$(CURDIR)/$(VENV)/bin:$$PATH" meson setup build/sanitize \
	    --prefix $(CURDIR)/build -Dpython.platlibdir=$(SANITIZED) -Dpython.purelibdir=$(SANITIZED) \
	    -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" meson install -C build/sanitize --quiet
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libubsan.so)" \
	    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 PYTHONPATH=$(SANITIZED) \
	    $(PY) -m pytest -m "not parity" $(PYTEST_ARGS)

clean:
	rm -rf $(VENV) build dist $(PICTURES)

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dynagrad needs Python 3.11 or later: make PYTHON=…")'
	$(PYTHON) -m venv $(VENV)

# The package is compiled once for all the extras below.
$(VENV)/.wheel: $(SOURCES) | $(PY)
	rm -rf build/wheel
	$(PIP) wheel --quiet --no-deps --wheel-dir build/wheel .
	$(PIP) install --quiet --force-reinstall --no-deps build/wheel/dynagrad-*.whl
	@touch $@

$(VENV)/.viz $(VENV)/.test $(VENV)/.bench $(VENV)/.lint: $(VENV)/.%: $(VENV)/.wheel
	$(PIP) install --quiet "$$(echo build/wheel/dynagrad-*.whl)[$*]"
	@touch $@

$(VENV)/.parity: $(VENV)/.test
	$(PIP) install --quiet $(TORCH) torchviz
	@touch $@

$(VENV)/.tools: pyproject.toml | $(PY)
	$(PIP) install --quiet $$($(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])') ninja
	@touch $@
