"""Migrations that carry rows over, not only tables."""

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from fastapi.testclient import TestClient

from app.db import Database
from app.migrate import VERSIONS, migrate


class TestPanels:
    def test_a_version_of_one_series_becomes_a_panel_of_one(
        self, client: TestClient, database: Database, weekly: str
    ) -> None:
        client.post("/v1/models", json={"name": "m", "series": weekly})
        before = client.get("/v1/models/m/versions/1").json()
        with database.engine.connect() as connection, connection.begin():
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", str(VERSIONS.parent))
            command.downgrade(config, "0011_panels-1")
            assert not sa.inspect(connection).has_table("version_series")
        migrate(database)
        assert client.get("/v1/models/m/versions/1").json() == before
        assert before["series"] == ["weekly"]
        assert client.delete("/v1/series/weekly").status_code == 409
