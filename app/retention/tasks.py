"""The handler of `clean`: what policies let go is deleted; it may be killed and begun again."""

from typing import Any

from sqlalchemy.orm import Session

from app.jobs.task import Publish, Task
from app.retention.running import clean
from app.settings import get_settings


def clean_models(task: Task) -> Publish:
    """Clean a model, or all of them; the result counts what this attempt deleted."""
    result = clean(
        task.database,
        get_settings(),
        task.attempt.subject["model"],
        lambda fraction: task.report(phase="cleaning", fraction=fraction),
    )

    def publish(_: Session) -> dict[str, Any]:
        return result

    return publish
