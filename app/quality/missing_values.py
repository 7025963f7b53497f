"""Values that are not there, and channels that say nothing."""

from app.quality.sample import Channel, Doubt, Subject, listed


def doubts_of_absence(
    subject: Subject, missing: list[int], *, empty: list[str], constant: list[str]
) -> list[Doubt]:
    """Missing values by channel, channels without any, and channels that never change."""
    counts = {
        name: f"{count} of {len(subject.times)} rows"
        for name, count in zip(subject.names, missing, strict=True)
        if count
    }
    sentences = (
        ("missing_values", f"Stored as missing: {listed(counts)}.", sum(missing)),
        ("empty_channels", f"Channels without a single value: {', '.join(empty)}.", len(empty)),
        ("constant_channels", f"Channels that never change: {', '.join(constant)}.", len(constant)),
    )
    return [Doubt(*sentence) for sentence in sentences if sentence[2]]


def is_constant(channel: Channel) -> bool:
    """Whether more than one value is there, and all are equal."""
    return len(channel.present) > 1 and channel.is_constant
