"""Point aliases at versions, roll them back and delete them; record each change in the history."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.aliases import gate
from app.aliases.gate import Verdict
from app.aliases.schemas import AliasRead, AliasSet
from app.aliases.views import read_alias
from app.db import Database, utc_now
from app.errors import (
    AliasNotFound,
    ChampionChangedMeanwhile,
    Invalid,
    NothingToRollBack,
    VersionNotTrained,
)
from app.jobs.tables import JobState
from app.live.warming import make_ready
from app.registry.queries import CHAMPION, WITH_PANEL, VersionRow, get_model, get_version
from app.registry.tables import Alias, AliasAction, AliasChange, Model, ModelVersion
from app.webhooks import service as webhooks
from app.webhooks.service import WebhookEvent
from models.errors import Problem

# The gate compares with the present champion; if the champion changes meanwhile, it compares again.
MOST_COMPARISONS = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trained version that an alias shall point to, with the gate's verdict if it is needed."""

    version_id: int
    verdict: Verdict | None


def point(database: Database, name: str, alias: str, request: AliasSet, margin: float) -> AliasRead:
    """Point an alias at a version; `champion` has to pass the gate.

    The gate compares in a separate reading transaction, which does not block writers. The alias is
    changed only if the champion is still the one that the version was compared with.

    Raises:
        ModelNotFound, VersionNotFound: If the model or the version does not exist.
        NoTrainedVersion, VersionNotTrained: If the version is not trained.
        ChampionChangedMeanwhile: If the champion changed during each of `MOST_COMPARISONS`
            comparisons.
        PromotionRefused: If the version does not pass the gate.
        Invalid: If `force` is given without a `reason`.
    """
    if request.force and request.reason is None:
        message = "`reason` must be given with `force: true`. Received: null"
        raise Invalid(message, errors=[Problem("/reason", message)])
    for _ in range(MOST_COMPARISONS):
        with database.reading() as session:
            candidate = examine(session, name, alias, request, margin)
        if candidate.verdict is not None:
            candidate.verdict.check()
        # Otherwise the next append would read the whole series while it holds the series' lock.
        make_ready(database, candidate.version_id)
        with database.transaction() as session:
            model = settle(session, name, alias, request, candidate)
            if model is not None:
                return read_alias(session, model.id, alias)
    raise changed_all_the_time(name)


def examine(session: Session, name: str, alias: str, request: AliasSet, margin: float) -> Candidate:
    """Find the version, and run the gate if the alias is `champion`; errors as in `point`."""
    version = _trained(session, name, str(request.version))
    verdict = None
    if alias == CHAMPION and not request.force:
        verdict = gate.examine(session, version, margin)
    return Candidate(version[0].id, verdict)


def settle(
    session: Session,
    name: str,
    alias: str,
    request: AliasSet,
    candidate: Candidate,
    *,
    schedule: int | None = None,
) -> Model | None:
    """Point an alias at a candidate that has passed, in the caller's transaction.

    Returns:
        The model; None if the verdict is out of date, and the candidate has to be examined again.
    """
    model = _lock_model(session, name)
    settled = _point(session, model, alias, request, candidate.verdict, schedule=schedule)
    return model if settled else None


def changed_all_the_time(name: str) -> ChampionChangedMeanwhile:
    """The error if the champion changed during every comparison."""
    return ChampionChangedMeanwhile(
        f"The champion of {name!r} was changed by others while this version was compared with it."
    )


def roll_back(session: Session, name: str, alias: str) -> Model:
    """Point an alias at its previous version; repeated calls go back further.

    Raises:
        ModelNotFound, AliasNotFound: If the model or the alias does not exist.
        NothingToRollBack: If the alias never pointed to another version that still exists.
    """
    model = _lock_model(session, name)
    present = _get_alias(session, model, alias)
    last = _last_change(session, model, alias)
    earlier = None if last is None else _earlier(session, last)
    if earlier is None:
        raise NothingToRollBack(
            f"The alias {alias!r} of {name!r} never pointed to another version."
        )
    change, version_id = earlier
    present.version_id = version_id
    present.changed_at = utc_now()
    _record(session, model, present, AliasAction.ROLLED_BACK, change.version, before=change.before)
    session.flush()
    return model


def delete_alias(session: Session, name: str, alias: str) -> None:
    """Delete an alias; its history stays.

    Raises:
        ModelNotFound, AliasNotFound: If the model or the alias does not exist.
    """
    model = _lock_model(session, name)
    present = _get_alias(session, model, alias)
    present.changed_at = utc_now()
    _record(session, model, present, AliasAction.DELETED, None, before=None)
    session.delete(present)
    session.flush()


def _point(
    session: Session,
    model: Model,
    alias: str,
    request: AliasSet,
    verdict: Verdict | None,
    *,
    schedule: int | None,
) -> bool:
    """Change the alias and return True; return False if the verdict is out of date."""
    version, _, _, _ = _trained(session, model.name, str(request.version))
    present = session.get(Alias, (model.id, alias))
    if verdict is not None and not verdict.is_about(version, present):
        return False
    if present is not None and present.version_id == version.id:
        return True
    last = _last_change(session, model, alias)
    moved = Alias(model_id=model.id, name=alias, version_id=version.id, changed_at=utc_now())
    present = session.merge(moved)
    before = None if last is None or last.version is None else last.number
    change = _record(session, model, present, AliasAction.SET, version.number, before=before)
    change.forced = request.force and alias == CHAMPION
    change.reason = request.reason
    change.schedule = schedule
    change.evidence = None if verdict is None else verdict.to_json()
    return True


def _trained(session: Session, name: str, version: str) -> VersionRow:
    row = get_version(session, name, version, WITH_PANEL)
    number, job = row[0].number, row[3]
    if job.state is not JobState.SUCCEEDED:
        raise VersionNotTrained(
            f"An alias must point to a trained version: the training job {job.id} of version "
            f"{number} is {job.state}."
        )
    return row


def _lock_model(session: Session, name: str) -> Model:
    """The model, locked against other changes of its aliases until the transaction ends."""
    model = session.scalar(sa.select(Model).where(Model.name == name).with_for_update())
    return get_model(session, name) if model is None else model


def _get_alias(session: Session, model: Model, alias: str) -> Alias:
    present = session.get(Alias, (model.id, alias))
    if present is None:
        raise AliasNotFound(f"The model {model.name!r} has no alias {alias!r}.")
    return present


def _last_change(session: Session, model: Model, alias: str) -> AliasChange | None:
    changes = sa.select(AliasChange).filter_by(model_id=model.id, name=alias)
    return session.scalar(changes.order_by(AliasChange.number.desc()).limit(1))


def _earlier(session: Session, change: AliasChange) -> tuple[AliasChange, int] | None:
    """The latest earlier change whose version still exists, and the version's id."""
    while change.before is not None:
        change = session.get_one(AliasChange, (change.model_id, change.name, change.before))
        version_id = session.scalar(
            sa.select(ModelVersion.id).filter_by(model_id=change.model_id, number=change.version)
        )
        if version_id is not None:
            return change, version_id
    return None


def _record(
    session: Session,
    model: Model,
    alias: Alias,
    action: AliasAction,
    version: int | None,
    *,
    before: int | None,
) -> AliasChange:
    """Add a change to the history and store a webhook event.

    The next number is free because the model is locked.
    """
    of_alias = sa.and_(AliasChange.model_id == model.id, AliasChange.name == alias.name)
    highest = session.scalar(sa.select(sa.func.max(AliasChange.number)).where(of_alias))
    change = AliasChange(
        model_id=model.id,
        name=alias.name,
        number=(highest or 0) + 1,
        action=action,
        version=version,
        before=before,
        changed_at=alias.changed_at,
    )
    session.add(change)
    data = {"alias": alias.name, "version": version, "action": str(action)}
    webhooks.emit(session, WebhookEvent("alias.changed", model.name, data))
    return change
