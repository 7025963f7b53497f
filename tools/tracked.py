"""The files that git tracks, which is what a clone holds."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def tracked_files(*patterns: str) -> list[str]:
    """The paths that fit the patterns of git, or all, relative to the repository."""
    listed = subprocess.run(
        ["git", "ls-files", *patterns],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.splitlines()
