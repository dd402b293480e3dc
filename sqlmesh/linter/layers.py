"""The layers of the models, through which data flows one way."""

from sqlglot import exp
from sqlmesh.core.linter.rule import Rule, RuleViolation
from sqlmesh.core.model import Model

LAYERS = ("raw", "reference", "staging", "marts")
"""Each reads itself and those before it."""
AGGREGATES = ("staging.daily_downloads", "staging.daily_platforms", "staging.daily_installers")
"""All that reads rows: docs/models.md says why they are three."""


class NoReadAgainstTheFlow(Rule):
    """A model must be of a layer, and must not read one that comes after it."""

    def check_model(self, model: Model) -> RuleViolation | None:
        if model.schema_name not in LAYERS:
            return self.violation(f"No layer: {model.schema_name}. There are {', '.join(LAYERS)}.")
        after = LAYERS[LAYERS.index(model.schema_name) + 1 :]
        wrong = sorted(table.sql() for table in map(exp.to_table, model.depends_on) if table.db in after)
        return self.violation(f"Reads a later layer: {', '.join(wrong)}.") if wrong else None


class NoRowsBesideTheAggregates(Rule):
    """A model must not read rows: it reads one of the aggregates by day."""

    def check_model(self, model: Model) -> RuleViolation | None:
        read = {f"{table.db}.{table.name}" for table in map(exp.to_table, model.depends_on)}
        if "staging.downloads" not in read or model.name in AGGREGATES:
            return None
        return self.violation(f"Reads rows, which only {', '.join(AGGREGATES)} do.")
