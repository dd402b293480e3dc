"""Faults on demand: each rule says where it strikes, on what, how often, and what happens then."""

import os
import threading
import time
from typing import Any

import grpc
from local_bigquery.grpc import read


class Faults:
    """The rules in force; a rule is a dictionary as `tests.servers.bigquery.Server.faults` describes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[dict[str, Any]] = []

    def set(self, rules: list[dict[str, Any]]) -> None:
        with self._lock:
            self._rules = [{"times": 1, "after": 0, "match": ""} | rule for rule in rules]

    def take(self, where: str, target: str) -> dict[str, Any]:
        """The rule that strikes this call, after its delay and exit; an empty rule if none does."""
        with self._lock:
            rule = next((r for r in self._rules if r["where"] == where and r["match"] in target and r["times"]), {})
            if rule.get("after"):
                rule["after"] -= 1
                return {}
            if rule:
                rule["times"] -= 1
        time.sleep(rule.get("delay", 0))
        if rule.get("exit"):
            os._exit(9)
        return rule

    def strike(self, where: str, target: str) -> None:
        """Fail a call of the Storage API if a rule says so."""
        rule = self.take(where, target)
        if "code" in rule:
            raise read.StorageError(grpc.StatusCode[rule["code"]], rule.get("message", "injected fault"))
