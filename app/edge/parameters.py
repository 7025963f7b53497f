"""Refuse query parameters that a route does not know, and characters that no name has."""

from fastapi import Request

from app.edge.routing import ServiceRoute
from app.errors import Invalid
from models.errors import Problem

UNKNOWN = "`{name}` is not a parameter of this route. It knows {known}."
NUL = "The address must not hold the character U+0000."


async def require_known_parameters(request: Request) -> None:
    """Check the names of the query parameters.

    Raises:
        Invalid: If one is unknown, or the address holds a NUL.
    """
    if "\0" in request.scope["path"]:
        raise Invalid(NUL, errors=[Problem("", NUL)])
    if not request.scope["query_string"]:
        return
    for name, value in request.query_params.multi_items():
        if "\0" in value:
            raise Invalid(NUL, errors=[Problem(f"/query/{name}", NUL)])
    route: ServiceRoute = request.scope["route"]
    known = route.known_parameters
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        problems = [_unknown(name, known) for name in unknown]
        raise Invalid(problems[0].message, errors=problems)


def _unknown(name: str, known: tuple[str, ...]) -> Problem:
    listed = ", ".join(f"`{each}`" for each in known) or "none"
    return Problem(f"/query/{name}", UNKNOWN.format(name=name[:80], known=listed))
