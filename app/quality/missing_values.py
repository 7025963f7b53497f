"""Find missing values, channels without values and channels that never change."""

from app.quality.sample import Channel, Finding, Sample, listed


def missing_value_findings(
    sample: Sample, missing: list[int], *, empty: list[str], constant: list[str]
) -> list[Finding]:
    """Missing values by channel, channels without any, and channels that never change."""
    counts = {
        name: f"{count} of {len(sample.times)} rows"
        for name, count in zip(sample.names, missing, strict=True)
        if count
    }
    findings = (
        ("missing_values", f"Stored as missing: {listed(counts)}.", sum(missing)),
        ("empty_channels", f"Channels without a single value: {', '.join(empty)}.", len(empty)),
        ("constant_channels", f"Channels that never change: {', '.join(constant)}.", len(constant)),
    )
    return [Finding(*finding) for finding in findings if finding[2]]


def is_constant(channel: Channel) -> bool:
    """Whether there is more than one value, and all are equal."""
    return len(channel.present) > 1 and channel.is_constant
