"""Access control: one API key for all of `/v1`, compared in constant time."""

import hmac

from fastapi import Request
from pydantic import SecretStr

from app.errors import Unauthorized


async def require_api_key(request: Request) -> None:
    """Refuse a request without the configured key.

    Raises:
        Unauthorized: If a key is configured, and the request's key is missing or different.
    """
    expected: SecretStr | None = request.app.state.settings.api_key
    if expected is None:
        return
    scheme, _, received = request.headers.get("Authorization", "").partition(" ")
    # Headers arrive as bytes, and Starlette decodes them as Latin-1.
    key = received.strip().encode("latin-1")
    matches = hmac.compare_digest(key, expected.get_secret_value().encode())
    if scheme.lower() != "bearer" or not matches:
        raise Unauthorized(
            "This service needs the header `Authorization: Bearer <API key>` with its key.",
            headers={"WWW-Authenticate": "Bearer"},
        )
