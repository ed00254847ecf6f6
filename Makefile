# The two commands of the README are `make demo` and `make test`; `make help` lists the others.
.DEFAULT_GOAL := help
HEDDLE := .venv/bin/heddle

.PHONY: help setup dev oracle up demo down test lint unit test-engines test-cluster conformance matrix lab lab-down hitless soak stateful load bench bench-quick test-kernel test-power lock

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

setup:  ## install the system packages and the Python environment
	@scripts/setup.sh run

dev:  ## the same, and what the tests need
	@scripts/setup.sh dev

oracle: dev  ## neutron-lib in an environment of its own, for the tests that compare the API with it
	@scripts/environment.sh oracle

up: setup  ## start Heddle in the background
	@$(HEDDLE) up --detach

demo: setup  ## start Heddle, build two tenants' networks, check them with packets, leave it running
	@$(HEDDLE) demo

down:  ## remove everything that Heddle made on this host (the packages stay)
	@if [ -x $(HEDDLE) ]; then $(HEDDLE) down --yes; else echo "There is no .venv, so Heddle has not been set up from here."; fi

test: dev oracle lint unit  ## lint, types, the laws of the house, all tests

lint:
	.venv/bin/ruff check src tests bench
	.venv/bin/mypy
	.venv/bin/lint-imports

unit:
	.venv/bin/pytest -q --numprocesses=2

test-engines: dev  ## the API and the schema on PostgreSQL and MariaDB (servers of the tests' own)
	scripts/engines.sh postgresql mariadb

test-cluster: dev  ## the bus on RabbitMQ, and whole clouds of several hosts with it
	scripts/engines.sh rabbitmq

conformance: dev  ## the Networking API's own test suites (tempest) against a Heddle of their own
	@scripts/environment.sh tempest
	.venv/bin/python -m tests.conformance.run $(if $(REGEX),--regex '$(REGEX)')

stateful: dev  ## 50,000 generated requests, and what must hold afterwards (SEED=N asks the same again)
	PYTHONHASHSEED=0 .venv/bin/python -m tests.stateful.run --requests $(or $(REQUESTS),50000) $(if $(SEED),--seed $(SEED))

load: dev  ## minutes of mixed load by eight clients on two servers, on each database engine (ENGINE=…, MINUTES=N; WORKERS=N: on one server of so many)
	.venv/bin/python -m tests.load.run --minutes $(or $(MINUTES),3) $(if $(ENGINE),--engine $(ENGINE)) $(if $(WORKERS),--workers $(WORKERS))

bench: dev  ## measure, and print the figures beside the reference's (ENGINE=postgresql or mariadb)
	.venv/bin/python bench/run.py $(if $(ENGINE),--engine $(ENGINE)) $(BENCH)

bench-quick: dev  ## the API's rows with few requests: minutes
	.venv/bin/python bench/run.py --quick --only api $(if $(ENGINE),--engine $(ENGINE)) $(BENCH)

test-kernel: dev  ## a full kernel in a virtual machine: the demo on its datapath, and power cuts (minutes)
	scripts/test-kernel.sh

test-power: dev  ## the power cuts alone
	scripts/test-kernel.sh power

matrix: dev  ## which network types each data plane carries, and which extensions packets have shown: tables
	@scripts/engines.sh --install postgresql rabbitmq
	@HEDDLE_TEST_BROKER=rabbitmq .venv/bin/python -m tests.real.matrix_table

HOSTS ?= 3
lab: dev  ## a cloud of HOSTS=3 hosts in namespaces: servers, database, broker, agents, all real
	@scripts/engines.sh --install postgresql rabbitmq
	@.venv/bin/python -m tests.cluster.run up --hosts $(HOSTS)

soak: dev  ## random changes and faults in a cloud of four hosts for an hour (MINUTES=N, SEED=N): all must settle and leave nothing
	@scripts/engines.sh --install postgresql rabbitmq
	.venv/bin/python -m tests.cluster.soak --minutes $(or $(MINUTES),60) $(if $(SEED),--seed $(SEED))

lab-down:  ## remove the lab
	@.venv/bin/python -m tests.cluster.run down

hitless: dev  ## what traffic notices of faults of the control plane: each 20 times, a table
	@scripts/engines.sh --install postgresql rabbitmq
	@.venv/bin/python -m tests.cluster.hitless $(HITLESS)

lock: dev  ## write requirements/*.txt anew from pyproject.toml
	scripts/lock.sh
