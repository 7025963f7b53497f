"""The OpenAPI document is complete and says what is really sent."""

from typing import Any

import pytest

from app.main import create_app
from app.settings import Settings

pytestmark = pytest.mark.unit

DOCUMENT: dict[str, Any] = create_app(Settings(api_key=None)).openapi()
OPERATIONS = [
    pytest.param(operation, id=f"{method} {path}")
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_is_described_in_a_sentence(operation: dict[str, Any]) -> None:
    assert operation["description"].endswith(".")
    assert operation["tags"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_error_is_problem_details(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if status >= "4":
            assert list(response["content"]) == ["application/problem+json"], status


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_json_body_has_an_example(operation: dict[str, Any]) -> None:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None:
        schemas = body["schema"].get("anyOf", [body["schema"]])
        names = [schema["$ref"].split("/")[-1] for schema in schemas if "$ref" in schema]
        assert all(DOCUMENT["components"]["schemas"][name]["examples"] for name in names)


def test_every_reference_leads_somewhere() -> None:
    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}

    def check(node: object) -> None:
        if isinstance(node, dict):
            assert node.get("$ref") is None or node["$ref"] in known, node
            for value in node.values():
                check(value)
        elif isinstance(node, list):
            for value in node:
                check(value)

    check(DOCUMENT)
