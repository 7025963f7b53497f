"""Who sends a request: a key, a user behind a trusted proxy, or anyone while access is open."""

from dataclasses import dataclass

from app.access.acting import DEFAULT_PROJECT
from app.access.scopes import Scope

BOOTSTRAP = "bootstrap"


@dataclass(frozen=True, slots=True)
class Principal:
    """A sender, and what it may do.

    Args:
        project: The project whose resources it sees.
        scopes: What it may do there.
        key_id: Its key; `bootstrap` for that of the settings; None without a key.
        user: The name that a trusted proxy has sent.
        rules_all: Whether it may make, see and revoke the keys of all projects.
    """

    project: str
    scopes: frozenset[Scope]
    key_id: str | None = None
    user: str | None = None
    rules_all: bool = False

    def may(self, scope: Scope) -> bool:
        """Whether it may do what needs a scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


ANYONE = Principal(DEFAULT_PROJECT, frozenset({Scope.ADMIN}), rules_all=True)
OPERATOR = Principal(DEFAULT_PROJECT, frozenset({Scope.ADMIN}), BOOTSTRAP, rules_all=True)
