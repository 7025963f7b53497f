"""The door of `/v1`: who sends a request, whether it may do that, and how often."""

from typing import Annotated

from fastapi import Depends, Request

from app.access.acting import act_for
from app.access.audit import REQUEST_ID_LENGTH, USER_LENGTH, Announced, announce
from app.access.scopes import Access, access_of
from app.db import Database
from app.errors import ScopeMissing, Unauthorized
from app.keys.authentication import Authentication
from app.keys.principals import Principal
from app.keys.quotas import Quotas
from app.keys.rates import RequestRates
from app.settings import Settings

SAFE = ("GET", "HEAD")


class Guard:
    """What all requests pass; one instance per web process."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._authentication = Authentication(settings, database)
        self._rates = RequestRates(settings.limit_requests_per_minute)
        self._quotas = Quotas(settings, database)

    async def admit(self, request: Request) -> Principal:
        """The sender of a request, if it may do what it asks for.

        Raises:
            Unauthorized: If it sends no valid key.
            ScopeMissing: If its key does not have the scope of the operation.
            TooManyRequests: If a limit is reached.
        """
        address = "" if request.client is None else request.client.host
        try:
            principal = await self._authentication.identify(request)
        except Unauthorized:
            self._rates.count(f"address {address}")
            raise
        self._rates.count(_counted_as(principal, address))
        # The route of a router that is included knows nothing of the prefix `/v1`.
        access = access_of(request.method, request.scope["route"].path_format)
        _require(principal, access)
        await self._quotas.check(principal.project, access)
        return principal

    def forget(self, key_id: str) -> None:
        """Look at the database when the key is sent again."""
        self._authentication.forget(key_id)

    async def close(self) -> None:
        """Finish what is done in the background."""
        await self._authentication.close()


async def _guard(request: Request) -> Guard:
    guard: Guard = request.app.state.guard
    return guard


GuardDependency = Annotated[Guard, Depends(_guard)]


async def admit(request: Request) -> Principal:
    """Let a request in, and act for its project from here on.

    Coroutines of a request share its context, and so do the threads that it is run in. The guard is
    not a dependency of its own, which would cost as much as all that the guard does.
    """
    guard: Guard = request.app.state.guard
    principal = await guard.admit(request)
    request.state.key_id = principal.key_id
    act_for(principal.project)
    announce(None if request.method in SAFE else _entry(request, principal))
    return principal


PrincipalDependency = Annotated[Principal, Depends(admit)]


def _counted_as(principal: Principal, address: str) -> str:
    if principal.key_id is not None:
        return f"key {principal.key_id}"
    return f"address {address}" if principal.user is None else f"user {principal.user}"


def _require(principal: Principal, access: Access) -> None:
    if principal.may(access.scope):
        return
    held = ", ".join(sorted(principal.scopes)) or "none"
    raise ScopeMissing(
        f"This operation needs the scope `{access.scope}`. The scopes of the request's key are: "
        f"{held}.",
        extensions={"scope": str(access.scope)},
    )


def _entry(request: Request, principal: Principal) -> Announced:
    request_id: str | None = getattr(request.state, "request_id", None)
    return Announced(
        project=principal.project,
        key_id=principal.key_id,
        user=None if principal.user is None else principal.user[:USER_LENGTH],
        action=request.scope["endpoint"].__name__,
        resource=request.scope["path"],
        request_id=None if request_id is None else request_id[:REQUEST_ID_LENGTH],
    )
