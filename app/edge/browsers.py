"""Refuse what a page of another site sends: foreign hosts and foreign origins.

A browser sends a page's requests with the rights of its user: to a service on the user's machine,
and through a proxy that has logged the user in. The name in `Host` stops a foreign name that was
made to lead here (DNS rebinding); `Sec-Fetch-Site` and `Origin` stop forms and scripts of others
(OWASP, Cross-Site Request Forgery Prevention Cheat Sheet: "Fetch Metadata" and "Verifying Origin").
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import CrossSiteRefused, HostRefused, ServiceError
from app.problems import problem_response

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
OWN_SITE = ("same-origin", "none")
HOST = (
    "The service does not answer for the host {host!r}: add it to STATECAST_ALLOWED_HOSTS, or call "
    "the service by a name that is listed there."
)
ORIGIN = (
    "A page of {origin} must not change anything here: add it to STATECAST_CORS_ORIGINS if it may. "
    "Programs send neither `Origin` nor `Sec-Fetch-Site`."
)


class BrowserGuard:
    """Check the host of each request, and the origin of each request that may change something.

    `hosts` may hold names with a leading `*.`; an empty one stands for every host.
    """

    def __init__(self, app: ASGIApp, *, hosts: tuple[str, ...], origins: tuple[str, ...]) -> None:
        self.app = app
        self.hosts = hosts
        self.origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refused(scope) if scope["type"] == "http" else None
        answer = self.app if refused is None else problem_response(refused)
        await answer(scope, receive, send)

    def _refused(self, scope: Scope) -> ServiceError | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self.hosts and not _is_listed(_name(host), self.hosts):
            return HostRefused(HOST.format(host=host[:200]))
        if scope["method"] not in SAFE_METHODS and not self._is_own(headers, host):
            origin = headers.get("origin") or "another site"
            return CrossSiteRefused(ORIGIN.format(origin=origin[:200]))
        return None

    def _is_own(self, headers: Headers, host: str) -> bool:
        origin = headers.get("origin")
        if origin is not None:
            return origin in self.origins or urlsplit(origin).netloc.lower() == host.lower()
        return headers.get("sec-fetch-site", "none") in OWN_SITE


def _name(host: str) -> str:
    """The host without its port; an IPv6 address without its brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


def _is_listed(name: str, hosts: tuple[str, ...]) -> bool:
    return any(name.endswith(each[1:]) if each.startswith("*.") else name == each for each in hosts)
