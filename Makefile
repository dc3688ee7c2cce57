# `make` lists the commands.
PYTHON ?= python3
RUN = . .venv/bin/activate &&

.DEFAULT_GOAL := help
.PHONY: help deploy redeploy status logs destroy stop test lint unit contract molecule containers clean

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

deploy: .venv-run ## put the stack on the embedded AWS of this machine
	@$(RUN) ansible-playbook site.yml

redeploy: .venv-run ## roll out an edit of app/
	@$(RUN) ansible-playbook site.yml --tags redeploy

status: .venv-run ## show what runs
	@$(RUN) ansible-playbook playbooks/status.yml

logs: .venv-run ## show the application's log lines
	@$(RUN) ansible-playbook playbooks/logs.yml

destroy: .venv-run ## delete the stack, after asking for its name
	@$(RUN) ansible-playbook playbooks/destroy.yml

stop: .venv-run ## stop the embedded AWS; its state stays
	@$(RUN) ansible-playbook playbooks/local.yml -e embedded_aws_action=stop

test: .venv-test ## prove all of it: lint, unit, contract, application, end to end, molecule, containers
	@$(RUN) python tests/run.py

lint unit contract molecule containers: .venv-test ## one layer of the tests
	@$(RUN) python tests/run.py $@

clean: ## delete the environments and the embedded AWS's state
	rm -rf .venv .amica .cache

.PHONY: .venv-run .venv-test
.venv-run .venv-test: .venv-%:
	@$(PYTHON) tools/bootstrap.py $*
