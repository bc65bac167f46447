# make study   installs what the study needs into .venv and runs it; more for Snakemake: make study ARGS="-n"
# make test    installs the test tools as well and runs the tests;    more for pytest:    make test ARGS="-k audio"
# make conformance FILE=mine.py  tries an attack or a recogniser of your own; KEYS='{key: value}' for its section
# make ctcdecode builds the decoder ctcdecode and installs it into .venv; needs g++: see docs/ctcdecode.md
# make unlock  frees the folder after a run that was killed
# make benchmark compares our attacks with those of two packages: see benchmarks/README.md
# make audit   asks whether any pinned package has a known advisory
# make install installs only; EXTRAS="transformers whisper pocketsphinx" adds what recognisers of others need
# make lock    renews the pins in envs/. PYTHON=... names the Python to build .venv on.

SHELL := /bin/bash
ARGS ?=
EXTRAS ?=

# Without a home to write to, caches go into .venv.
ifneq ($(shell [[ -n "$$HOME" && -w "$$HOME" ]] && echo writable),writable)
export HOME := $(CURDIR)/.venv/home
export XDG_CACHE_HOME := $(HOME)/.cache
endif
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/.venv
export PYTHONNOUSERSITE := 1
# Without bytecode every start of Python takes twice as long.
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH

.PHONY: help study unlock test conformance ctcdecode benchmark audit install lock

help:
	@sed -n 's/^# make/make/p' Makefile

study:
	@envs/install run
	snakemake --cores all $(ARGS)

unlock:
	@envs/install run
	snakemake --unlock --cores 1 $(ARGS)

test:
	@envs/install test
	python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

conformance:
	@envs/install test
	CONFORMANCE_FILE='$(FILE)' CONFORMANCE_KEYS='$(KEYS)' python -m pytest -q --tb=short -m "" tests/conformance $(ARGS)

ctcdecode:
	@envs/install run
	@envs/ctcdecode

benchmark:
	@envs/install benchmark
	python benchmarks/against_others.py $(ARGS)

install:
	@envs/install run $(EXTRAS)

audit:
	@envs/install run
	@python envs/audit.py

lock:
	@envs/install run
	envs/lock
