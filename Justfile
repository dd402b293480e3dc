# Extra arguments go to the command: `just run --no-site`, `just serve --port 4000`.
set positional-arguments := true

python := ".venv/bin/python"

# List the recipes.
[private]
default:
    @just --list --unsorted

# Load what is missing, compute the KPIs, export them, build the site.
run *arguments: setup
    @{{ python }} -m pipelines run "$@"

# Run the whole test suite, linters and type checker first.
test *arguments: (setup "--with-servers") lint
    {{ python }} -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder "$@"

# Show what the next run (or a backfill of START END [PROJECT]) bills at most.
estimate *arguments: setup
    @{{ python }} -m pipelines estimate "$@"

# Show what each query was to bill, and what it billed.
costs: setup
    @{{ python }} -m pipelines costs

# Load a range of days again, as whole days: `just backfill START END [PROJECT]`, END is exclusive.
backfill *arguments: setup
    @{{ python }} -m pipelines backfill "$@"

# Remove a project that the settings no longer name, everywhere.
forget *arguments: setup
    @{{ python }} -m pipelines forget "$@"

# Load the warehouse from a lake (`--from lake`), or the lakes from the warehouse (`--from warehouse`).
rebuild *arguments: setup
    @{{ python }} -m pipelines rebuild "$@"

# Show what changed models would change, for review; with --diff also which rows.
plan *arguments: setup
    @{{ python }} -m pipelines plan "$@"

# Run all audits over the whole history.
audit: setup
    @{{ python }} -m pipelines audit

# Tell which of the last days are unusual, as Markdown; exits with 3 if any is (docs/alerts.md).
alerts *arguments: setup
    @{{ python }} -m pipelines alerts "$@"

# Show the rows that break the contract, by reason.
quarantine *arguments: setup
    @{{ python }} -m pipelines quarantine "$@"

# Export the marts and build the site, without loading.
site: setup
    @{{ python }} -m pipelines site

# Write marts for other tools, as Parquet, CSV or JSON, or badges: `just export [MART ...] --format csv`.
export *arguments: setup
    @{{ python }} -m pipelines export "$@"

# Show the built site.
serve *arguments: setup
    @{{ python }} -m pipelines serve "$@"

# Open dlt's dashboard of the pipeline.
dashboard *arguments: setup
    @{{ python }} -m pipelines dashboard "$@"

# Check what a run needs, and print what to do about each failure.
doctor:
    @[ -x {{ python }} ] || { echo "Error: nothing is installed yet. Run: just setup" >&2; exit 1; }
    @{{ python }} -m pipelines doctor

# Remove a warehouse of demo data, to make room for real downloads.
reset *arguments: setup
    @{{ python }} -m pipelines reset "$@"

# Install all that is locked; does nothing when nothing changed.
setup *arguments:
    @bash scripts/setup "$@"

# Check format, lint, types, and that the locks are current.
lint: setup
    .venv/bin/ruff format --check .
    .venv/bin/ruff check .
    .venv/bin/mypy
    WAREHOUSE=:memory: .venv/bin/sqlmesh -p sqlmesh lint
    bash scripts/lock --check

# Measure speed and memory of a load, as ratios.
benchmark: setup
    {{ python }} -m tests.harness.benchmark

# Format the code, and write docs/metrics.md from the models.
format: setup
    .venv/bin/ruff format .
    .venv/bin/ruff check --fix .
    {{ python }} -m pipelines.metrics
