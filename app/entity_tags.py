"""Entity tags: what was read before and has not changed is answered without a body."""


def cache_headers(key: str) -> dict[str, str]:
    """What goes with an answer that may be polled; its form follows from `Accept`."""
    return {"ETag": f'"{key}"', "Cache-Control": "no-cache", "Vary": "Accept"}


def matches(if_none_match: str | None, key: str) -> bool:
    """Whether a list of entity tags names this one (RFC 9110, section 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return "*" in tags or f'"{key}"' in tags
