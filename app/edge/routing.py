"""Routes of the service: names for programs, and what holds for all of them."""

from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import Route
from starlette.types import Scope

from app.edge.json_bodies import read_json_body

VERSION_ONE = "/v1"


class ServiceRoute(APIRoute):
    """A route that knows its query parameters, and whose JSON body `read_json_body` reads."""

    @cached_property
    def known_parameters(self) -> tuple[str, ...]:
        """The names of its query parameters."""
        return tuple(dict.fromkeys(_query_names(self.dependant)))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def read_and_handle(request: Request) -> Response:
            await read_json_body(request)
            return await handle(request)

        return read_and_handle


def _query_names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        annotation = field.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            for name, each in annotation.model_fields.items():
                yield each.alias or name
        else:
            yield field.alias
    for dependency in dependant.dependencies:
        yield from _query_names(dependency)


class ServiceRouter(APIRouter):
    """A router whose operations are named by their functions, such as `list_series`."""

    def __init__(self, *, tags: Sequence[str] = (), prefix: str = "", **given: Any) -> None:
        super().__init__(
            tags=list(tags),
            prefix=prefix,
            route_class=ServiceRoute,
            generate_unique_id_function=lambda route: route.name,
            **given,
        )


def route_template(scope: Scope) -> str | None:
    """The path with the names of its parameters, such as `/v1/series/{name}`; None if unknown."""
    route = scope.get("route")
    if route is None:
        return None
    in_version_one = scope["path"].startswith(f"{VERSION_ONE}/")
    path: str = route.path
    return f"{VERSION_ONE}{path}" if in_version_one and not path.startswith(VERSION_ONE) else path


def allowed_methods(routers: Iterable[APIRouter], path: str) -> list[str]:
    """The methods of a path, of which each router knows its own only."""
    routes = [route for router in routers for route in router.routes]
    relative = path.removeprefix(VERSION_ONE)
    found: set[str] = set()
    for route in routes:
        if isinstance(route, Route) and route.path_regex.match(relative):
            found |= set(route.methods or ())
    return sorted(found | ({"HEAD"} if "GET" in found else set()))
