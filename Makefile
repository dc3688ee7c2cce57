# `make` lists the commands.
PYTHON ?= python3
RUN = . .venv-ansible/bin/activate &&

.DEFAULT_GOAL := help
.PHONY: help deploy redeploy status logs destroy stop test lint unit contract app e2e molecule containers matrix bench clean

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

deploy: environment-run ## put the stack on the embedded AWS of this machine
	@$(RUN) ansible-playbook site.yml

redeploy: environment-run ## roll out an edit of app/
	@$(RUN) ansible-playbook site.yml --tags redeploy

status: environment-run ## show what runs
	@$(RUN) ansible-playbook playbooks/status.yml

logs: environment-run ## show the application's log lines
	@$(RUN) ansible-playbook playbooks/logs.yml

destroy: environment-run ## delete the stack, after asking for its name
	@$(RUN) ansible-playbook playbooks/destroy.yml

stop: environment-run ## stop the embedded AWS; its state stays
	@$(RUN) ansible-playbook playbooks/local.yml -e embedded_aws_action=stop

test: environment-test ## prove all of it: lint, unit, contract, application, end to end, molecule, containers
	@$(RUN) python tests/run.py

lint unit contract app e2e molecule containers: environment-test ## one layer of the tests
	@$(RUN) python tests/run.py $@

matrix: environment-test ## try each supported ansible-core with each Python, which takes long; ARGS=2.19-3.11 for one pair
	@$(RUN) python tests/matrix.py $(ARGS)

bench: environment-test ## measure, beside Terraform and other tools, and write docs/performance.md; ARGS=--quick for one round
	@$(RUN) PYTHONPATH=collections:tests python tests/benchmarks/run.py $(ARGS)

clean: ## delete the environments and the embedded AWS's state
	@if [ -x .venv-ansible/bin/ansible-playbook ]; then $(MAKE) stop; fi
	rm -rf .venv-ansible .amica .cache

.PHONY: environment-run environment-test
environment-run environment-test: environment-%:
	@$(PYTHON) tools/bootstrap.py $*
