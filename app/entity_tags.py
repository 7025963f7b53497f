"""Entity tags: clients that have the present content get an answer without a body."""


def cache_headers(key: str) -> dict[str, str]:
    """The headers of an answer that clients poll; its format depends on `Accept`."""
    return {"ETag": f'"{key}"', "Cache-Control": "no-cache", "Vary": "Accept"}


def matches(if_none_match: str | None, key: str) -> bool:
    """Whether a list of entity tags contains this one (RFC 9110, section 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return "*" in tags or f'"{key}"' in tags
