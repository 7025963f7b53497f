"""The images and `compose.yaml`: what runs has no more rights than it needs."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(SERVICES.keys() - {"postgres"})
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_a_root_that_it_cannot_write_and_no_capability_to_gain(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_capability_and_a_user_of_their_own(name: str) -> None:
    assert "cap_add" not in SERVICES[name]
    target = SERVICES[name]["build"]["target"]
    stage = DOCKERFILE.split(f"AS {target}\n")[1].split("\nFROM ")[0]
    assert "USER statecast\n" in stage


@pytest.mark.parametrize("name", OURS)
def test_every_setting_but_the_database_comes_from_the_file_of_settings(name: str) -> None:
    assert SERVICES[name]["env_file"] == [{"path": ".env", "required": False}]
    assert set(SERVICES[name]["environment"]) == {"STATECAST_DATABASE_URL", "PGPASSWORD"}


@pytest.mark.parametrize("name", OURS)
def test_a_password_of_any_characters_reaches_the_database(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert environment["PGPASSWORD"] == SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"]
    assert "PASSWORD" not in environment["STATECAST_DATABASE_URL"]


def test_the_web_process_is_published_on_this_machine_only_by_default() -> None:
    assert SERVICES["web"]["ports"] == ["${STATECAST_PUBLISH:-127.0.0.1:8000}:8000"]


def test_web_and_workers_start_after_the_migration() -> None:
    for name in set(OURS) - {"migrate"}:
        wait = {"migrate": {"condition": "service_completed_successfully"}}
        assert SERVICES[name]["depends_on"] == wait


@pytest.mark.parametrize("command", re.findall(r"pip install (.+)$", DOCKERFILE, re.MULTILINE))
def test_images_install_only_what_has_a_hash_or_was_built_in_them(command: str) -> None:
    assert command.startswith(("--require-hashes -r locks/", "--no-deps --no-index /wheels/"))


def test_the_package_is_built_with_a_tool_that_has_a_hash() -> None:
    assert "pip wheel --no-deps --no-build-isolation --no-index" in DOCKERFILE
    tool = re.search(r"^setuptools==\S+( \\\n +--hash=\S+)+", _lock("build"), re.MULTILINE)
    assert tool is not None
    assert tool[0] in _lock("dev")


def _lock(name: str) -> str:
    return (ROOT / "locks" / f"{name}.txt").read_text()
