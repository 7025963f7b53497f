"""The OpenAPI document is complete and says what is really sent."""

import re
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


def test_operation_ids_are_short_unique_words() -> None:
    names = [operation.values[0]["operationId"] for operation in OPERATIONS]
    assert all(re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", name) and len(name) <= 40 for name in names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_json_stands_before_other_forms(operation: dict[str, Any]) -> None:
    for response in operation["responses"].values():
        forms = list(response.get("content", {}))
        assert "json" in forms[0] if any("json" in form for form in forms) else True


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_path_parameter_is_described(operation: dict[str, Any]) -> None:
    parameters = [each for each in operation.get("parameters", []) if each["in"] == "path"]
    assert all(each["description"].endswith(".") for each in parameters)


def test_operations_under_v1_and_metrics_say_how_a_key_is_given() -> None:
    ((name, scheme),) = DOCUMENT["components"]["securitySchemes"].items()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            is_keyed = path.startswith(("/v1/", "/metrics"))
            assert operation.get("security") == ([{name: []}] if is_keyed else None)


def test_defaults_are_values_that_generators_can_write() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for field, each in schema.get("properties", {}).items():
            if {"$ref", "anyOf", "oneOf", "allOf"} & set(each):
                assert not isinstance(each.get("default"), dict), (name, field)


def test_titles_of_schemas_are_unique() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    titles = [schema.get("title", name) for name, schema in schemas.items()]
    assert sorted(titles) == sorted(set(titles))
