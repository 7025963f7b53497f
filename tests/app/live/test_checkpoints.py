"""Where checkpoints stand: dense near the present, few in all."""

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database
from app.live.checkpoints import CHECKPOINT_ROWS, surplus
from app.live.tables import KeptState, StateCheckpoint
from app.live.warming import make_ready
from app.registry.tables import ModelVersion
from tests.app.conftest import ROWS, START, WEEK, put_rows, weekly_rows


@pytest.mark.unit
def test_a_change_is_never_replayed_from_much_farther_back_than_it_lies() -> None:
    kept: list[int] = []
    for now in range(CHECKPOINT_ROWS, 2000 * CHECKPOINT_ROWS, CHECKPOINT_ROWS):
        kept.append(now)
        dropped = set(surplus(kept))
        kept = [rows for place, rows in enumerate(kept) if place not in dropped]
    assert len(kept) < 40
    for change in range(1, now, 97):
        start = max((rows for rows in kept if rows < change), default=0)
        distance = now - change
        assert now - start <= 1.5 * distance + CHECKPOINT_ROWS


def test_a_correction_forgets_the_checkpoints_that_have_seen_it(
    client: TestClient, database: Database, deployed: str
) -> None:
    put_rows(client, weekly_rows(ROWS, 3000))
    changed = START + 2500 * WEEK

    def times() -> set[object]:
        with database.reading() as session:
            return set(session.scalars(sa.select(StateCheckpoint.time)))

    before = times()
    put_rows(client, [[changed.isoformat(), 5.0]])
    after = times()
    assert {time for time in before if time < changed} <= after
    assert len(before) > 4
    with database.reading() as session:
        kept = session.scalars(sa.select(KeptState)).one()
        assert (kept.revision, kept.time) == (3, START + (ROWS + 2999) * WEEK)


def test_a_version_is_made_ready_before_it_is_needed(
    client: TestClient, database: Database, model: str
) -> None:
    with database.reading() as session:
        version_id = session.scalars(sa.select(ModelVersion.id)).one()
    for week in (ROWS, ROWS + 1):
        make_ready(database, version_id)
        with database.reading() as session:
            kept = session.scalars(sa.select(KeptState)).one()
            assert kept.time == START + (week - 1) * WEEK
        put_rows(client, weekly_rows(week, 1))


def test_pointing_an_alias_at_a_version_makes_it_ready(
    client: TestClient, database: Database, model: str
) -> None:
    answer = client.put(f"/v1/models/{model}/aliases/challenger", json={"version": 1})
    assert answer.status_code == 200, answer.text
    with database.reading() as session:
        assert session.scalars(sa.select(KeptState)).one().time == START + (ROWS - 1) * WEEK
    (entry,) = put_rows(client, weekly_rows(ROWS, 1))["forecasts"]
    assert (entry["version"], entry["aliases"], entry["error"]) == (1, ["challenger"], None)
