"""Who acts: the project that limits what a session reads, and owns what it stores.

A request, a job or a hook acts for one project. All statements that the ORM runs meanwhile see rows
of this project only, without a word in the statement itself. Outside of them, as in the periodic
tasks of a worker, all projects are visible, and a row that belongs to a project cannot be added.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import (
    LoaderCriteriaOption,
    Mapped,
    ORMExecuteState,
    Session,
    mapped_column,
    with_loader_criteria,
)

DEFAULT_PROJECT = "default"
PROJECT_LENGTH = 63

# Execution options of a statement that names the project itself: the hook costs 0.1 ms.
PROJECT_IS_NAMED = {"project_is_named": True}

_project: ContextVar[str | None] = ContextVar("project", default=None)


def acting_project() -> str:
    """The project that this code acts for.

    Raises:
        LookupError: If it acts for none: then it must say for which, with `acting_for`.
    """
    project = _project.get()
    if project is None:
        raise LookupError("This code acts for no project: use `acting_for`.")
    return project


def act_for(project: str) -> None:
    """Act for a project until the request's task ends."""
    _project.set(project)


@contextmanager
def acting_for(project: str) -> Iterator[None]:
    """Act for a project inside of the block."""
    token = _project.set(project)
    try:
        yield
    finally:
        _project.reset(token)


class OfProject:
    """A table whose rows belong to a project; rows of other projects are not seen."""

    project: Mapped[str] = mapped_column(
        sa.String(PROJECT_LENGTH), default=acting_project, server_default=DEFAULT_PROJECT
    )


@lru_cache(maxsize=256)
def _rows_of(project: str) -> LoaderCriteriaOption:
    return with_loader_criteria(
        OfProject, lambda table: table.project == project, include_aliases=True
    )


@event.listens_for(Session, "do_orm_execute")
def _see_one_project(state: ORMExecuteState) -> None:
    project = _project.get()
    if project is None or state.is_insert or not state.is_orm_statement:
        return
    if "project_is_named" not in state.execution_options:
        state.statement = state.statement.options(_rows_of(project))
