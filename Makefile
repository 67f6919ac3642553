# One contest, five commands. Needs python3 (3.11 or newer) and make; nothing else has to be there before.
# Works with the make and sh of Linux and macOS.

PYTHON ?= python3
STAGE ?= judging
ARGS ?=
ROUNDS ?= 200
USERS ?= 100
TIME ?= 60
HOST ?=
PHOTOS ?= $(wildcard ../shared/photos)
PIP = .venv/bin/python -m pip install -qq --disable-pip-version-check --no-input
DEMO_DATA ?= data-demo

# In a bundle the wheels lie beside this file, and no internet is asked for.
WHEELS = $(if $(wildcard wheels),--no-index --find-links wheels)

.PHONY: help run demo notebooks test rehearse torture load autobahn bench bench-store bench-hub bench-deploy verify bundle deploy clean

help:  ## print these lines
	@sed -n 's/^\([a-z-]*\):.*## /  make \1   /p' Makefile

run: .venv/.run  ## install what is needed, then serve the contest in data/
	@deploy/serve.sh

demo: .venv/.run  ## fill data-demo/ with a drawn contest and serve it (STAGE=open, judging, reveal or done)
	@rm -rf $(DEMO_DATA)
	@CONTEST_DATA=$(DEMO_DATA) .venv/bin/python contest.py demo --stage $(STAGE)
	@echo "Sign in at /login; the password of this drawn contest is: $${CONTEST_ADMIN_PASSWORD:-contest-demo}"
	@CONTEST_DATA=$(DEMO_DATA) CONTEST_ADMIN_PASSWORD="$${CONTEST_ADMIN_PASSWORD:-contest-demo}" deploy/serve.sh

notebooks: .venv/.notebooks  ## install what the notebooks need, then open them (CONTEST_DATA=folder: of that contest, else of an invented one)
	@.venv/bin/python -m jupyterlab --notebook-dir=notebooks $(ARGS)

test: .venv/.test  ## install what the tests need (Chromium too), then run the whole suite (ARGS="-k photos")
	@sh tests/prepare.sh
	@.venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

rehearse: .venv/.test  ## a whole contest from the first entry to Best of Show, held against its plan (ARGS=--small: the size in make test)
	@sh tests/prepare.sh
	@.venv/bin/python -m tests.rehearsal $(ARGS)

torture: .venv/.test  ## the crash tests at full length: every sequence of four operations, 200 kills of a real server (ROUNDS=200)
	@TORTURE=1 ROUNDS=$(ROUNDS) .venv/bin/python -m pytest -o faulthandler_timeout=3600 tests/test_crash.py $(ARGS)

autobahn: .venv/.test  ## judge the WebSocket side by the Autobahn suite, where a Python 2.7 is at hand (ARGS="7.*": a part of it)
	@.venv/bin/python -m tests.autobahn $(ARGS)

load: .venv/.test  ## people at a server of its own, every message checked (USERS=100, TIME=60 seconds, HOST=http://..., PHOTOS=folder)
	@.venv/bin/python -m loadtest --users "$(USERS)" --time "$(TIME)" --host "$(HOST)" --photos "$(PHOTOS)"

bench: .venv/.test  ## measure the whole server, print the figures and write them into docs/benchmarks.md
	@.venv/bin/python -m bench

bench-store: .venv/.test  ## the same for the store alone, beside SQLite, TinyDB and others (some ten minutes)
	@.venv/bin/python -m bench store

bench-hub: .venv/.test  ## the same for the hub, beside socket.io, ws, C and others (some ten minutes; a look with QUICK=1)
	@.venv/bin/python -m bench hub

bench-deploy: .venv/.test  ## the same for a deploy: the gap of a stop and a start, a restart in place, memory
	@.venv/bin/python -m bench deploy

verify: .venv/.test  ## is this checkout ready for a contest? Every check, a row each (ARGS=--quick: only the files; ARGS=--list: what each promises)
	@.venv/bin/python -m deploy.verify $(ARGS)

bundle: .venv/.run  ## pack everything, wheels too, for a machine without internet (ARGS=--everywhere: for other systems too)
	@.venv/bin/python deploy/bundle.py $(ARGS)

deploy: verify  ## verify, then bring this checkout to Fly.io (needs flyctl and an account)
	@! grep -q '^app = "change-me' fly.toml || { echo "fly.toml: change the app's name first, and CONTEST_PUBLIC_URL with it." >&2; exit 1; }
	@command -v fly >/dev/null || { echo "flyctl is not here: https://fly.io/docs/flyctl/install/" >&2; exit 1; }
	fly deploy --ha=false

clean:  ## remove what was installed and built here; data/ stays
	rm -rf .venv build .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: pip runs only when a requirements file is newer than what it last installed.
.venv/.run: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "The contest needs Python 3.11 or newer, this is %d.%d. With a newer one installed: make PYTHON=python3.12" % sys.version_info[:2])'
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv || \
	  { echo "Python's venv is missing. On Debian or Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@echo "Installing what the server needs (once)."
	@$(PIP) $(WHEELS) -r requirements.txt
	@touch $@

.venv/.notebooks: .venv/.run requirements-notebooks.txt
	@echo "Installing what the notebooks need (once)."
	@$(PIP) -r requirements-notebooks.txt
	@touch $@

.venv/.test: .venv/.run requirements-dev.txt
	@echo "Installing what the tests need (once)."
	@$(PIP) -r requirements-dev.txt
	@touch $@
