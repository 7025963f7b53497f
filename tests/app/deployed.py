"""Point an alias at a version, and read what is forecast with it."""

from typing import Any

import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db import Database
from app.registry.tables import Alias, Model, ModelVersion


def point(database: Database, model: str, alias: str, version: int) -> None:
    """Let an alias point to a version, without the gate that promotion passes."""
    with database.transaction() as session:
        statement = sa.select(ModelVersion).join(Model, Model.id == ModelVersion.model_id)
        row = session.scalars(
            statement.where(Model.name == model, ModelVersion.number == version)
        ).one()
        session.merge(Alias(model_id=row.model_id, name=alias, version_id=row.id))


def read_forecast(client: TestClient, key: str) -> dict[str, Any]:
    answer = client.get(f"/v1/forecasts/{key}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def values(body: dict[str, Any]) -> list[float]:
    return [point["value"] for point in body["points"]]
