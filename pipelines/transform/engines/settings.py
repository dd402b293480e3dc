"""The settings of `[transform]`: which engine computes the models, and where they live."""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.configuration.specs import BaseConfiguration

from pipelines.configuration import nearest, require_known
from pipelines.errors import SettingsError

SECTION = "transform"
WAREHOUSE, SPARK = "warehouse", "spark"
_MEMORY = re.compile(r"[0-9]{1,6}([.][0-9]{1,3})? ?[KMGT]i?B")
ENGINES = (WAREHOUSE, SPARK)


@configspec
class Engine(BaseConfiguration):
    """`docs/settings.md` describes each field."""

    __section__ = SECTION

    engine: str = WAREHOUSE
    lake: str = "lake"
    memory_limit: str | None = None
    spill_folder: str | None = None
    spark: dict[str, Any] = field(default_factory=dict)

    @property
    def is_elsewhere(self) -> bool:
        """Whether the models are computed outside of the warehouse, and only their marts are copied into it."""
        return self.engine != WAREHOUSE

    @property
    def duckdb_options(self) -> dict[str, str]:
        """DuckDB's settings while it computes the models of a warehouse in a file."""
        # Without a time zone, the day of a timestamp would follow the machine's.
        options = {"TimeZone": "UTC", "memory_limit": self.memory_limit, "temp_directory": self.spill_folder}
        return {name: value for name, value in options.items() if value is not None}

    @property
    def options(self) -> dict[str, str]:
        """Spark's own settings by their full names, such as `spark.master`."""
        return dict(_flat(self.spark))


def resolve_engine() -> Engine:
    """The engine of the settings; the warehouse's own, unless they name another.

    Raises:
        SettingsError: there is no such engine, or a setting has another form.

    """
    require_known((SECTION,), set(Engine.get_resolvable_fields()))
    try:
        engine = resolve_configuration(Engine())
    except (ConfigurationException, ValueError, TypeError) as error:
        # Not shown: Spark's settings may be credentials.
        what = "A setting under [transform] has the wrong form."
        raise SettingsError(what, remedy="`engine` and `lake` are texts, `spark` is a table: docs/settings.md.") from (
            error
        )
    if engine.engine not in ENGINES:
        meant = nearest(engine.engine, ENGINES)
        question = f"Did you mean `{meant}`? " if meant else ""
        raise SettingsError(
            f"There is no engine {engine.engine!r}.", remedy=f"{question}Set `engine` to one of {', '.join(ENGINES)}."
        )
    if engine.memory_limit is not None and not _MEMORY.fullmatch(engine.memory_limit):
        what = f"`memory_limit` under [transform] is {engine.memory_limit!r}."
        raise SettingsError(what, remedy="Write it as DuckDB reads it: 4GB, 512MiB.")
    return engine


def _flat(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """TOML takes an unquoted `spark.master` for a table in a table."""
    found = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", str(value).lower() if isinstance(value, bool) else str(value)))
    return found
