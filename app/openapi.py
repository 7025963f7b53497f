"""The OpenAPI document: FastAPI's own, with errors as the problem details that they are."""

from typing import Any

from fastapi import FastAPI

from app.errors import ProblemDetails

REFERENCE = "#/components/schemas/{model}"
# FastAPI's form of a validation error, which is never sent: ours is problem details.
UNUSED = ("HTTPValidationError", "ValidationError")


def install_openapi(application: FastAPI) -> None:
    """Complete the document when it is first asked for."""
    generate = application.openapi

    def complete() -> dict[str, Any]:
        if application.openapi_schema is None:
            schemas = generate()["components"]["schemas"]
            problem = ProblemDetails.model_json_schema(ref_template=REFERENCE)
            schemas.update(problem.pop("$defs"), ProblemDetails=problem)
            for name in UNUSED:
                schemas.pop(name, None)
        return application.openapi_schema or {}

    application.openapi = complete  # type: ignore[method-assign]  # FastAPI's documented way
