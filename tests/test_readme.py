"""What the pages promise is what the code has."""

import re
from pathlib import Path

import pytest

from app.settings import Settings

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_table_with_its_default(name: str) -> None:
    field = Settings.model_fields[name]
    default = "none" if field.default in (None, ()) else f"`{field.default}`"
    row = f"| `STATECAST_{name.upper()}` | {default} | {field.description} |"
    assert row in README


@pytest.mark.parametrize("target", re.findall(r"`make (\w+)`", README))
def test_every_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "source", re.findall(r"^COPY (\S+) ", (ROOT / "Dockerfile").read_text(), re.M)
)
def test_every_path_of_the_images_exists(source: str) -> None:
    assert (ROOT / source).exists()
