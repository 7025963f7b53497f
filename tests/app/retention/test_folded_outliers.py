"""Outliers among deleted scores: figures over all time can leave them out as before."""

from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database
from app.scores.tables import FoldedScore
from tests.app.conftest import ROWS, put_rows, weekly_rows
from tests.app.retention.conftest import MODEL, age, append, clean, point

WRONG = 2


@pytest.fixture
def wrong_row(client: TestClient, database: Database, model: str) -> None:
    """20 old forecasts of a champion; one early row is a thousand times too large."""
    point(client, "champion", 1)
    append(client, 0, WRONG)
    ((time, value),) = weekly_rows(ROWS + WRONG, 1)
    put_rows(client, [[time, 1000 * value]])
    append(client, WRONG + 1, 17)
    age(database)


def target(client: TestClient, outliers: str) -> dict[str, Any]:
    """The figures over all time."""
    query = {"outliers": outliers, "window": "all"}
    (item,) = client.get(f"{MODEL}/performance", params=query).json()["items"]
    found: dict[str, Any] = item["windows"][0]["targets"][0]
    return found


def figures(client: TestClient, outliers: str) -> dict[tuple[int, str], float]:
    """The figures over all leads, 0, and of each lead."""
    of_target = target(client, outliers)
    return {
        (each.get("lead", 0), name): value
        for each in (of_target, *of_target["leads"])
        for name, value in each.items()
        if isinstance(value, float | int) and not name.startswith("deleted_")
    }


def test_figures_with_and_without_them_survive_a_cleaning(
    client: TestClient, database: Database, wrong_row: None
) -> None:
    before = {kind: figures(client, kind) for kind in ("include", "exclude")}
    assert before["include"][0, "mae"] > 100
    assert before["exclude"][0, "mae"] < 5
    assert target(client, "include")["deleted_outliers"] == 0
    assert clean(client, database)["scores"] > 0
    for kind in ("include", "exclude"):
        assert figures(client, kind) == pytest.approx(before[kind], rel=1e-6)
    of_target = target(client, "exclude")
    assert of_target["deleted_outliers"] > 0
    assert of_target["deleted_unchecked"] == 0


def test_later_scores_are_compared_with_the_time_before_deleted_outliers(
    client: TestClient, database: Database, wrong_row: None
) -> None:
    clean(client, database)
    append(client, 20, 15)
    age(database)
    before = figures(client, "exclude")
    deleted = target(client, "exclude")["deleted_outliers"]
    assert clean(client, database)["scores"] > 0
    assert figures(client, "exclude") == pytest.approx(before, rel=1e-6)
    assert target(client, "exclude")["deleted_outliers"] >= deleted
    assert before[0, "mae"] < 5


def test_scores_that_an_earlier_release_deleted_are_counted(
    client: TestClient, database: Database, wrong_row: None
) -> None:
    deleted = clean(client, database)["scores"]
    included = target(client, "include")
    with database.transaction() as session:
        session.execute(sa.update(FoldedScore).values(outliers=sa.null()))
    of_target = target(client, "exclude")
    assert (of_target["deleted_outliers"], of_target["deleted_unchecked"]) == (0, deleted)
    assert of_target["mae"] > 100
    assert of_target["count"] <= included["count"]


def test_usual_scores_leave_nothing_beside_their_sums(
    client: TestClient, database: Database, aged_model: str
) -> None:
    before = figures(client, "include")
    clean(client, database)
    of_target = target(client, "exclude")
    assert (of_target["deleted_outliers"], of_target["deleted_unchecked"]) == (0, 0)
    assert figures(client, "exclude") == pytest.approx(before, rel=1e-6)
