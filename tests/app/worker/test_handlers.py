"""Every kind of job has a function that can be loaded."""

from app.worker.handlers import HANDLERS, load_handlers


def test_every_kind_names_a_function() -> None:
    loaded = load_handlers(HANDLERS)
    assert {"backtest", "train"} <= set(loaded)
    assert all(callable(handler) for handler in loaded.values())
