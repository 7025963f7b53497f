"""Errors with a status, shown to clients as RFC 9457 problem details."""

import errno
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import sqlalchemy.exc
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from app.db import is_full
from models.errors import Problem, SpecError

logger = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"

# PostgreSQL's codes (its manual, appendix A).
UNDEFINED_TABLE_OR_COLUMN = ("42P01", "42703")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
BUSY = "The database is busy or cannot be reached. Nothing was changed; try again."
NO_ROOM = "The disk of the database is full. Nothing was stored."
OUTDATED = "The database's tables are not those of this release: run `statecast migrate`."
# Foreign keys that point to nothing: PostgreSQL's code, and SQLite's name of the error.
FOREIGN_KEY = ("23503", "SQLITE_CONSTRAINT_FOREIGNKEY")
DELETED = "Something that the request needs was deleted in the meantime. Nothing was changed."
IMPOSSIBLE = "A value of the request is too large or holds a character that is not allowed."


class ProblemItem(BaseModel):
    """One invalid place of the request."""

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

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemItem] | None = None
    evidence: list[dict[str, Any]] | None = Field(
        None,
        description="Of a refused promotion: an `EvidenceRead` for each rival of the version.",
    )


class ServiceError(Exception):
    """Base of every error a client is meant to see."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    slug = "error"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[Problem] = (),
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})


class Unauthorized(ServiceError):
    """The API key is missing or wrong."""

    status = HTTPStatus.UNAUTHORIZED
    slug = "unauthorized"


class NotFound(ServiceError):
    """The named thing does not exist."""

    status = HTTPStatus.NOT_FOUND
    slug = "not-found"


class Conflict(ServiceError):
    """The request is well formed, but the present state forbids it."""

    status = HTTPStatus.CONFLICT
    slug = "conflict"


class TooLarge(ServiceError):
    """The body is larger than a limit of the settings."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    slug = "too-large"


class Invalid(ServiceError):
    """The request says something that cannot work."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = "invalid"


class NoRoom(ServiceError):
    """The disk of the service has no room for the file."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    slug = "no-room"


class Unavailable(ServiceError):
    """The service cannot answer now; a later try may succeed."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    slug = "unavailable"


def disk_error(error: OSError) -> ServiceError:
    """What a client is told when a file cannot be kept on the disk for a moment."""
    logger.error("the folder for temporary files (TMPDIR) cannot be used: %s", error)
    if error.errno in FULL:
        return NoRoom("The disk for temporary files is full. Nothing was stored.")
    reason = error.strerror or "it cannot be written"
    return Unavailable(f"The folder for temporary files cannot be used: {reason}.")


def documented(*errors: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may raise these errors."""
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {
        int(error.status): {
            "description": error.__doc__ or error.slug,
            "content": {PROBLEM_JSON: {"schema": schema}},
        }
        for error in errors
    }


def problem_response(error: ServiceError) -> JSONResponse:
    """An error as `application/problem+json`."""
    body: dict[str, Any] = {
        "type": f"urn:statecast:problem:{error.slug}",
        "title": error.status.phrase,
        "status": int(error.status),
        "detail": error.detail,
    }
    body.update(error.extensions)
    if error.errors:
        body["errors"] = [
            {"pointer": problem.pointer, "message": problem.message} for problem in error.errors
        ]
    return JSONResponse(body, int(error.status), headers=error.headers, media_type=PROBLEM_JSON)


def problem_details(request: Request, error: Exception) -> dict[str, Any]:
    """What an error would have been answered with, for an answer that holds several."""
    handler = next(HANDLERS[kind] for kind in type(error).__mro__ if kind in HANDLERS)
    details: dict[str, Any] = json.loads(bytes(handler(request, error).body))
    return details


def install_error_handlers(application: FastAPI) -> None:
    """Turn every error into problem details, whatever raised it."""
    for error, handler in HANDLERS.items():
        application.add_exception_handler(error, handler)


def _service_error(request: Request, error: ServiceError) -> JSONResponse:
    if isinstance(error, Unavailable):
        seconds: int = request.app.state.settings.retry_after_seconds
        error.headers.setdefault("Retry-After", str(seconds))
    return problem_response(error)


def _spec_error(_: Request, error: SpecError) -> JSONResponse:
    return problem_response(Invalid(_summary(error.problems), errors=error.problems))


def _validation_error(_: Request, error: RequestValidationError) -> JSONResponse:
    problems = [_validation_problem(item) for item in error.errors()]
    return problem_response(Invalid(_summary(problems), errors=problems))


def _http_error(_: Request, error: HTTPException) -> JSONResponse:
    """Starlette's own errors (unknown path, wrong method) in the house's form."""
    status = HTTPStatus(error.status_code)
    problem = ServiceError(str(error.detail), headers=error.headers)
    problem.status = status
    problem.slug = status.phrase.lower().replace(" ", "-")
    return problem_response(problem)


def told(error: Exception) -> ServiceError | None:
    """What a client is told of an error; None of one that is a mistake of ours."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, (sqlalchemy.exc.OperationalError, sqlalchemy.exc.TimeoutError)):
        logger.warning("the database did not answer: %s", error)
        return NoRoom(NO_ROOM) if is_full(error) else Unavailable(BUSY)
    if isinstance(error, sqlalchemy.exc.ProgrammingError):
        return _outdated(error)
    if isinstance(error, sqlalchemy.exc.IntegrityError):
        return _dangling(error)
    if isinstance(error, (sqlalchemy.exc.DataError, OverflowError, UnicodeEncodeError)):
        # A number or text that no database can hold: 10^30, a NUL or half a surrogate in a name.
        logger.info("the database cannot hold a value: %s", error)
        return Invalid(IMPOSSIBLE)
    return None


def _outdated(error: sqlalchemy.exc.ProgrammingError) -> ServiceError | None:
    if getattr(error.orig, "sqlstate", None) not in UNDEFINED_TABLE_OR_COLUMN:
        return None
    logger.error("the database is not that of this release: %s", error)
    return Unavailable(OUTDATED)


def _dangling(error: sqlalchemy.exc.IntegrityError) -> ServiceError | None:
    """A row that refers to one that was deleted between being read and being referred to."""
    codes = (getattr(error.orig, name, None) for name in ("sqlstate", "sqlite_errorname"))
    if not set(codes) & set(FOREIGN_KEY):
        return None
    logger.warning("a row refers to one that is not there: %s", error)
    return Conflict(DELETED)


def _database_error(request: Request, error: Exception) -> JSONResponse:
    known = told(error)
    if known is None:
        raise error
    return _service_error(request, known)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem_response(ServiceError("An unexpected error happened and was logged."))


# The most specific class of an error's own that is listed here wins.
HANDLERS: dict[type[Exception], Callable[[Request, Any], JSONResponse]] = {
    ServiceError: _service_error,
    SpecError: _spec_error,
    RequestValidationError: _validation_error,
    HTTPException: _http_error,
    sqlalchemy.exc.OperationalError: _database_error,
    sqlalchemy.exc.TimeoutError: _database_error,
    sqlalchemy.exc.ProgrammingError: _database_error,
    sqlalchemy.exc.DataError: _database_error,
    sqlalchemy.exc.IntegrityError: _database_error,
    OverflowError: _database_error,
    UnicodeEncodeError: _database_error,
    Exception: _unexpected,
}


def _summary(problems: Sequence[Problem]) -> str:
    """All sentences of a small number of problems, or the first and a count."""
    if len(problems) <= 3:
        return " ".join(problem.message for problem in problems)
    return f"{problems[0].message} (and {len(problems) - 1} more: see `errors`)"


def _validation_problem(item: Mapping[str, Any]) -> Problem:
    """One of FastAPI's validation errors in the house's form."""
    source, *path = item["loc"]
    if source == "body":
        pointer = "".join(f"/{_escape(part)}" for part in path)
        name = ".".join(str(part) for part in path) or "body"
    else:
        name = ".".join(str(part) for part in path)
        pointer = f"/{source}/{name}"
    received = "" if item["type"] == "missing" else f" Received: {_shown(item.get('input'))}"
    return Problem(pointer, f"`{name}`: {item['msg']}.{received}")


def _escape(part: object) -> str:
    """A reference token of a JSON pointer (RFC 6901)."""
    return str(part).replace("~", "~0").replace("/", "~1")


def _shown(value: object) -> str:
    """What came, short enough for a sentence."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
