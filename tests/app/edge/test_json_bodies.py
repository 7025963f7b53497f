"""JSON bodies that no database could store as they are, are refused by field."""

import pytest
from fastapi.testclient import TestClient

JSON = {"Content-Type": "application/json"}


def post(client: TestClient, body: bytes) -> tuple[int, str, list[str]]:
    """The status, the type and the pointers of the answer to `POST /v1/series`."""
    answer = client.post("/v1/series", content=body, headers=JSON)
    problem = answer.json()
    pointers = [each["pointer"] for each in problem.get("errors") or []]
    return answer.status_code, problem.get("type", "").rpartition(":")[2], pointers


class TestCharacters:
    @pytest.mark.parametrize("character", [b"\\u0000", b"\\ud800", b"\\uDFFF"])
    def test_nul_and_half_pairs_are_refused_with_the_field(
        self, client: TestClient, character: bytes
    ) -> None:
        body = b'{"name": "a", "kind": "generic", "description": "x%sy"}' % character
        assert post(client, body) == (422, "invalid", ["/description"])

    def test_the_field_is_found_at_any_depth(self, client: TestClient) -> None:
        body = b'{"name": "a", "kind": "generic", "channels": [{"name": "v", "unit": "\\u0000"}]}'
        assert post(client, body) == (422, "invalid", ["/channels/0/unit"])

    def test_a_name_of_a_field_is_looked_at(self, client: TestClient) -> None:
        body = b'{"name": "a", "kind": "generic", "attributes": {"b\\u0000": 1}}'
        assert post(client, body) == (422, "invalid", ["/attributes"])

    def test_what_only_looks_like_one_is_stored(self, client: TestClient) -> None:
        body = b'{"name": "a", "kind": "generic", "description": "\\\\u0000 \\ud83d\\ude00"}'
        assert post(client, body)[0] == 201
        assert client.get("/v1/series/a").json()["description"] == "\\u0000 \U0001f600"

    @pytest.mark.parametrize(
        ("path", "pointer"),
        [("/v1/series/a%00b", ""), ("/v1/series?cursor=%00", "/query/cursor")],
    )
    def test_an_address_holds_no_nul(self, client: TestClient, path: str, pointer: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.one_database
class TestForm:
    def test_a_repeated_name_is_refused(self, client: TestClient) -> None:
        body = b'{"name": "a", "name": "b", "kind": "generic"}'
        assert post(client, body)[:2] == (422, "invalid")
        assert client.get("/v1/series").json()["items"] == []

    @pytest.mark.parametrize("body", [b"\xff\xfe\x17", b'{"name": "\xe9"}', b"[" * 100_000])
    def test_what_is_not_json_in_utf_8_is_malformed(self, client: TestClient, body: bytes) -> None:
        assert post(client, body)[:2] == (400, "malformed-body")

    def test_a_syntax_error_keeps_its_position(self, client: TestClient) -> None:
        assert post(client, b'{"name": }') == (422, "invalid", ["/9"])

    def test_null_is_not_an_empty_body(self, client: TestClient) -> None:
        client.put("/v1/series/a/observations", json={"columns": [], "rows": []})
        assert post(client, b"null") == (422, "invalid", [""])
        answer = client.post("/v1/series/a/restore", content=b"null", headers=JSON)
        assert answer.status_code == 422
