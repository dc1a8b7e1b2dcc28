# Everything that a person or CI runs. `make` alone lists it.
MAKEFLAGS += --no-print-directory
export PYTHONPATH := $(CURDIR):$(CURDIR)/layers/ledger
export SAM_CLI_TELEMETRY := 0
export AWS_DEFAULT_REGION ?= eu-central-1

PYTHON := .venv/bin/python
BILLING := .venv/bin/billing
UV := .venv/bin/uv
JSON := $(if $(filter json,$(FORMAT)),--json)
# The newest Python from 3.11 on that answers; SAM wants the functions' own, 3.13, by name.
# `=`, not `:=`: only a target that needs these interpreters runs the search. It took each `make` half a second.
SYSTEM_PYTHON = $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
PYTHON313 = $(shell python3.13 -c 'import os, sys; print(os.path.dirname(sys.executable))' 2>/dev/null \
	|| ls -d $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.13.*/bin 2>/dev/null | tail -1)

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# ── What people run ───────────────────────────────────────────────────────────────────────────────────────────────────

# `make` ends with exit code 2 and a line of its own when a command fails. `billing` tells by its exit code what happened.
.PHONY: run demo serve token job mails sam-local deploy-local ledger why verify
run: .venv/.installed .venv-ministack/.installed ## Play real deliveries and show the ledger that they become
	@$(BILLING) run $(ARGS)

demo: .venv/.installed .venv-ministack/.installed ## Fill a table with a believable month, and open the support console on it
	@$(BILLING) demo $(ARGS)

serve: .venv/.installed .venv-ministack/.installed ## Stay up on 127.0.0.1:$PORT (3000) for curl, the Stripe CLI, any client
	@$(BILLING) serve

token: .venv/.installed ## Print a token: make token ACCOUNT=acct_ada [GROUPS=billing-support] [SCOPES=…] [EMAIL=…] [HOURS=8]
	@$(BILLING) token --groups="$(GROUPS)" --scopes="$(SCOPES)" --email="$(EMAIL)" --hours="$(or $(HOURS),8)" \
		-- "$(ACCOUNT)"

job: .venv/.installed ## Run a scheduled function on the running server: make job NAME=release_parked [EVENT=…]
	@$(BILLING) job --event='$(EVENT)' -- "$(NAME)"

sam-local: build .venv-ministack/.installed ## Stay up with what `sam local` needs: docs/recipes/sam-local.md
	@PATH="$(PYTHON313):$$PATH" $(PYTHON) -m tools.devserver.sam_local

deploy-local: build .venv-ministack/.installed ## Deploy the stack to a local AWS that enforces the roles, and stay up
	@PATH="$(PYTHON313):$$PATH" $(PYTHON) -m tools.devserver.deployed --python "$(PYTHON313)/python3.13"

mails: .venv/.installed ## List the mails that the local run kept, or print one: make mails [NUMBER=1]
	@$(BILLING) mails $(NUMBER)

ledger: .venv/.installed ## Print an account's statement: make ledger ACCOUNT=acct_ada [FORMAT=json]
	@$(BILLING) ledger $(JSON) -- "$(ACCOUNT)"

why: .venv/.installed ## Explain what led to an id, and the balance: make why ID=acct_ada [FORMAT=json]
	@$(BILLING) why $(JSON) -- "$(ID)"

verify: .venv/.installed ## Prove the invariants of the whole table [FORMAT=json]
	@$(BILLING) verify $(JSON)

.PHONY: proof
proof: .venv/.installed .venv-ministack/.installed .venv-proof/.installed engines ## Prove it, and first that the proof sees: [LONG=1] [MINUTES=…] [SEED=…] [PART=…] [CASE=…] [FORMAT=json]
	@$(if $(PART)$(LONG)$(FORMAT),,$(PYTHON) -m pytest -n 2 --dist worksteal tests/proof)
	@$(PYTHON) -m proof $(if $(LONG),--long) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) \
		$(if $(PART),--part $(PART)) $(if $(CASE),--case $(CASE)) $(if $(KEEP),--keep) $(JSON)

.PHONY: mutants
mutants: .venv/.installed ## Do small wrongs; the tests must tell each: [LAYER=…] [MODULE=…] [GUARDS=1] [FIELDS=1] [OWN=1] [KINDS=1] [SAMPLE=n] [SEED=…] [FORMAT=json]
	@$(PYTHON) -m proof.mutants $(if $(LAYER),--layer $(LAYER)) $(if $(MODULE),--module $(MODULE)) $(if $(GUARDS),--guards) $(if $(FIELDS),--fields) $(if $(OWN),--own) \
		$(if $(KINDS),--kinds) $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED)) $(JSON)

.PHONY: golden
golden: .venv/.installed ## Write all golden files anew after a change that is meant, and show which differ: read them
	@for file in $$(grep -rl '^if __name__' tests --include='golden_*.py' --include='filled_*.py' | sort); do \
		$(PYTHON) -m $$(echo "$${file%.py}" | tr / .) > /dev/null || exit 1; \
	done
	@git diff --stat -- tests

# Exit codes of the command itself: 0 all is within its budget, 1 something exceeds it, 2 the engine can't run here.
# The part of the emulator runs what is built.
.PHONY: bench
bench: .venv/.installed .venv-ministack/.installed .venv-peers/.installed $(if $(findstring emulator,$(or $(PART),emulator)),build .venv-runtime/.installed) ## Measure what the code costs: [PART=…] [ENGINE=…] [ITEMS=…] [DUE=…] [RENEWALS=…] [MINUTES=…] [PAGE=1] [FORMAT=json]
	@PATH="$(PYTHON313):$$PATH" $(PYTHON) -m bench $(if $(PART),--part $(PART)) $(if $(ENGINE),--engine $(ENGINE)) $(if $(ITEMS),--items $(ITEMS)) \
		$(if $(DUE),--due $(DUE)) $(if $(RENEWALS),--renewals $(RENEWALS)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(PAGE),--page) $(JSON)

# Exit codes of the command itself: 0 each word has a verdict, 1 words are new or gone, 2 it can't look.
.PHONY: drift
drift: .venv/.installed ## Hold our verdicts on the providers' words against their newest SDKs: [FROM=…] [FORMAT=json]
	@$(PYTHON) -m tools.drift $(if $(FROM),--from "$(FROM)") $(JSON)

# ── What CI runs ──────────────────────────────────────────────────────────────────────────────────────────────────────

.PHONY: check unit test ministack lint format validate build runtime clients engines lock events openapi clean
check: lint validate runtime clients ministack proof test ## All of CI

# Workers and commands that are started a hundred times keep what was compiled, wherever that is switched off.
unit test ministack proof mutants clients: export PYTHONDONTWRITEBYTECODE :=

unit: .venv/.installed ## The tests of the core: no engine, no network
	@$(PYTHON) -m pytest -n 2 tests/unit $(ARGS)

# Half of their time is waiting for engines, browsers and processes: on two cores four workers take half as long as two.
test: .venv/.installed .venv-ministack/.installed .venv-proof/.installed engines ## The tests of the product; those of the proof are `make proof`'s
	@$(PYTHON) -m pytest -n 4 --dist worksteal --ignore tests/proof $(ARGS)

ministack: .venv/.installed .venv-ministack/.installed ## The contract of the store over MiniStack, on which local runs are
	@$(PYTHON) -m pytest -m ministack tests/contract $(ARGS)

lint: .venv/.installed ## Format, lint, types, import arrows
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy
	@found=$$(.venv/bin/lint-imports --no-cache) && echo "$$found" | tail -4 || { echo "$$found"; exit 1; }

format: .venv/.installed ## Format and mend what can be mended
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format --quiet .

validate: .venv-sam/.installed ## Validate and lint the template
	@.venv-sam/bin/sam validate --lint

build: .venv-sam/.installed ## Build for Lambda, and import each function and layer with nothing but what was built
	@test -n "$(PYTHON313)" || { echo "sam build needs python3.13 on PATH: install it. \`make test\` does without."; exit 1; }
	@PATH="$(PYTHON313):$$PATH" .venv-sam/bin/sam build >.aws-sam.log 2>&1 || { cat .aws-sam.log; exit 1; }
	@PATH="$(PYTHON313):$$PATH" $(PYTHON) -m tools.check_build --python "$(PYTHON313)/python3.13"

runtime: build .venv-ministack/.installed .venv-runtime/.installed ## Build, run that under Lambda's own runtime, and deploy it
	@PATH="$(PYTHON313):$$PATH" $(PYTHON) -m pytest -m runtime tests/e2e/test_real_runtime.py tests/e2e/test_bench_emulator.py tests/e2e/test_deployed.py $(ARGS)

clients: .venv-ministack/.installed .venv-clients/.installed .clients/.installed ## Lint the API's description, use generated clients, and compare the console's library
	@$(PYTHON) -m pytest -m clients tests/e2e/test_clients.py $(ARGS)

engines: .venv/.installed
	@command -v java >/dev/null && command -v npm >/dev/null && $(PYTHON) -m tools.engines install || true

# ── Set-up: once, and again when a lock file changes ──────────────────────────────────────────────────────────────────

.venv/.installed: requirements/bootstrap.txt requirements/dev.txt
	@test -n "$(SYSTEM_PYTHON)" || { echo "Python 3.11 or newer, with venv, is needed."; exit 1; }
	@echo "setting up .venv ($(SYSTEM_PYTHON))" >&2
	@$(SYSTEM_PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@# `sync` would remove uv itself, which is not in the file.
	@$(UV) pip install --quiet --python $(PYTHON) --require-hashes -r requirements/dev.txt
	@# The command `billing`. Its build backend is in the file, so nothing else is fetched.
	@$(UV) pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation --editable .
	@touch $@

# Lambda's runtime is of the functions' own Python; the others have ours.
.venv-runtime/.installed: INTERPRETER = $(PYTHON313)/python3.13
.venv-ministack/.installed .venv-sam/.installed .venv-proof/.installed .venv-clients/.installed .venv-peers/.installed: INTERPRETER := .venv/bin/python
.venv-ministack/.installed .venv-sam/.installed .venv-proof/.installed .venv-runtime/.installed .venv-clients/.installed .venv-peers/.installed: .venv-%/.installed: requirements/%.txt .venv/.installed
	@echo "setting up .venv-$*" >&2
	@$(UV) venv --quiet --clear --python $(INTERPRETER) .venv-$*
	@$(UV) pip sync --quiet --python .venv-$*/bin/python --require-hashes requirements/$*.txt
	@touch $@

.clients/.installed: requirements/npm/package.json requirements/npm/package-lock.json
	@command -v npm >/dev/null || { echo "make clients needs Node.js with npm: install it. \`make test\` does without."; exit 1; }
	@echo "setting up .clients" >&2
	@mkdir -p .clients && cp requirements/npm/package.json requirements/npm/package-lock.json .clients/
	@cd .clients && npm ci --silent --no-audit --no-fund
	@touch $@

COMPILE := $(UV) pip compile --quiet --generate-hashes --universal --python-version 3.11 --custom-compile-command "make lock"
# A layer on top of the dependencies: in the versions that are tested, without what the layer below it brings.
ON_TOP := $(COMPILE) --constraints requirements/dev.txt --no-emit-package typing-extensions --no-emit-package urllib3
lock: .venv/.installed ## Resolve the dependencies anew; no index address gets into the files
	@$(COMPILE) pyproject.toml -o layers/dependencies/requirements.txt
	@$(COMPILE) pyproject.toml --group dev -o requirements/dev.txt
	@$(ON_TOP) --group providers -o layers/providers/requirements.txt
	@$(ON_TOP) --group api -o layers/api/requirements.txt
	@$(COMPILE) --group ministack -o requirements/ministack.txt
	@$(COMPILE) --group sam -o requirements/sam.txt
	@$(COMPILE) --group runtime -o requirements/runtime.txt
	@$(COMPILE) --group proof -o requirements/proof.txt
	@$(COMPILE) --group clients -o requirements/clients.txt
	@$(COMPILE) --group peers -o requirements/peers.txt
	@cd requirements/npm && npm install --silent --package-lock-only --omit-lockfile-registry-resolved

openapi: .venv/.installed ## Write the API's description from the code
	@$(PYTHON) -m tools.openapi

clean: ## Remove everything that set-up and builds made
	@rm -rf .venv .venv-ministack .venv-sam .venv-runtime .venv-proof .venv-clients .venv-peers .clients .engines .local .aws-sam .aws-sam.log
