"""What a test suite's application answers as problems, compared with its OpenAPI document."""

import gzip
import json
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import TYPE_PREFIX
from app.openapi import types_of
from app.problems import PROBLEM_JSON

# Starlette's own: they belong to no operation.
UNLISTED = {"not-found", "method-not-allowed"}
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class ProblemAnswer:
    """A problem that an operation answered; `slug` is its type without the common prefix."""

    method: str
    path: str
    slug: str


class ProblemRecorder:
    """A middleware that notes every problem answer of a route."""

    def __init__(self, app: ASGIApp, *, answers: set[ProblemAnswer]) -> None:
        self.app = app
        self.answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_problem = False

        async def sending(message: Message) -> None:
            nonlocal is_problem
            if message["type"] == "http.response.start":
                is_problem = (b"content-type", PROBLEM_JSON.encode()) in message["headers"]
            elif is_problem and "route" in scope:
                body = message["body"]
                is_packed = body.startswith(GZIP_MAGIC)
                self._note(scope, json.loads(gzip.decompress(body) if is_packed else body))
            await send(message)

        await self.app(scope, receive, sending)

    def _note(self, scope: Scope, body: dict[str, Any]) -> None:
        slug = body["type"].removeprefix(TYPE_PREFIX)
        # The route of a router that is included knows nothing of the prefix.
        prefix = "/v1" if scope["path"].startswith("/v1/") else ""
        path = f"{prefix}{scope['route'].path_format}"
        self.answers.add(ProblemAnswer(scope["method"].lower(), path, slug))


def unlisted(application: FastAPI, answers: set[ProblemAnswer]) -> list[ProblemAnswer]:
    """The answers whose type the OpenAPI document does not list for their operation."""
    paths = application.openapi()["paths"]
    return [
        answer
        for answer in answers
        if answer.slug not in UNLISTED
        and answer.slug not in types_of(paths[answer.path][answer.method])
    ]
