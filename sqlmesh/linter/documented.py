"""Rules of this project: a model says whose it is, what it holds, by which key, and what each column means."""

from sqlglot import exp
from sqlmesh.core.linter.rule import Rule, RuleViolation
from sqlmesh.core.model import ExternalModel, Model, SqlModel

AUDITS = 2
"""At least: one for the grain, one for the content."""


class NoMissingOwner(Rule):
    """A model must have an owner."""

    def check_model(self, model: Model) -> RuleViolation | None:
        return None if model.owner else self.violation()


class NoMissingDescription(Rule):
    """A model must have a description."""

    def check_model(self, model: Model) -> RuleViolation | None:
        return None if model.description else self.violation()


class NoMissingColumnDescription(Rule):
    """Each column of a model must have a description, and each description a column."""

    def check_model(self, model: Model) -> RuleViolation | None:
        if isinstance(model, ExternalModel):
            return None
        wrong = set(model.columns_to_types or {}) ^ set(model.column_descriptions)
        if not wrong:
            return None
        return self.violation(f"No description, or no column: {', '.join(sorted(wrong))}.")


class NoMissingGrain(Rule):
    """A model must declare its grain; `grain ()` says that its rows have no key."""

    def check_model(self, model: Model) -> RuleViolation | None:
        return None if isinstance(model, ExternalModel) or model.grains else self.violation()


class NoUntypedColumn(Rule):
    """A column that is computed must be cast: engines disagree on the type of a sum or a quotient."""

    def check_model(self, model: Model) -> RuleViolation | None:
        query = model.render_query() if isinstance(model, SqlModel) else None
        if query is None:
            return None
        typed = (exp.Cast, exp.Column)
        wrong = [column.output_name for column in query.selects if not isinstance(column.unalias(), typed)]
        return self.violation(f"Not cast: {', '.join(wrong)}.") if wrong else None


class TooFewAudits(Rule):
    """A model must have two audits at least."""

    def check_model(self, model: Model) -> RuleViolation | None:
        if isinstance(model, ExternalModel) or len(model.audits) >= AUDITS:
            return None
        return self.violation()
