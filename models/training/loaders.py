"""Loaders: the batches that a spec asks for, made from lanes or windows."""

from models.errors import TrainingError
from models.features.lanes import LaneLoader, LaneSizes
from models.features.prepare import Prepared
from models.features.windows import WindowLoader, Windows, window_offsets
from models.network.builders import state_shapes
from models.spec.spec import Spec


def make_loader(spec: Spec, prepared: Prepared) -> LaneLoader | WindowLoader:
    """The loader of a spec: chunks of lanes if it is stateful, else windows.

    Args:
        spec: A resolved spec.
        prepared: The arrays of its series.

    Raises:
        TrainingError: If the training rows are fewer than one window.
    """
    if spec.mode == "stateful":
        sizes = LaneSizes(spec.chunk or 1, spec.lanes or 1, spec.burn_in or 0)
        return LaneLoader.of(prepared.dataset, sizes, member_states(spec))
    offsets = window_offsets(spec.lookback or 1, spec.step or 1)
    training = Windows.of(prepared.dataset, "train", offsets)
    size = min(spec.batch_size or 32, len(training.origins))
    if size == 0:
        raise TrainingError(
            f"No window of {spec.lookback} rows and {max(spec.lead_steps)} steps ahead fits into "
            "the training rows."
        )
    return WindowLoader(
        training=training,
        validation=Windows.of(prepared.dataset, "validation", offsets),
        batch_size=size,
        updates_per_epoch=spec.steps_per_epoch or -(-len(training.origins) // size),
        seed=spec.seed,
        shuffle=spec.shuffle is not False,
    )


def member_states(spec: Spec) -> list[tuple[str, int]]:
    """Name and units of every recurrent state of every member of the ensemble."""
    return state_shapes((spec.layers or []) * spec.ensemble)
