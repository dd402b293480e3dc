# Extra arguments go to the command: `just run --no-site`, `just serve --port 4000`, `just costs --help`.
set positional-arguments := true
# Commands say themselves what failed, and `alerts` exits with 3 where nothing did.
set no-exit-message := true

# Git for Windows brings it; the recipes and scripts need no more of POSIX than it has.
set windows-shell := ["bash", "-euc"]

bin := if os_family() == "windows" { ".venv/Scripts" } else { ".venv/bin" }
# -E: no module of a foreign PYTHONPATH comes before the locked ones.
python := bin / "python -E"

# List the recipes.
[private]
default:
    @just --list --unsorted

# Load missing days, compute the KPIs, export them, build the site.
[group: 'Load']
run *arguments: setup
    @{{ python }} -m pipelines run "$@"

# Load real downloads of any package, without an account: `just try PACKAGE ...`.
[group: 'Load']
try *arguments: setup
    @{{ python }} -m pipelines try "$@"

# Show what the next run, or a backfill, is expected to bill, and at most; free without `--probe`.
[group: 'Load']
estimate *arguments: setup
    @{{ python }} -m pipelines estimate "$@"

# Show what each query was expected to bill, and has billed.
[group: 'Load']
costs *arguments: setup
    @{{ python }} -m pipelines costs "$@"

# Rehearse the first load from BigQuery without an account; free.
[group: 'Load']
rehearse *arguments: (setup "--with-servers")
    @{{ python }} -m tests.harness.rehearse "$@"

# Load days again: `just backfill START END [PROJECT]`; END is exclusive.
[group: 'History']
backfill *arguments: setup
    @{{ python }} -m pipelines backfill "$@"

# Remove a project that the settings no longer name: `just forget PROJECT`.
[group: 'History']
forget *arguments: setup
    @{{ python }} -m pipelines forget "$@"

# Load the warehouse from a lake, without BigQuery: `just restore LAKE`.
[group: 'History']
restore *arguments: setup
    @{{ python }} -m pipelines restore "$@"

# Write all days of the warehouse to all lakes again.
[group: 'History']
sync *arguments: setup
    @{{ python }} -m pipelines sync "$@"

# Remove a warehouse of demo data, so that real downloads can be loaded.
[group: 'History']
reset *arguments: setup
    @{{ python }} -m pipelines reset "$@"

# Report unusual recent days as Markdown; exit with 3 if there are any.
[group: 'Inspect']
alerts *arguments: setup
    @{{ python }} -m pipelines alerts "$@"

# Show the rows, and files of releases, that failed the contract, by reason.
[group: 'Inspect']
quarantine *arguments: setup
    @{{ python }} -m pipelines quarantine "$@"

# Compare loaded daily totals with ClickHouse's public copy; exit with 3 if a day differs.
[group: 'Inspect']
verify *arguments: setup
    @{{ python }} -m pipelines verify "$@"

# Show what changed models would change; with `--diff` also which rows.
[group: 'Inspect']
plan *arguments: setup
    @{{ python }} -m pipelines plan "$@"

# Review a change against a base, as pull requests do: `just review origin/main [--lake NAME] [--to FILE]`.
[group: 'Inspect']
review *arguments: setup
    @{{ python }} -m tests.harness.review "$@"

# Run all audits over the whole history.
[group: 'Inspect']
audit *arguments: setup
    @{{ python }} -m pipelines audit "$@"

# Open dlt's dashboard of the pipeline.
[group: 'Inspect']
dashboard *arguments: setup
    @{{ python }} -m pipelines dashboard "$@"

# Check what a run needs, and print how to fix each failure.
[group: 'Inspect']
doctor *arguments:
    @[ -x {{ bin }}/python ] || { echo "Error: nothing is installed yet. Run: just setup" >&2; exit 1; }
    @{{ python }} -m pipelines doctor "$@"

# Export the marts and build the site, without loading.
[group: 'Publish']
site *arguments: setup
    @{{ python }} -m pipelines site "$@"

# Write every page of the built site as pictures, and one sheet of all: `just screenshots [--query '?lens=all']`.
[group: 'Publish']
screenshots *arguments: setup
    @{{ python }} -m tests.harness.screenshots "$@"

# Serve the built site on this machine.
[group: 'Publish']
serve *arguments: setup
    @{{ python }} -m pipelines serve "$@"

# Print one month of a project: `just report PROJECT [--month 2026-06] [--format markdown]`.
[group: 'Publish']
report *arguments: setup
    @{{ python }} -m pipelines report "$@"

# Write marts as files: `just export [MART ...] [--format csv] [--to PLACE]`.
[group: 'Publish']
export *arguments: setup
    @{{ python }} -m pipelines export "$@"

# Write a shields.io badge for each project: `just badges [--to PLACE]`.
[group: 'Publish']
badges *arguments: setup
    @{{ python }} -m pipelines badges "$@"

# What the workflow of docs/publish.md calls: `just publish restore`, `save`, `report`, `tell` or `comment`.
[group: 'Publish']
publish *arguments: (setup "--without-site")
    @{{ python }} -m pipelines publish "$@"

# Install all that is locked; does nothing when nothing changed.
[group: 'Develop']
setup *arguments:
    @bash scripts/setup "$@"

# Run at each save: format, lint, types, imports, workflows, fast tests.
[group: 'Develop']
check *arguments: (setup "--without-site") lint
    {{ python }} -m pytest -m "not slow" --numprocesses 2 --dist loadfile "$@"

# Run the checks and the whole test suite; ends with the slowest tests.
[group: 'Develop']
test *arguments: (setup "--with-servers") lint
    bash scripts/lock --check
    {{ python }} -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder --durations 15 --durations-min 1 "$@"

# Measure the CPU seconds of a load, as ratios; also its memory (--memory), plans (--plan) and the site (--site).
[group: 'Develop']
benchmark *arguments: setup
    {{ python }} -m tests.harness.benchmark "$@"

# Compute every mart on Spark, too, and compare all cells with DuckDB's.
[group: 'Develop']
parity *arguments: (setup "--with-spark")
    {{ python }} -m tests.harness.parity "$@"

# Damage what a run leaves, and judge all commands by rules; `--cases 20` for a part.
[group: 'Develop']
chaos *arguments: setup
    {{ python }} -m tests.harness.chaos "$@"

# List the licences of all installed packages; fail if one is copyleft or commercial.
[group: 'Develop']
licences *arguments: setup
    @{{ python }} -m tests.harness.licences "$@"

# Lock the newest packages that the declarations allow; check their licences and known faults, and run all tests.
[group: 'Develop']
renew *arguments:
    bash scripts/lock --upgrade
    just licences
    {{ python }} -m tests.harness.advisories
    just test "$@"

# Format the code, and write what the docs have from models and code.
[group: 'Develop']
format *arguments: (setup "--without-site")
    {{ bin }}/ruff format "$@" .
    {{ bin }}/ruff check --fix .
    {{ python }} -m pipelines.transform.reference
    {{ python }} -m tests.harness.documents

# What `check` and `test` begin with; it needs no network.
[private]
lint: (setup "--without-site")
    {{ bin }}/ruff format --check .
    {{ bin }}/ruff check .
    {{ bin }}/mypy
    {{ bin }}/lint-imports --no-logo --no-cache
    {{ bin }}/zizmor --offline --quiet --persona pedantic .
    {{ bin }}/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
    {{ bin }}/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
    {{ bin }}/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
    {{ bin }}/check-jsonschema --quiet --builtin-schema vendor.citation-file-format CITATION.cff
    {{ bin }}/check-jsonschema --quiet --schemafile .github/rulesets/schema.json .github/rulesets/main.json
    MAX_FORK_WORKERS=1 WAREHOUSE=:memory: {{ bin }}/sqlmesh -p sqlmesh lint

# The old spelling of `restore` and `sync`, for one version.
[private]
rebuild *arguments: setup
    @{{ python }} -m pipelines rebuild "$@"
