"""Names of the series that a file is split into."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from app.parsing.keys.label_columns import invalid
from app.parsing.split.part_facts import as_number
from app.parsing.split.parts import SeriesPart
from app.series.tables import NAME_LENGTH, Series

NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
HASH_LENGTH = 8
LEAST_ROOM = HASH_LENGTH + 4


def named_parts(
    name: str, parts: Iterable[SeriesPart], existing: Mapping[str, Series]
) -> dict[str, SeriesPart]:
    """The parts by the names of their series.

    A name is `{name}-{values}`, with `-` for characters that names do not have. A part gets a name
    that ends in a hash of its values if that one is too long, has nothing readable, or belongs to
    other values, in this file or by the attributes of an existing series.

    Raises:
        OptionInvalid: If `name` leaves no room for the values.
    """
    if len(name) + 1 + LEAST_ROOM > NAME_LENGTH:
        raise invalid(
            "split",
            f"needs a series' name of at most {NAME_LENGTH - 1 - LEAST_ROOM} characters in the "
            f"address: values follow it. Received: {name!r}",
        )
    parts = list(parts)
    plain = [_plain(name, part) for part in parts]
    uses = Counter(plain)
    return {
        _name(name, part, short, existing, is_shared=uses[short] > 1): part
        for part, short in zip(parts, plain, strict=True)
    }


def attribute_values(part: SeriesPart) -> dict[str, str | int | float]:
    """The values of the split columns as attributes of the part's series."""
    return {column: as_number(value) for column, value in part.values.items()}


def _name(
    name: str, part: SeriesPart, plain: str, existing: Mapping[str, Series], *, is_shared: bool
) -> str:
    hashed = _hashed(name, part)
    found = existing.get(plain)
    is_other = found is not None and any(
        found.attributes.get(column, value) != value
        for column, value in attribute_values(part).items()
    )
    needs_hash = is_shared or is_other or len(plain) > NAME_LENGTH or plain == f"{name}-"
    return hashed if needs_hash or hashed in existing else plain


def _plain(name: str, part: SeriesPart) -> str:
    return f"{name}-{_ending(part)}"


def _ending(part: SeriesPart) -> str:
    """The values in letters, digits, `.`, `_` and `-`; accents are taken off."""
    texts = (unicodedata.normalize("NFKD", value) for value in part.values.values())
    plain = ("".join(c for c in text if not unicodedata.combining(c)) for text in texts)
    return "-".join(filter(None, (NOT_IN_NAMES.sub("-", text).strip("-") for text in plain)))


def _hashed(name: str, part: SeriesPart) -> str:
    whole = "\0".join(part.values.values())
    digest = hashlib.sha256(whole.encode()).hexdigest()[:HASH_LENGTH]
    room = NAME_LENGTH - len(name) - HASH_LENGTH - 2
    return "-".join(filter(None, (name, _ending(part)[:room].strip("-."), digest)))
