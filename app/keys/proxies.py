"""Users whom a trusted proxy has signed in: it names them in a header."""

import ipaddress

from fastapi import Request

from app.access.scopes import Scope
from app.keys.principals import Principal
from app.settings import Settings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ProxiedUsers:
    """Reads the header of trusted proxies; from all other addresses it means nothing."""

    def __init__(self, settings: Settings) -> None:
        self._header = settings.trusted_proxy_header
        self._networks = networks(settings.trusted_proxies)
        self._scopes = frozenset(Scope(each) for each in names(settings.trusted_proxy_scopes))
        self._project = settings.trusted_proxy_project
        self._users = settings.trusted_proxy_users

    @property
    def is_configured(self) -> bool:
        """Whether users come from a proxy: then access without one is not open."""
        return self._header is not None

    def find(self, request: Request) -> Principal | None:
        """The user that a trusted proxy names; None without one."""
        if self._header is None or not self._is_trusted(request):
            return None
        name = request.headers.get(self._header, "").strip()
        if not name:
            return None
        own = self._users.get(name)
        if own is None:
            return Principal(self._project, self._scopes, user=name)
        scopes = frozenset(Scope(each) for each in own.scopes)
        return Principal(own.project, scopes, user=name)

    def _is_trusted(self, request: Request) -> bool:
        if request.client is None:
            return False
        try:
            address = ipaddress.ip_address(request.client.host)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._networks)


def names(text: str) -> list[str]:
    """The words of a comma list."""
    return [word.strip() for word in text.split(",") if word.strip()]


def networks(text: str) -> list[Network]:
    """The addresses and networks of a comma list."""
    return [ipaddress.ip_network(word) for word in names(text)]
