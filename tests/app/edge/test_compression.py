"""Large answers are compressed for clients that ask for it."""

import gzip

import pytest
from fastapi.testclient import TestClient

pytestmark = pytest.mark.one_database


@pytest.fixture
def path(client: TestClient) -> str:
    """The address of 600 rows."""
    text = "time,v\n" + "".join(
        f"2024-01-01T{h:02}:{m:02},{h * m}\n" for h in range(20) for m in range(0, 60, 2)
    )
    client.post(
        "/v1/series/s/uploads?create=true", content=text, headers={"Content-Type": "text/csv"}
    ).raise_for_status()
    return "/v1/series/s/observations?limit=600"


def test_the_compressed_answer_is_the_same(client: TestClient, path: str) -> None:
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as packed:
        body = b"".join(packed.iter_raw())
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in packed.headers["vary"].lower()
    assert gzip.decompress(body) == plain.content
    assert 2 * len(body) < len(plain.content)


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_files_of_numbers_are_sent_as_they_are(client: TestClient, path: str, form: str) -> None:
    answer = client.get(f"{path}&format={form}", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers


def test_small_answers_are_sent_as_they_are(client: TestClient) -> None:
    answer = client.get("/healthz", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers
