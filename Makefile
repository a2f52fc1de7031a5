# `make` lists the commands. Everything installed or built goes to CACHE.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-long fuzz bench bench-preview bench-import bench-guard bench-destroys bench-faults bench-rolling bench-memory bench-properties soak try-published package docs check clean

HOME ?= $(shell getent passwd $$(id -u) | cut -d: -f6)
export HOME
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pulumi-skypilot
# .venv is a link into CACHE that `make setup` makes.
export PATH := $(CURDIR)/.venv/bin:$(CACHE)/bin:$(PATH)
CODE := bench components examples hatch_build.py local scripts tests

help: ## List the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 20

setup: ## Install what the other commands need; quick if it is installed (CLOUD=k8s: also Kubernetes)
	@scripts/setup $(CLOUD)

demo: setup ## Run the main job on this machine, start to finish (CLOUD=k8s: on Kubernetes; KEEP=1 leaves it up)
	@python scripts/demo.py $(if $(CLOUD),--cloud $(CLOUD)) $(if $(KEEP),--keep)

test: CLOUD = k8s
test: check ## Run the tests: unit, on the embedded clouds (AWS and Kubernetes on this machine), with the real vLLM
	@# SkyPilot's SDK keeps its server for the life of a process, and one of these imports it early.
	@pytest -n 2 tests/with_sky
	@# Most of the time is SkyPilot's own waiting: two at once, each with an embedded cloud of its own,
	@# and beside them the tests that need none.
	@pytest -m "not cloud and not engine" --ignore tests/with_sky >$(CACHE)/log/test-fast.log 2>&1 & \
		pytest -n 2 --dist loadgroup --no-loadscope-reorder --durations 15 -m "(cloud or engine) and not long"; \
		clouds=$$?; wait $$!; fast=$$?; cat $(CACHE)/log/test-fast.log; exit $$((clouds + fast))

test-long: CLOUD = k8s
test-long: setup ## Run the tests that are too long for `make test` (accounts, keys, no capacity, idle and two-node clusters, a controller's machine, adoption, the demo and load on Kubernetes): 70 minutes
	@pytest -n 2 --dist loadgroup --no-loadscope-reorder --durations 15 -m long

test-fast: setup ## Run the tests that need neither the embedded cloud nor the real vLLM
	@pytest -m "not cloud and not engine"

fuzz: setup ## Run 2,000 random sequences of changes and faults on the fake SkyPilot, and new draws of every property (N=2000)
	@FUZZ=$(or $(N),2000) pytest tests/with_sky
	@FUZZ=$(or $(N),2000) pytest -m "not cloud and not engine" --ignore tests/with_sky

bench: setup ## Measure what the layer costs beside bare Pulumi and SkyPilot by hand, and print the tables: 40 minutes
	@python -m bench.import_time; python -m bench.preview; python -m bench.growth; python -m bench.guard; python -m bench.by_hand 2

bench-preview: setup ## Measure the CPU of check and diff, and the calls to the API server, for 20 deployments
	@python -m bench.preview

bench-import: setup ## Measure the time that `import pulumi_skypilot` takes beyond `import pulumi`
	@python -m bench.import_time

bench-guard: setup ## Measure the time that the guard of the API key adds to a request
	@python -m bench.guard

bench-destroys: setup ## Destroy services of one and two replicas 30 times on the real SkyPilot: 40 minutes
	@python -m bench.destroys

bench-rolling: setup ## Make one rolling change by Pulumi and by hand, and count a client's failed requests
	@python -m bench.rolling

bench-memory: setup ## Compare the memory model with vLLM on real H100s and H200s, llm-cal and hf-mem
	@python -m bench.memory "$$(scripts/peers)"

bench-faults: setup ## Kill at every call on the fake SkyPilot, and at some on the real one, and report how each ends
	@python -m bench.faults
	@python -m bench.kills

bench-properties: setup ## Change each property of a service and of a cluster on the real SkyPilot, and compare with the preview
	@python -m bench.properties service
	@python -m bench.properties cluster

soak: setup ## Make random changes under traffic, by Pulumi and by hand (MINUTES=30 each, WAY=pulumi or hand)
	@python -m bench.soak --minutes $(or $(MINUTES),30) $(if $(WAY),--way $(WAY))

try-published: setup ## Import, export and preview every vLLM task in DIR, e.g. a checkout of SkyPilot
	@python -m scripts.try_published --preview "$(DIR)"

package: setup ## Build the wheel and the source distribution into dist/, and check them with twine
	@scripts/package

docs: setup ## Build the documentation as a site, with search, into site/
	@scripts/site
	@echo 'open it: python -m http.server --directory site'

check: setup ## Check format, lint and types
	ruff format --check $(CODE)
	ruff check $(CODE)
	mypy $(CODE)

clean: ## Stop the embedded clouds of the demo and the tests, remove CACHE
	@scripts/clean
