# `make demo` and `make test` need Python 3.11 or newer, and nothing else of ours.
#
#   make demo PORT=8001 LIFETIME=40   another port; tokens that live 40 seconds
#   make test                         the quick lane: what to run while you work
#   make test-all                     everything, in three worlds
#   make test-naive                   the last of them: times without a zone
#   make test-browser                 a session in Chromium, which must be installed
#   make test-random SEED=7           whatever draws examples by Hypothesis, by this seed
#   make docs                         the site, in build/docs; begin at index.html
#   make dist                         sdist and wheel, built and checked, in dist/
#   make test ARGS="-k admin"         more arguments for pytest, in each lane
#   make test COVERAGE=1              leave data files of coverage
#   make PYTHON=python3.13 ...        the Python that .venv is made of

PYTHON ?= python3
PORT = 8000
ARGS =
COVERAGE =
SEED := $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')

BIN = .venv/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check install --quiet
PYTEST = $(BIN)/python -m $(if $(COVERAGE),coverage run -m) pytest -n auto --dist worksteal $(ARGS)
# Where an instant is read or written: what naive times could break.
INSTANTS = tests/sessions tests/stores tests/stories tests/machines tests/attacks/test_signed.py \
	tests/admin/test_sessions.py tests/test_lifetimes.py tests/test_models.py tests/test_stateless.py \
	tests/test_testing.py tests/test_views.py

.PHONY: demo test test-all test-naive test-browser test-random lint docs dist clean

demo: .venv/.demo
	$(BIN)/python manage.py demo --port $(PORT)

# tests/README.md tells of lanes and worlds.
test: .venv/.test
	$(PYTEST)

test-all: export TEST_LANE = all
test-all: .venv/.test
	$(PYTEST)
	TEST_USER_MODEL=accounts.Member TEST_LANE=quick $(PYTEST)
	$(MAKE) test-naive

test-naive: export TEST_LANE = all
test-naive: .venv/.test
	TEST_USE_TZ=0 $(PYTEST) $(INSTANTS)

test-browser: .venv/.browser
	$(PYTEST) tests/browser

test-random: export TEST_LANE = random
test-random: .venv/.test
	$(PYTEST) --hypothesis-seed=$(SEED) \
		$$(grep --recursive --files-with-matches --include='test_*.py' '^from hypothesis' tests)

lint: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python .ci/check_documents.py
	$(BIN)/lint-imports
	$(BIN)/python -m benchmarks.budget

# Anew each time: Sphinx warns of a page only when it reads it.
docs: .venv/.docs
	$(BIN)/sphinx-build --fresh-env --fail-on-warning --quiet docs build/docs

# In an empty place: what an older build has left would be taken along.
dist: .venv/.release
	rm -rf build dist *.egg-info
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

clean:
	rm -rf .venv build dist *.egg-info .coverage* .hypothesis .import_linter_cache .mypy_cache .nox \
		.pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.demo: EXTRAS = [demo]
.venv/.test: EXTRAS = [test]
.venv/.dev: EXTRAS = [dev,test]
.venv/.docs: EXTRAS = [docs]
.venv/.servers: EXTRAS = [servers,test]
.venv/.browser: EXTRAS = [browser,test]
.venv/.release: EXTRAS = [release]
.venv/.demo .venv/.test .venv/.dev .venv/.docs .venv/.servers .venv/.browser .venv/.release: setup.cfg pyproject.toml | $(BIN)/pip
	$(PIP) --editable ".$(EXTRAS)"
	@touch $@

# Not bin/python, which is there even where the rest of venv then fails.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
		"jwt_refresh needs Python 3.11 or newer, and $(PYTHON) is %d.%d:" \
		" try make PYTHON=python3.13" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
