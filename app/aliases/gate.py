"""The promotion gate: a new champion has to beat the baselines and the present champion."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

import app.series.service as series_service
from app.errors import PromotionRefused, VersionNotComparable
from app.registry.forecaster_cache import forecasters
from app.registry.queries import CHAMPION, VersionRow, find_version
from app.registry.tables import Alias, ModelVersion, VersionSeries
from models.backtesting.held_out_losses import Excerpt
from models.backtesting.promotion import TITLES, Evidence, compare_with_rivals
from models.errors import DataError

# Observations that a web process reads for one comparison: the total of a panel, and the minimum
# for each of its series. Of longer series only the end is read. This limits memory to tens of
# megabytes and time to a few seconds.
MOST_ROWS = 50_000
LEAST_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a comparison.

    Args:
        version: The version that shall be champion.
        champion_id: The champion it was compared with; None if the model had none.
        evidence: One line for each rival; empty if the version is the champion already.
    """

    version: ModelVersion
    champion_id: int | None
    evidence: list[Evidence]

    def is_about(self, version: ModelVersion, champion: Alias | None) -> bool:
        """Whether this version was compared with this champion."""
        present = None if champion is None else champion.version_id
        return (version.id, present) == (self.version.id, self.champion_id)

    @property
    def unbeaten(self) -> str:
        """The rivals that the version does not beat, in words; empty if it passes."""
        return " and ".join(TITLES[each.against] for each in self.evidence if not each.passed)

    def check(self) -> None:
        """Refuse a version that did not beat all rivals.

        Raises:
            PromotionRefused: With the table of evidence.
        """
        if self.unbeaten:
            raise PromotionRefused(
                f"Version {self.version.number} does not beat {self.unbeaten}: see "
                "`evidence`. `force: true` with a `reason` makes it champion without the gate.",
                extensions={"evidence": self.to_json()},
            )

    def to_json(self) -> list[dict[str, Any]]:
        """The table of evidence as plain values."""
        return [each.to_json() for each in self.evidence]


def examine(session: Session, row: VersionRow, margin: float) -> Verdict:
    """Compare a trained version, whose panel is loaded, with its rivals.

    Raises:
        VersionNotComparable: If a series cannot be forecast.
    """
    version, model, _, _ = row
    champion = find_version(session, model.name, CHAMPION)
    if champion is None:
        return Verdict(version, None, _compare(session, row, None, margin))
    if champion[0].id == version.id:
        return Verdict(version, version.id, [])
    return Verdict(version, champion[0].id, _compare(session, row, champion, margin))


def _compare(
    session: Session, row: VersionRow, champion: VersionRow | None, margin: float
) -> list[Evidence]:
    version, _, _, job = row
    rival = None if champion is None else forecasters.get(session, champion[0], champion[3])
    try:
        return compare_with_rivals(
            forecasters.get(session, version, job),
            rival,
            _excerpts(session, version.panel),
            margin=margin,
            name=f"version {version.number}",
        )
    except DataError as error:
        raise VersionNotComparable(
            f"Version {version.number} cannot be compared: {error}"
        ) from error


def _excerpts(session: Session, panel: list[VersionSeries]) -> Iterator[Excerpt]:
    """The present series, one in memory at a time; of long series only the end."""
    most = max(LEAST_ROWS, MOST_ROWS // len(panel))
    for each in panel:
        data = series_service.load_series(session, each.series_id, last=most)
        yield Excerpt(data, whole=each.series.rows <= most)
