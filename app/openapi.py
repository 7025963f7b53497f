"""The OpenAPI document of FastAPI, with the problem types that each operation can answer with."""

import json
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from app.access.scopes import access_of
from app.edge.limits import MOST_64_BIT, UPLOAD_SUFFIXES
from app.errors import (
    BodyTooLarge,
    ByteLimitReached,
    CrossSiteRefused,
    DatabaseFull,
    DatabaseOutdated,
    DatabaseUnavailable,
    DeletedMeanwhile,
    HostRefused,
    Invalid,
    JobLimitReached,
    MalformedBody,
    RequestLimitReached,
    RowLimitReached,
    ScopeMissing,
    ServiceError,
    Unauthorized,
    all_errors,
)
from app.problems import PROBLEM_JSON, ProblemDetails, documented

REFERENCE = "#/components/schemas/{model}"
# FastAPI's schemas of validation errors, which are never sent: ours are problem details.
UNUSED = ("HTTPValidationError", "ValidationError")
# Errors of all operations, of those under /v1, of those that write, and of those with a body.
EVERYWHERE = (HostRefused, Invalid)
UNDER_VERSION_ONE = (
    Unauthorized,
    ScopeMissing,
    RequestLimitReached,
    DatabaseUnavailable,
    DatabaseOutdated,
)
WRITES = (CrossSiteRefused, DeletedMeanwhile, DatabaseFull)
KEYED = ("/v1/", "/metrics")
BODIES = ("post", "put", "patch")
NOT_SCHEMAS = ("example", "examples", "default")

KEY_SCHEME = "apiKey"
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "`Authorization: Bearer <key>`, where the service has a key.",
}
NAMES = {"series": "Name of the series.", "models": "Name of the model."}
PATH_PARAMETERS = {
    "alias": "Name of the alias, such as `champion`.",
    "backtest_id": "Id of the backtest.",
    "forecast_id": "Id of the forecast.",
    "job_id": "Id of the job.",
    "key_id": "Id of the key.",
    "schedule_id": "Id of the schedule.",
    "study_id": "Id of the study.",
    "upload_id": "Id of the upload.",
    "version": "Number of the version.",
    "webhook_id": "Id of the webhook.",
}

Operation = dict[str, Any]


def install_openapi(application: FastAPI) -> None:
    """Complete the document at its first request."""
    generate = application.openapi

    def complete() -> dict[str, Any]:
        if application.openapi_schema is None:
            _complete(generate())
        return application.openapi_schema or {}

    application.openapi = complete  # type: ignore[method-assign]  # FastAPI's documented way


def _complete(document: dict[str, Any]) -> None:
    components = document["components"]
    schemas = components["schemas"]
    problem = ProblemDetails.model_json_schema(ref_template=REFERENCE)
    schemas.update(problem.pop("$defs"), ProblemDetails=problem)
    for name in UNUSED:
        schemas.pop(name, None)
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            _tell_default(field)
    components["securitySchemes"] = {KEY_SCHEME: BEARER}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete_operation(operation, path, method)
    _bound_integers_of_answers(document)


def _tell_default(field: dict[str, Any]) -> None:
    """Write the object that stands for a left out one into words: generators refuse it as code."""
    is_typed = not {"$ref", "anyOf", "oneOf", "allOf"} & set(field)
    if is_typed or not isinstance(field.get("default"), dict):
        return
    sentence = f"Default: `{json.dumps(field.pop('default'))}`."
    field["description"] = (
        f"{field['description']} {sentence}" if "description" in field else sentence
    )


def _complete_operation(operation: Operation, path: str, method: str) -> None:
    if path.startswith(KEYED):
        operation["security"] = [{KEY_SCHEME: []}]
        scope = access_of(method.upper(), path.removeprefix("/v1")).scope
        operation["description"] += f"\n\nNeeds the scope `{scope}`."
    known = {error.slug: error for error in all_errors()}
    specific = [known[slug] for slug in types_of(operation)]
    for status, response in documented(*specific, *_general(path, method)).items():
        operation["responses"][str(status)] = response
    for response in operation["responses"].values():
        content = response.get("content", {})
        ordered = sorted(content, key=lambda media_type: "json" not in media_type)
        response.update({"content": {each: content[each] for each in ordered}} if content else {})
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path" and "description" not in parameter:
            parameter["description"] = _path_parameter(path, parameter["name"])


def _path_parameter(path: str, name: str) -> str:
    if name == "name":
        return NAMES[path.split("/")[2]]
    return PATH_PARAMETERS[name]


def types_of(operation: Operation) -> Iterator[str]:
    """The problem types, without their common prefix, that an operation lists."""
    for response in operation["responses"].values():
        yield from response.get("content", {}).get(PROBLEM_JSON, {}).get("examples", {})


def _bound_integers_of_answers(document: dict[str, Any]) -> None:
    """Say that whole numbers of answers fit into 64 bits; those of requests have bounds already."""
    schemas = document["components"]["schemas"]
    operations = [each for path in document["paths"].values() for each in path.values()]
    asked = [[each.get("parameters"), each.get("requestBody")] for each in operations]
    answered = [each["responses"] for each in operations]
    names = referenced(answered, schemas) - referenced(asked, schemas)
    for node in nodes([answered, [schemas[name] for name in sorted(names)]]):
        if is_unbounded(node):
            node |= {"maximum": MOST_64_BIT}


def is_unbounded(node: dict[str, Any]) -> bool:
    """Whether a schema is that of a whole number of any size."""
    bounds = {"maximum", "exclusiveMaximum", "const", "enum"}
    return node.get("type") == "integer" and not bounds & node.keys()


def referenced(node: Any, schemas: dict[str, Any]) -> set[str]:
    """The names of the schemas that a part of the document refers to, also through others."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        references = (each.get("$ref", "") for each in nodes(waiting.pop()))
        names = {reference.rpartition("/")[2] for reference in references if reference} - found
        found |= names
        waiting += [schemas[name] for name in names]
    return found


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every object within a part of the document, except examples and defaults."""
    if isinstance(node, list):
        for each in node:
            yield from nodes(each)
    elif isinstance(node, dict):
        yield node
        for key, value in node.items():
            if key == "properties":
                # Their names may be those of keywords.
                yield from nodes(list(value.values()))
            elif key not in NOT_SCHEMAS:
                yield from nodes(value)


def _general(path: str, method: str) -> Iterator[type[ServiceError]]:
    yield from EVERYWHERE
    if not path.startswith("/v1/"):
        return
    yield from UNDER_VERSION_ONE
    if method != "get":
        yield from WRITES
    access = access_of(method.upper(), path.removeprefix("/v1"))
    if access.writes_rows:
        yield from (RowLimitReached, ByteLimitReached)
    if access.queues_job:
        yield JobLimitReached
    if method in BODIES and not path.endswith(UPLOAD_SUFFIXES):
        yield MalformedBody
        yield BodyTooLarge
