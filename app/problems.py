"""Problem details (RFC 9457): document all errors, and turn them into responses."""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import sqlalchemy.exc
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from app.db import is_full
from app.errors import (
    TYPE_PREFIX,
    BodyTooLarge,
    DatabaseFull,
    DatabaseOutdated,
    DatabaseUnavailable,
    DeletedMeanwhile,
    Invalid,
    MalformedBody,
    ServiceError,
    Unavailable,
)
from app.parsing.errors import ParsingError
from app.parsing_problems import as_problem
from app.request_ids import current_request_id
from models.errors import Problem, SpecError

logger = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"

# SQLSTATE codes (PostgreSQL's manual, appendix A).
UNDEFINED_TABLE_OR_COLUMN = ("42P01", "42703")
BUSY = "The database is busy or cannot be reached. Nothing was changed; try again."
NO_ROOM = "The disk of the database is full. Nothing was stored."
OUTDATED = "The database's tables are not those of this release: run `statecast migrate`."
# A foreign key without a target row: PostgreSQL's code, and SQLite's name of the error.
FOREIGN_KEY = ("23503", "SQLITE_CONSTRAINT_FOREIGNKEY")
DELETED = "Something that the request needs was deleted in the meantime. Nothing was changed."
IMPOSSIBLE = "A value of the request is too large or holds a character that is not allowed."


class ProblemItem(BaseModel):
    """One invalid part of the request."""

    pointer: str
    message: str


class ProblemDetails(BaseModel):
    """An error as RFC 9457 problem details."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:statecast:problem:invalid",
                    "title": "Unprocessable Entity",
                    "status": 422,
                    "detail": "`horizon` must be at least 1. Received: 0",
                    "errors": [
                        {
                            "pointer": "/spec/horizon",
                            "message": "`horizon` must be at least 1. Received: 0",
                        }
                    ],
                }
            ]
        }
    )

    type: str = Field(
        description="The problem, for programs; each operation lists its types as examples."
    )
    title: str
    status: int
    detail: str
    request_id: str | None = Field(
        None, description="The id of the request, as in `X-Request-ID` and in the log."
    )
    errors: list[ProblemItem] | None = None
    scope: str | None = Field(
        None, description="For a refused key: the scope that the operation needs."
    )
    evidence: list[dict[str, Any]] | None = Field(
        None,
        description="For a refused promotion: an `EvidenceRead` for each rival of the version.",
    )


def documented(*errors: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can raise these errors, with an example for each type."""
    by_status: dict[int, list[type[ServiceError]]] = defaultdict(list)
    for error in dict.fromkeys(errors):
        by_status[int(error.status)].append(error)
    return {status: _documented_status(by_status[status]) for status in sorted(by_status)}


def _documented_status(errors: list[type[ServiceError]]) -> dict[str, Any]:
    sentences = [f"`{error.slug}`: {error.__doc__}" for error in errors]
    examples = {
        error.slug: {"summary": error.__doc__, "value": _body(error, error.__doc__ or "")}
        for error in errors
    }
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    content = {PROBLEM_JSON: {"schema": schema, "examples": examples}}
    return {"description": "\n\n".join(sentences), "content": content}


def problem_response(error: ServiceError) -> JSONResponse:
    """An error as `application/problem+json`."""
    body = {**_body(type(error), error.detail), **error.extensions}
    if error.errors:
        body["errors"] = [
            {"pointer": problem.pointer, "message": problem.message} for problem in error.errors
        ]
    return _response(body, error.headers)


def _body(error: type[ServiceError], detail: str) -> dict[str, Any]:
    return {
        "type": f"{TYPE_PREFIX}{error.slug}",
        "title": error.status.phrase,
        "status": int(error.status),
        "detail": detail,
    }


def _response(body: dict[str, Any], headers: Mapping[str, str] | None) -> JSONResponse:
    request_id = current_request_id()
    if request_id is not None:
        body = {**body, "request_id": request_id}
    return JSONResponse(body, body["status"], headers=headers, media_type=PROBLEM_JSON)


def problem_details(request: Request, error: Exception) -> dict[str, Any]:
    """The problem details of an error, for a response that holds several of them."""
    handler = next(HANDLERS[kind] for kind in type(error).__mro__ if kind in HANDLERS)
    details: dict[str, Any] = json.loads(bytes(handler(request, error).body))
    return details


def install_error_handlers(application: FastAPI) -> None:
    """Turn expected errors into problem details; `RequestContext` answers the others."""
    for error, handler in HANDLERS.items():
        if error is not Exception:
            application.add_exception_handler(error, handler)


def _service_error(request: Request, error: ServiceError) -> JSONResponse:
    if isinstance(error, Unavailable):
        seconds: int = request.app.state.settings.retry_after_seconds
        error.headers.setdefault("Retry-After", str(seconds))
    return problem_response(error)


def _spec_error(_: Request, error: SpecError) -> JSONResponse:
    return problem_response(Invalid(_summary(error.problems), errors=error.problems))


def _parsing_error(request: Request, error: ParsingError) -> JSONResponse:
    return _service_error(request, as_problem(error))


def _validation_error(_: Request, error: RequestValidationError) -> JSONResponse:
    problems = [_validation_problem(item, error.body) for item in error.errors()]
    return problem_response(Invalid(_summary(problems), errors=problems))


def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    """Starlette's own errors (unknown path, wrong method) as problem details."""
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.BAD_REQUEST:
        return problem_response(MalformedBody(str(error.detail)))
    headers = dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(request.app.state.allowed_methods(request.url.path))
    if status == BodyTooLarge.status:
        return problem_response(BodyTooLarge(str(error.detail)))
    slug = status.phrase.lower().replace(" ", "-")
    body = {"type": f"{TYPE_PREFIX}{slug}", "title": status.phrase, "status": int(status)}
    return _response({**body, "detail": str(error.detail)}, headers)


def as_service_error(error: Exception) -> ServiceError | None:
    """The error that is shown to a client; None for an unexpected error, which is a bug."""
    if isinstance(error, ParsingError):
        error = as_problem(error)
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, (sqlalchemy.exc.OperationalError, sqlalchemy.exc.TimeoutError)):
        logger.warning("the database did not answer: %s", error)
        return DatabaseFull(NO_ROOM) if is_full(error) else DatabaseUnavailable(BUSY)
    if isinstance(error, sqlalchemy.exc.ProgrammingError):
        return _outdated(error)
    if isinstance(error, sqlalchemy.exc.IntegrityError):
        return _dangling(error)
    if isinstance(error, (sqlalchemy.exc.DataError, OverflowError, UnicodeEncodeError)):
        # A value that the database cannot hold: 10^30, or a NUL or a lone surrogate in a name.
        logger.info("the database cannot hold a value: %s", error)
        return Invalid(IMPOSSIBLE)
    return None


def _outdated(error: sqlalchemy.exc.ProgrammingError) -> ServiceError | None:
    if getattr(error.orig, "sqlstate", None) not in UNDEFINED_TABLE_OR_COLUMN:
        return None
    logger.error("the tables of the database are not those of this release: %s", error)
    return DatabaseOutdated(OUTDATED)


def _dangling(error: sqlalchemy.exc.IntegrityError) -> ServiceError | None:
    """The error if a row refers to another one that was deleted in the meantime."""
    codes = (getattr(error.orig, name, None) for name in ("sqlstate", "sqlite_errorname"))
    if not set(codes) & set(FOREIGN_KEY):
        return None
    logger.warning("a row refers to a deleted one: %s", error)
    return DeletedMeanwhile(DELETED)


def _database_error(request: Request, error: Exception) -> JSONResponse:
    known = as_service_error(error)
    if known is None:
        raise error
    return _service_error(request, known)


def unexpected(request: Request, error: Exception) -> JSONResponse:
    """The answer to an error that is a bug; it is logged with its traceback."""
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem_response(ServiceError("An unexpected error happened and was logged."))


# The handler of the most specific class of an error is used.
HANDLERS: dict[type[Exception], Callable[[Request, Any], JSONResponse]] = {
    ServiceError: _service_error,
    SpecError: _spec_error,
    ParsingError: _parsing_error,
    RequestValidationError: _validation_error,
    HTTPException: _http_error,
    sqlalchemy.exc.OperationalError: _database_error,
    sqlalchemy.exc.TimeoutError: _database_error,
    sqlalchemy.exc.ProgrammingError: _database_error,
    sqlalchemy.exc.DataError: _database_error,
    sqlalchemy.exc.IntegrityError: _database_error,
    OverflowError: _database_error,
    UnicodeEncodeError: _database_error,
    Exception: unexpected,
}


def _summary(problems: Sequence[Problem]) -> str:
    """The messages of up to three problems, or the first message and a count."""
    if len(problems) <= 3:
        return " ".join(problem.message for problem in problems)
    return f"{problems[0].message} (and {len(problems) - 1} more: see `errors`)"


def _validation_problem(item: Mapping[str, Any], body: object) -> Problem:
    """A validation error of FastAPI as a `Problem`."""
    source, *path = item["loc"]
    if source == "body":
        # A syntax error has a position in the text instead.
        if item["type"] != "json_invalid":
            path = list(_in_body(path, body, is_missing=item["type"] == "missing"))
        pointer = "".join(f"/{_escape(part)}" for part in path)
        name = ".".join(str(part) for part in path) or "body"
    else:
        name = ".".join(str(part) for part in path)
        pointer = f"/{source}/{name}"
    received = "" if item["type"] == "missing" else f" Received: {_shown(item.get('input'))}"
    return Problem(pointer, f"`{name}`: {item['msg']}.{received}")


def _in_body(path: list[Any], body: object, *, is_missing: bool) -> Iterator[Any]:
    """The parts of a path that lead through the body; others name a form that a field may have."""
    inner = body
    for place, part in enumerate(path):
        if _has(inner, part):
            inner = inner[part]  # type: ignore[index]
            yield part
        elif is_missing and place == len(path) - 1:
            yield part


def _has(container: object, part: object) -> bool:
    if isinstance(container, list):
        return isinstance(part, int) and part < len(container)
    return isinstance(container, dict) and part in container


def _escape(part: object) -> str:
    """A reference token of a JSON pointer (RFC 6901)."""
    return str(part).replace("~", "~0").replace("/", "~1")


def _shown(value: object) -> str:
    """The received value, short enough for a sentence."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
