"""Streamed equals replayed, and scores are right, however writes are interleaved."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.db import Database
from app.live import checkpoints
from app.registry.forecaster_cache import forecasters
from app.scores.tables import ForecastScore
from app.times import to_datetime, to_numpy
from models.serving.batching import run_one
from models.serving.forecaster import Forecaster
from tests.app.conftest import ROWS, START, WEEK, put_rows, weekly_value
from tests.app.deployed import point, read_forecast, values

LAST_WEEK = START + (ROWS - 1) * WEEK
LARGEST = 40
# The network counts in float32: a millionth of the largest value that is written.
TOLERANCE = 1e-6 * LARGEST
KEPT = ("kept_states", "state_checkpoints", "forecasts", "forecast_scores")

numbers = st.one_of(st.floats(-LARGEST, LARGEST).map(lambda v: round(v, 3)), st.none())
operations = st.one_of(
    st.tuples(st.just("append"), st.lists(numbers, min_size=1, max_size=4)),
    st.tuples(st.just("batch"), st.integers(20, 60)),
    st.tuples(st.just("gap"), st.integers(2, 5)),
    st.tuples(st.just("between"), st.integers(1, 6)),
    st.tuples(st.just("correct"), st.tuples(st.integers(1, 90), numbers)),
    st.tuples(st.just("correct"), st.tuples(st.integers(1, 3), numbers)),
    st.tuples(st.just("late"), st.tuples(st.integers(1, 20), st.integers(1, 6))),
    st.tuples(st.just("again"), st.integers(1, 5)),
    st.tuples(st.just("delete"), st.tuples(st.integers(1, 60), st.integers(1, 60))),
    st.tuples(st.just("undo"), st.none()),
    st.tuples(st.just("ask"), st.none()),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("retire"), st.none()),
    st.tuples(st.just("deploy"), st.none()),
)


class Story:
    """What was written to the series, beside the service that it was written to."""

    def __init__(self, client: TestClient, database: Database, model: str) -> None:
        self.client = client
        self.database = database
        self.model = model
        self.rows: dict[datetime, float | None] = {}
        self.past: list[dict[datetime, float | None]] = []
        self.deployed = True

    @property
    def last(self) -> datetime:
        return max(self.rows)

    def act(self, name: str, given: Any) -> None:
        """Do one of the operations, and look at the forecast that it caused."""
        if name in ("restart", "retire", "deploy", "ask"):
            getattr(self, name)()
            return
        before = self.rows
        if name in ("delete", "undo"):
            answer = getattr(self, name)(given)
        else:
            new: dict[datetime, float | None] = getattr(self, name)(given)
            self.rows = {**before, **new}
            answer = put_rows(self.client, [[time.isoformat(), new[time]] for time in new])
        changes = self.rows != before
        if changes:
            self.past.append(before)
        entries = answer["forecasts"]
        assert len(entries) == (self.deployed and changes)
        for entry in entries:
            assert entry["error"] is None
            self.check(read_forecast(self.client, entry["id"]))

    def append(self, given: list[float | None]) -> dict[datetime, float | None]:
        return {self.last + step * WEEK: value for step, value in enumerate(given, start=1)}

    def batch(self, count: int) -> dict[datetime, float | None]:
        return {self.last + step * WEEK: weekly_value(step) for step in range(1, count + 1)}

    def gap(self, weeks: int) -> dict[datetime, float | None]:
        return {self.last + weeks * WEEK: 12.0}

    def between(self, days: int) -> dict[datetime, float | None]:
        return {self.last + timedelta(days=days): 11.0}

    def correct(self, given: tuple[int, float | None]) -> dict[datetime, float | None]:
        back, value = given
        return {sorted(self.rows)[-back]: value}

    def late(self, given: tuple[int, int]) -> dict[datetime, float | None]:
        back, days = given
        return {self.last - back * WEEK - timedelta(days=days): 9.0}

    def again(self, count: int) -> dict[datetime, float | None]:
        return {time: self.rows[time] for time in sorted(self.rows)[-count:]}

    def delete(self, given: tuple[int, int]) -> Any:
        back, count = given
        gone = sorted(self.rows)[-back:][:count]
        self.rows = {time: value for time, value in self.rows.items() if time not in gone}
        bounds = {"start": gone[0].isoformat(), "end": gone[-1].isoformat()}
        return self.client.delete("/v1/series/weekly/observations", params=bounds).json()

    def undo(self, _: None) -> Any:
        if not self.past:
            # Before the first write there was nothing to forecast from.
            return {"forecasts": []}
        self.rows = self.past[-1]
        return self.client.post("/v1/series/weekly/restore").json()

    def restart(self) -> None:
        forecasters._ready.clear()

    def retire(self) -> None:
        with self.database.transaction() as session:
            session.execute(sa.text("DELETE FROM aliases"))
        self.deployed = False

    def deploy(self) -> None:
        point(self.database, self.model, "champion", 1)
        self.deployed = True

    def ask(self) -> None:
        answer = self.client.post(f"/v1/models/{self.model}/forecasts")
        assert answer.status_code == 200, answer.text
        self.check(answer.json())

    def arrays(self) -> tuple[Any, Any]:
        times = sorted(self.rows)
        column = [[np.nan if self.rows[time] is None else self.rows[time]] for time in times]
        return np.array([to_numpy(time) for time in times]), np.array(column, float)

    def check(self, streamed: dict[str, Any]) -> None:
        """The forecast is that of a network that read everything from the start."""
        own = self.forecaster
        made = run_one(own.forecast(run_one(own.advance(own.initial_state(), *self.arrays()))))
        assert datetime.fromisoformat(streamed["origin"]) == to_datetime(made.origin)
        assert values(streamed) == pytest.approx(made.values[:, 0].tolist(), abs=TOLERANCE)
        assert made.lower is not None
        lower = [one["lower_80"] for one in streamed["points"]]
        assert lower == pytest.approx(made.lower[3, :, 0].tolist(), abs=TOLERANCE)

    def check_scores(self) -> None:
        """Every point at a complete step has its actual value, and no other point has one."""
        own = self.forecaster
        grid = own.rule.grid(*self.arrays())
        values = dict(zip(map(to_datetime, grid.times), grid.values[:, 0].tolist(), strict=True))
        with self.database.reading() as session:
            for score in session.scalars(sa.select(ForecastScore)):
                actual = values.get(score.time)
                actual = None if actual is None or np.isnan(actual) else actual
                assert score.actual == actual
                assert score.error == (None if actual is None else score.value - actual)

    @property
    def forecaster(self) -> Forecaster:
        with self.database.reading() as session:
            bundle = session.execute(sa.text("SELECT content FROM bundles")).scalar_one()
        return Forecaster.from_bundle(bundle).for_series("weekly")


def begin_again(database: Database) -> None:
    """Take the series back to its first 300 weeks, as if nothing had happened since."""
    moment = int(LAST_WEEK.timestamp()) * 1_000_000
    statements = (
        *(f"DELETE FROM {table}" for table in KEPT),
        "DELETE FROM observations WHERE revision > 1",
        'INSERT INTO observations (series_id, time, revision, "values") '
        "SELECT series_id, time, old_revision, old_values FROM corrections WHERE old_revision = 1",
        "DELETE FROM corrections",
        "DELETE FROM series_revisions WHERE revision > 1",
        f"UPDATE series SET revision = 1, rows = {ROWS}, last_time = {moment}",
    )
    with database.transaction() as session:
        for statement in statements:
            session.execute(sa.text(statement))


@pytest.fixture
def story(
    client: TestClient, database: Database, deployed: str, monkeypatch: pytest.MonkeyPatch
) -> Story:
    """A deployed model whose checkpoints are so close that corrections meet them."""
    monkeypatch.setattr(checkpoints, "CHECKPOINT_ROWS", 8)
    return Story(client, database, deployed)


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(operations, min_size=4, max_size=12))
def test_streamed_forecasts_and_scores_are_those_of_a_replay(
    story: Story, steps: list[tuple[str, Any]]
) -> None:
    begin_again(story.database)
    story.past = []
    story.rows = {START + week * WEEK: weekly_value(week) for week in range(ROWS)}
    story.deploy()
    for name, given_values in steps:
        story.act(name, given_values)
    story.ask()
    story.check_scores()
