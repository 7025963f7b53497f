"""Some files of the list of dialects, sent to the real endpoint and read back.

All of them are read in `tests/app/parsing/test_senders.py`.
"""

from datetime import datetime

import pytest
from fastapi.testclient import TestClient

from tests.app.ingest.test_uploads import send, series_names
from tests.app.parsing.dialects.cases import CASES
from tests.app.parsing.dialects.refused import REFUSED
from tests.app.parsing.dialects.writers import Case, Refused
from tests.app.test_problems import check_problem

# What is read from a file does not depend on the database, nor on how the file came.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class TestDialects:
    @pytest.mark.parametrize("case", CASES[::12], ids=lambda case: case.name)
    def test_what_is_stored_is_what_the_generator_wrote(
        self, client: TestClient, case: Case
    ) -> None:
        answer = send(client, case.content, **case.query)
        assert answer.status_code == 201, answer.json()["detail"]
        stored = client.get("/v1/series/days/observations").json()
        assert stored["columns"] == ["time", *case.values]
        assert [datetime.fromisoformat(row[0]) for row in stored["rows"]] == case.times
        for place, expected in enumerate(case.values.values(), start=1):
            assert [row[place] for row in stored["rows"]] == expected

    @pytest.mark.parametrize("case", REFUSED[::6], ids=lambda case: case.name)
    def test_what_has_no_proof_is_refused_with_the_parameter(
        self, client: TestClient, case: Refused
    ) -> None:
        problem = check_problem(send(client, case.content, **case.query), 422)
        assert case.sentence in problem["detail"]
        assert series_names(client) == []
