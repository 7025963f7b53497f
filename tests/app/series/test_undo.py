"""Deleting ranges, restoring revisions, and the list of what was corrected."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.app.ingest.test_observations import hours, put, read
from tests.app.ingest.test_series import create
from tests.app.test_problems import check_problem

CLOCK = hours(12)
PATH = "/v1/series/s/observations"

State = dict[int, tuple[float | None, float | None]]
places = st.integers(0, len(CLOCK) - 1)
values = st.sampled_from([None, 0.0, 1.5, -2.0])
operations = st.one_of(
    st.tuples(
        st.just("write"), st.dictionaries(places, st.tuples(values, values), min_size=1, max_size=5)
    ),
    st.tuples(st.just("delete"), st.tuples(places, places).map(sorted)),
    st.tuples(st.just("restore"), st.integers(0, 6)),
)


def delete(client: TestClient, start: int, end: int) -> dict[str, Any]:
    """Delete the hours from one to another."""
    answer = client.delete(PATH, params={"start": CLOCK[start], "end": CLOCK[end]})
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def restore(client: TestClient, revision: int | None = None) -> dict[str, Any]:
    """Bring a revision back."""
    answer = client.post("/v1/series/s/restore", json={"revision": revision})
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def corrections(client: TestClient, **query: Any) -> list[dict[str, Any]]:
    """All corrections, page by page."""
    items: list[dict[str, Any]] = []
    while True:
        answer = client.get("/v1/series/s/corrections", params=query)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        query["cursor"] = answer.json()["next"]
        if query["cursor"] is None:
            return items


def state_at(client: TestClient, revision: int) -> State:
    """The series as it was at a revision, read in pages of three rows."""
    rows, query = [], {"as_of_revision": revision, "limit": 3}
    while True:
        page = read(client, **query)
        rows += page["rows"]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    shown = {CLOCK[n].replace("+00:00", "Z"): n for n in range(len(CLOCK))}
    return {shown[time]: (one, other) for time, one, other in rows}


class Story:
    """Every state that the series had, beside the service."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        client.delete("/v1/series/s")
        create(client, "s", channels=[{"name": "a"}, {"name": "b"}])
        self.states: list[State] = [{}]
        self.replaced: list[tuple[int, int, str, float | None, float | None, bool]] = []

    def act(self, name: str, given_values: Any) -> None:
        """Write, delete or restore; the result is compared with the expected one."""
        before = self.states[-1]
        after, report = getattr(self, name)(given_values)
        if after != before:
            self._note(before, after)
            self.states.append(after)
        assert report["revision"] == len(self.states) - 1
        charted = read(self.client, max_points=100)["rows"]
        assert [tuple(row[1:]) for row in charted] == [after[n] for n in sorted(after)]
        counts = {
            "rows_stored": len(after.keys() - before.keys()),
            "rows_updated": sum(after[n] != before[n] for n in after.keys() & before.keys()),
            "rows_deleted": len(before.keys() - after.keys()),
        }
        assert {key: report[key] for key in counts if key in report} == {
            key: counts[key] for key in counts if key in report
        }

    def write(self, rows: State) -> tuple[State, dict[str, Any]]:
        answer = put(self.client, ["time", "a", "b"], [[CLOCK[n], *rows[n]] for n in rows])
        return {**self.states[-1], **rows}, answer.json()

    def delete(self, bounds: list[int]) -> tuple[State, dict[str, Any]]:
        start, end = bounds
        kept = {n: row for n, row in self.states[-1].items() if not start <= n <= end}
        return kept, delete(self.client, start, end)

    def restore(self, back: int) -> tuple[State, dict[str, Any]]:
        revision = max(len(self.states) - 1 - back, 0)
        return self.states[revision], restore(self.client, revision)

    def _note(self, before: State, after: State) -> None:
        revision = len(self.states)
        for n, old in before.items():
            new = after.get(n, (None, None))
            for channel, one, other in zip("ab", old, new, strict=True):
                if n not in after or one != other:
                    self.replaced.append((n, revision, channel, one, other, n not in after))

    def check(self) -> None:
        """Each revision reads back as it was, and the list tells what was replaced."""
        for revision, state in enumerate(self.states):
            assert state_at(self.client, revision) == state
        shown = self.client.get("/v1/series/s").json()
        assert shown["rows"] == len(self.states[-1])
        times = [time.replace("+00:00", "Z") for time in CLOCK]
        here = sorted(self.states[-1])
        ends = [times[here[0]], times[here[-1]]] if here else [None, None]
        assert [shown["first"], shown["last"]] == ends
        keys = ("revision", "channel", "old", "new", "deleted")
        reported = [
            (times.index(item["time"]), *(item[key] for key in keys))
            for item in corrections(self.client, limit=2)
        ]
        assert reported == sorted(self.replaced, key=lambda item: item[:3])


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(operations, min_size=3, max_size=9))
def test_any_past_reads_back_after_writes_deletions_and_restores(
    client: TestClient, steps: list[tuple[str, Any]]
) -> None:
    story = Story(client)
    for name, given_values in steps:
        if name != "restore" or len(story.states) > 1:
            story.act(name, given_values)
    story.check()


class TestDelete:
    def test_both_ends_are_included_and_a_repetition_changes_nothing(
        self, client: TestClient
    ) -> None:
        create(client, "s")
        put(client, ["time", "a"], [[hour, n] for n, hour in enumerate(CLOCK)])
        assert delete(client, 2, 4) == {"rows_deleted": 3, "revision": 2, "forecasts": []}
        assert delete(client, 2, 4) == {"rows_deleted": 0, "revision": 2, "forecasts": []}
        assert [row[1] for row in read(client)["rows"]] == [0, 1, *range(5, 12)]

    def test_both_ends_must_be_given_in_order(self, client: TestClient) -> None:
        create(client, "s")
        for query in ("", "?start=2024-01-01", "?end=2024-01-01"):
            check_problem(client.delete(f"{PATH}{query}"), 422)
        problem = check_problem(client.delete(f"{PATH}?start=2024-01-02&end=2024-01-01"), 422)
        assert problem["errors"][0]["pointer"] == "/query/end"
        answer = client.delete("/v1/series/no/observations?start=2024-01-01&end=2024-01-02")
        check_problem(answer, 404)

    def test_a_series_without_rows_keeps_its_channels(self, client: TestClient) -> None:
        create(client, "s")
        put(client, ["time", "a"], [[hour, 1] for hour in CLOCK])
        delete(client, 0, 11)
        shown = client.get("/v1/series/s").json()
        assert (shown["rows"], shown["first"], shown["cadence"]) == (0, None, None)
        check_problem(put(client, ["time", "z"], [[CLOCK[0], 1]]), 409)
        assert len(read(client, as_of_revision=1)["rows"]) == 12

    def test_the_same_file_can_bring_back_what_was_deleted(self, client: TestClient) -> None:
        content = "time,a\n" + "".join(f"{hour},{n}\n" for n, hour in enumerate(CLOCK))
        sent = [client.post("/v1/series/s/uploads?create=true", content=content)]
        delete(client, 3, 5)
        sent += [client.post("/v1/series/s/uploads", content=content) for _ in range(2)]
        assert [answer.status_code for answer in sent] == [201, 201, 200]
        assert sent[1].json() == sent[2].json()
        assert (sent[1].json()["rows_stored"], sent[1].json()["revision"]) == (3, 3)
        assert len(read(client)["rows"]) == 12


class TestRestore:
    def test_the_last_write_is_undone_by_default(self, client: TestClient) -> None:
        create(client, "s")
        put(client, ["time", "a"], [[CLOCK[0], 1], [CLOCK[1], 2]])
        put(client, ["time", "a"], [[CLOCK[1], 9], [CLOCK[2], 9]])
        answer = client.post("/v1/series/s/restore")
        counts = {"rows_stored": 0, "rows_updated": 1, "rows_deleted": 1}
        assert answer.json() == {**counts, "revision": 3, "forecasts": []}
        assert [row[1] for row in read(client)["rows"]] == [1, 2]
        listed = client.get("/v1/series/s/revisions?limit=2").json()
        assert [item["source"] for item in listed["items"]] == ["restore", "put"]
        assert listed["items"][0]["first_changed"] == "2024-01-01T01:00:00Z"
        rest = client.get("/v1/series/s/revisions", params={"cursor": listed["next"]}).json()
        assert [item["revision"] for item in rest["items"]] == [1]

    def test_a_key_restores_once(self, client: TestClient) -> None:
        create(client, "s")
        for value in (1, 2, 3):
            put(client, ["time", "a"], [[CLOCK[0], value]])
        headers = {"Idempotency-Key": "k"}
        answers = [client.post("/v1/series/s/restore", headers=headers) for _ in range(2)]
        assert answers[0].json() == answers[1].json()
        assert read(client)["rows"] == [["2024-01-01T00:00:00Z", 2.0]]

    @pytest.mark.parametrize(("revision", "status"), [(2, 409), (-1, 422), (10**12, 422)])
    def test_a_revision_that_never_was_is_refused(
        self, client: TestClient, revision: int, status: int
    ) -> None:
        create(client, "s")
        check_problem(client.post("/v1/series/s/restore"), 409)
        put(client, ["time", "a"], [[CLOCK[0], 1]])
        answer = client.post("/v1/series/s/restore", json={"revision": revision})
        problem = check_problem(answer, status)
        assert problem["errors"][0]["pointer"] == "/revision"


class TestCorrections:
    def test_an_upload_is_named_and_ranges_and_channels_narrow_the_list(
        self, client: TestClient
    ) -> None:
        create(client, "s")
        put(client, ["time", "a", "b"], [[hour, 1, 1] for hour in CLOCK])
        content = f"time,a\n{CLOCK[2]},5\n{CLOCK[3]},6\n"
        upload = client.post("/v1/series/s/uploads", content=content).json()
        delete(client, 3, 3)
        items = corrections(client, channels="a", start=CLOCK[2], end=CLOCK[2])
        at = items[0].pop("corrected_at")
        assert at.endswith("Z")
        assert items == [
            {
                "time": "2024-01-01T02:00:00Z",
                "channel": "a",
                "old": 1.0,
                "new": 5.0,
                "deleted": False,
                "revision": 2,
                "source": "upload",
                "upload": upload["id"],
            }
        ]
        reported = [
            (item["channel"], item["revision"], item["new"]) for item in corrections(client)
        ]
        assert reported == [("a", 2, 5.0), ("a", 2, 6.0), ("a", 3, None), ("b", 3, None)]

    def test_a_wrong_cursor_or_channel_is_refused(self, client: TestClient) -> None:
        create(client, "s")
        put(client, ["time", "a"], [[CLOCK[0], 1]])
        for query in ("cursor=x", "cursor=InllcyI", "channels=z"):
            check_problem(client.get(f"/v1/series/s/corrections?{query}"), 422)
