"""Reports of the last release: stored with old names, read with those of this one."""

from typing import Any

import pytest
import sqlalchemy as sa

from app.backtests.tables import Backtest
from app.db import Base, Json
from app.registry.tables import AliasChange, ModelVersion, VersionSeries
from app.schedules.tables import ScheduleRun
from app.scores.tables import ClassScore, FoldedScore
from app.stored_reports import ReportJson, with_current_names

OLD_LEAD = {"lead": 1, "log_loss": 0.9, "coin_accuracy": 0.4, "coin_log_loss": 1.1, "skill": 0.18}
NEW_LEAD = {
    "lead": 1,
    "log_loss": 0.9,
    "class_prior_accuracy": 0.4,
    "class_prior_log_loss": 1.1,
    "skill": 0.18,
}
OLD_TEST = {"baseline": "coin", "p_value": 0.01, "sentence": "Better, p = 0.01."}
NEW_TEST = {**OLD_TEST, "baseline": "class_prior"}
OLD_METRICS = {
    "test": {
        "y": {
            "coin_brier": None,
            "leads": [OLD_LEAD],
            "significance": {"coin": OLD_TEST},
        }
    }
}
NEW_METRICS = {
    "test": {
        "y": {
            "class_prior_brier": None,
            "leads": [NEW_LEAD],
            "significance": {"class_prior": NEW_TEST},
        }
    }
}
OLD_SUMS = {"count": 3, "log_loss": 2.7, "coin_accuracy": 1.2, "coin_log_loss": 3.3}
NEW_SUMS = {"count": 3, "log_loss": 2.7, "class_prior_accuracy": 1.2, "class_prior_log_loss": 3.3}
OLD_EVIDENCE = [{"against": "coin", "skill": 0.2, "passed": True}, {"against": "champion"}]
NEW_EVIDENCE = [{"against": "class_prior", "skill": 0.2, "passed": True}, {"against": "champion"}]


@pytest.mark.unit
class TestNames:
    @pytest.mark.parametrize(
        ("stored", "read"),
        [
            (OLD_METRICS, NEW_METRICS),
            (OLD_SUMS, NEW_SUMS),
            (OLD_EVIDENCE, NEW_EVIDENCE),
            (None, None),
        ],
    )
    def test_old_ones_become_those_of_this_release(self, stored: Any, read: Any) -> None:
        assert with_current_names(stored) == read

    def test_new_reports_stay_as_they_are(self) -> None:
        for report in (NEW_METRICS, NEW_SUMS, NEW_EVIDENCE):
            assert with_current_names(report) == report

    def test_targets_may_be_called_like_old_figures(self) -> None:
        report = {"test": {"coin": {"mae": 0.1}, "coin_log_loss": {"mae": 0.2, "leads": []}}}
        assert with_current_names(report) == report


class TestColumns:
    @pytest.mark.parametrize(
        ("table", "column"),
        [
            (ModelVersion, "metrics"),
            (VersionSeries, "metrics"),
            (Backtest, "report"),
            (AliasChange, "evidence"),
            (ScheduleRun, "evidence"),
            (FoldedScore, "sums"),
        ],
    )
    def test_every_column_of_a_report_reads_old_names(self, table: type[Base], column: str) -> None:
        assert isinstance(table.__table__.c[column].type, ReportJson)

    def test_what_the_last_release_stored_is_read_with_new_names(self) -> None:
        stored, read = (
            sa.Table("reports", sa.MetaData(), sa.Column("report", kind))
            for kind in (Json, ReportJson)
        )
        engine = sa.create_engine("sqlite://")
        with engine.begin() as connection:
            stored.create(connection)
            connection.execute(stored.insert().values(report=OLD_METRICS))
            assert connection.scalars(sa.select(read.c.report)).all() == [NEW_METRICS]
        engine.dispose()

    def test_class_scores_keep_the_columns_of_the_last_release(self) -> None:
        columns = set(ClassScore.__table__.c.keys())
        assert {"coin_probability", "coin_log_loss", "coin_brier"} <= columns
