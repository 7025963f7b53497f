"""A ready spec by name."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Preset:
    """A spec to start from.

    Args:
        name: The name that requests use.
        title: A few words.
        description: Its purpose and its source.
        spec: Fields of `models.spec.spec.Spec`; the others take their defaults.
    """

    name: str
    title: str
    description: str
    spec: dict[str, Any]
