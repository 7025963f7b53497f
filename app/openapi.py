"""The OpenAPI document of FastAPI, with the problem types that each operation can answer with."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from app.errors import (
    BodyTooLarge,
    DatabaseFull,
    DatabaseOutdated,
    DatabaseUnavailable,
    DeletedMeanwhile,
    Invalid,
    ServiceError,
    Unauthorized,
    all_errors,
)
from app.limits import UPLOAD_SUFFIXES
from app.problems import PROBLEM_JSON, ProblemDetails, documented

REFERENCE = "#/components/schemas/{model}"
# FastAPI's schemas of validation errors, which are never sent: ours are problem details.
UNUSED = ("HTTPValidationError", "ValidationError")
# Errors of all operations, of those that write, and of those with a body.
EVERYWHERE = (Unauthorized, Invalid, DatabaseUnavailable, DatabaseOutdated)
WRITES = (DeletedMeanwhile, DatabaseFull)
BODIES = ("post", "put", "patch")

Operation = dict[str, Any]


def install_openapi(application: FastAPI) -> None:
    """Complete the document at its first request."""
    generate = application.openapi

    def complete() -> dict[str, Any]:
        if application.openapi_schema is None:
            document = generate()
            schemas = document["components"]["schemas"]
            problem = ProblemDetails.model_json_schema(ref_template=REFERENCE)
            schemas.update(problem.pop("$defs"), ProblemDetails=problem)
            for name in UNUSED:
                schemas.pop(name, None)
            _add_general_errors(document["paths"])
        return application.openapi_schema or {}

    application.openapi = complete  # type: ignore[method-assign]  # FastAPI's documented way


def types_of(operation: Operation) -> Iterator[str]:
    """The problem types, without their common prefix, that an operation lists."""
    for response in operation["responses"].values():
        yield from response.get("content", {}).get(PROBLEM_JSON, {}).get("examples", {})


def _add_general_errors(paths: dict[str, dict[str, Operation]]) -> None:
    known = {error.slug: error for error in all_errors()}
    for path, operations in paths.items():
        if not path.startswith("/v1/"):
            continue
        for method, operation in operations.items():
            specific = [known[slug] for slug in types_of(operation)]
            for status, response in documented(*specific, *_general(path, method)).items():
                operation["responses"][str(status)] = response


def _general(path: str, method: str) -> Iterator[type[ServiceError]]:
    yield from EVERYWHERE
    if method != "get":
        yield from WRITES
    if method in BODIES and not path.endswith(UPLOAD_SUFFIXES):
        yield BodyTooLarge
