"""Senders of large files who break off, and web processes that are killed while they keep one."""

import http.client
import socket

import httpx2
import pytest
import sqlalchemy as sa

from app.db import Database
from app.jobs.tables import Job, JobState
from app.series.tables import KeptFile, KeptPiece, Series, Upload
from tests.crash.conftest import Fleet, eventually, kill

ROWS = 60_000
PATH = "/v1/series/minutes/uploads?create=true"
# Above this a file is a job, and is kept in the database until a worker reads it.
SETTINGS = {"STATECAST_UPLOAD_JOB_BYTES": "100000"}


def content() -> bytes:
    """Row `n` is minute `n` of 2020, of whose months the first 28 days count, with the value n."""
    rows = (
        f"2020-{1 + day // 28:02}-{1 + day % 28:02} {hour:02}:{minute:02},{n}\n"
        for n in range(ROWS)
        for day, hour, minute in [(n // 1440, n // 60 % 24, n % 60)]
    )
    return b"time,a\n" + "".join(rows).encode()


def send_part(client: httpx2.Client, body: bytes, count: int) -> socket.socket:
    """Send the first bytes of a file; the connection, on which the rest could follow."""
    url = client.base_url
    sender = socket.create_connection((url.host, url.port or 80))
    head = f"POST {PATH} HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: {len(body)}\r\n\r\n"
    sender.sendall(head.encode() + body[:count])
    return sender


def stored(database: Database) -> dict[str, int]:
    """How much of anything that belongs to a file is in the database."""
    with database.reading() as session:
        tables = (Series, Job, KeptFile, KeptPiece)
        return {
            table.__tablename__: session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in tables
        }


def upload(fleet: Fleet, client: httpx2.Client, body: bytes) -> None:
    """Send the whole file and have it read."""
    left_behind = stored(fleet.database)["kept_pieces"]
    answer = client.post(PATH, content=body)
    assert answer.status_code == 202, answer.text
    fleet.training_worker()
    job = fleet.wait_for_end(answer.json()["id"])
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    assert client.get("/v1/series/minutes").json()["rows"] == ROWS
    eventually(
        lambda: stored(fleet.database)["kept_pieces"] <= left_behind, "the file is forgotten"
    )


@pytest.mark.one_database
class TestBrokenOff:
    def test_a_sender_who_breaks_off_leaves_nothing_behind(self, fleet: Fleet) -> None:
        body = content()
        with fleet.web(**SETTINGS) as (_, client):
            for share in (0.01, 0.5, 0.99):
                send_part(client, body, int(len(body) * share)).close()
            assert client.get("/readyz").is_success
            assert set(stored(fleet.database).values()) == {0}
            upload(fleet, client, body)


class TestKilledWeb:
    def test_a_file_that_was_kept_by_half_is_no_job(self, fleet: Fleet) -> None:
        body = content()
        with fleet.web(**SETTINGS) as (web, client):
            with send_part(client, body, len(body)) as sender:
                eventually(lambda: stored(fleet.database)["kept_files"] == 1, "a file is kept")
                kill(web)
                answered = answer_of(sender)
            queued = stored(fleet.database)["jobs"]
            assert queued == 1 or not answered
        with fleet.web(**SETTINGS) as (_, client):
            assert len(client.get("/v1/jobs").json()["items"]) == queued
            upload(fleet, client, body)


SERIES = 400
SPLIT = "/v1/series/shops/uploads?split=shop"


def many_series() -> bytes:
    """Thirty days of each shop."""
    rows = (
        f"2024-01-{day:02},shop-{shop:03},{shop + day}\n"
        for day in range(1, 31)
        for shop in range(SERIES)
    )
    return b"date,shop,sold\n" + "".join(rows).encode()


class TestKilledWorker:
    def test_many_series_are_stored_all_or_not_at_all_and_once(self, fleet: Fleet) -> None:
        with fleet.web() as (_, client):
            job = client.post(SPLIT, content=many_series()).json()["id"]
            worker = fleet.training_worker()
            eventually(
                lambda: fleet.job(job).progress["phase"] == "storing", "the job stores series"
            )
            kill(worker)
            assert stored(fleet.database)["series"] in {0, SERIES}
            fleet.training_worker()
            ended = fleet.wait_for_end(job)
            assert (ended.state, ended.error) == (JobState.SUCCEEDED, None)
            assert stored(fleet.database)["series"] == SERIES
            uploads = sa.select(sa.func.count()).select_from(Upload)
            with fleet.database.reading() as session:
                assert session.scalar(uploads) == SERIES
                assert set(session.scalars(sa.select(Series.rows))) == {30}
            report = (ended.result or {})["report"]
            assert (report["series"], report["rows_stored"]) == (SERIES, 30 * SERIES)


def answer_of(sender: socket.socket) -> bool:
    """Whether the sender received the answer that the file was accepted."""
    answer = http.client.HTTPResponse(sender)
    try:
        answer.begin()
    except (http.client.HTTPException, OSError):
        return False
    return answer.status == http.client.ACCEPTED
