"""Feeds: the batches that a spec asks for, of lanes or of windows."""

from models.errors import TrainingError
from models.features.lanes import LaneFeed, LaneSizes
from models.features.prepare import Prepared
from models.features.windows import WindowFeed, Windows, window_offsets
from models.network.builders import state_shapes
from models.spec.spec import Spec


def make_feed(spec: Spec, prepared: Prepared) -> LaneFeed | WindowFeed:
    """The batches that a spec asks for: lanes of the series, or windows.

    Raises:
        TrainingError: If not even one window fits into the training rows.
    """
    if spec.mode == "stateful":
        sizes = LaneSizes(spec.chunk or 1, spec.lanes or 1, spec.burn_in or 0)
        return LaneFeed.of(prepared.dataset, sizes, member_states(spec))
    offsets = window_offsets(spec.lookback or 1, spec.step or 1)
    training = Windows.of(prepared.dataset, "train", offsets)
    size = min(spec.batch_size or 32, len(training.origins))
    if size == 0:
        raise TrainingError(
            f"No window of {spec.lookback} rows and {max(spec.lead_steps)} steps ahead fits into "
            "the training rows."
        )
    return WindowFeed(
        training=training,
        validation=Windows.of(prepared.dataset, "validation", offsets),
        batch_size=size,
        updates_per_epoch=spec.steps_per_epoch or -(-len(training.origins) // size),
        seed=spec.seed,
        shuffle=spec.shuffle is not False,
    )


def member_states(spec: Spec) -> list[tuple[str, int]]:
    """Name and units of every state of every member of the ensemble."""
    return state_shapes((spec.layers or []) * spec.ensemble)
