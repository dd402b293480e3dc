"""What is added to the server's REST API: faults, a log, a token endpoint, and their control."""

from typing import Any

import google.auth.jwt
from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from google.auth.exceptions import GoogleAuthError
from starlette.middleware.base import BaseHTTPMiddleware

from tests.servers.bigquery_server.billing import Account
from tests.servers.bigquery_server.faults import Faults

TOKEN_VARIABLES = "ya29.access-token-of-the-test"


class Additions:
    """The public keys of service accounts, and what is added."""

    def __init__(self, faults: Faults, account: Account, log: list[dict[str, Any]]) -> None:
        self._faults = faults
        self._account = account
        self._log = log
        self._keys: list[str] = []

    def install(self, app: FastAPI) -> None:
        app.add_middleware(BaseHTTPMiddleware, dispatch=self._watch)
        app.add_route("/token", self._token, methods=["POST"])
        app.add_route("/control/{what}", self._control, methods=["GET", "POST"])
        app.add_route("/health", self._health)

    async def _watch(self, request: Request, respond: Any) -> Any:
        """Log a request of BigQuery's API, and fail it if a rule says so."""
        target = f"{request.method} {request.url.path}"
        if "/bigquery/" not in target:
            return await respond(request)
        is_json = request.headers.get("content-type", "").startswith("application/json")
        body = await request.json() if is_json and await request.body() else {}
        self._log.append({"request": target, "authorization": request.headers.get("authorization"), "body": body})
        rule = await to_thread.run_sync(self._faults.take, "rest", target)
        if "status" not in rule:
            return await respond(request)
        error = {"reason": rule.get("reason", "backendError"), "message": rule.get("message", "injected fault")}
        content = {"error": {"code": rule["status"], "message": error["message"], "errors": [error]}}
        return JSONResponse(content, rule["status"])

    async def _token(self, request: Request) -> JSONResponse:
        """An access token: for an assertion that a known key has signed, or for any refresh token."""
        form = dict(pair.split("=", 1) for pair in (await request.body()).decode().split("&"))
        self._log.append({"request": "POST /token", "authorization": None, "body": {"grant": form["grant_type"]}})
        rule = await to_thread.run_sync(self._faults.take, "token", "")
        refusal = {
            "error": rule.get("reason", "invalid_grant"),
            "error_description": rule.get("message", "Bad Request"),
        }
        if "status" in rule:
            return JSONResponse(refusal, rule["status"])
        if "assertion" in form and not self._is_signed(form["assertion"]):
            return JSONResponse(refusal | {"error_description": "Invalid JWT Signature."}, 400)
        return JSONResponse({"access_token": TOKEN_VARIABLES, "expires_in": 3600, "token_type": "Bearer"})

    def _is_signed(self, assertion: str) -> bool:
        for key in self._keys:
            try:
                google.auth.jwt.decode(assertion, certs=key)  # type: ignore[no-untyped-call]  # the library's
            except (ValueError, GoogleAuthError):
                continue
            return True
        return False

    async def _control(self, request: Request) -> JSONResponse:
        what = request.path_params["what"]
        if what == "faults":
            self._faults.set(await request.json())
        elif what == "bill":
            self._account.set(await request.json())
        elif what == "key":
            self._keys.append(await request.json())
        return JSONResponse(self._log if what == "log" else {})

    async def _health(self, _request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})
