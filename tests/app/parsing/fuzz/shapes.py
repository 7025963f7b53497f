"""What a generated file of known truth is like: strategies that draw its parts."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import strategies as st

from tests.app.parsing.fuzz.written_times import FORMS, TimeForm

SHORT_STEPS = ("30s", "1min", "5min", "10min", "15min", "30min", "1h", "3h", "6h", "jitter")
LONG_STEPS = ("1D", "B", "W", "MS", "QS", "YS")
SAME_TIMES, IN_TURN, OWN_STEPS = "the same times", "in turn", "own steps"
LATE_STARTS, DISJOINT, CYCLE = "late starts", "one after the other", "in turn over a day or year"
ARRANGEMENTS = (SAME_TIMES, IN_TURN, OWN_STEPS, LATE_STARTS, DISJOINT)
# Of a step, the series that come in turn in a day, a week or a year.
CYCLES = {"3h": 8, "6h": 4, "1D": 7, "MS": 12, "QS": 4}
ORDERS = ("by time", "by series", "newest first", "shuffled")
DUPLICATES = ("none", "none", "repeated", "few conflicts", "many conflicts")
DECOYS = (
    *("nothing", "nothing", "flag", "weekday", "month", "hour", "season", "holiday"),
    *("constant", "counter", "firmware", "half", "weekday number", "month number", "ampm"),
    *("error code", "pump", "year", "shift", "wind", "note"),
)
ATTRIBUTES = ("nothing", "nothing", "city", "unit")
LEVELS = ("apart", "apart", "alike", "counts")
ZONES = (
    *("Europe/Berlin", "America/New_York", "America/Chicago", "America/Denver"),
    *("Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney", "America/Phoenix", "Europe/London"),
)
# Their clocks have abbreviations of letters.
ABBREVIATED = (
    *("Europe/Berlin", "America/New_York", "America/Chicago", "America/Denver"),
    *("Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney", "America/Phoenix"),
)
WORDS = (
    *("north", "south", "Oslo", "Bergen", "a/b", "sensor.t1", "sensor.t2", "Mühle", "東京"),
    *("EURUSD", "BTC/USD", "item-9", "Rio Grande", "x", "y", "lower", "upper"),
)
CODES = ("O3", "PM2.5", "no2", "MT_001", "MT_002", "MT_003", "A", "B", "C", "T", "F", "M1", "P2")
NUMBERS = ("7", "12", "101", "102", "103", "3001", "3002", "072503", "994", "725030")
LABELS = {"words": WORDS, "codes": CODES, "numbers": NUMBERS}
KEY_NAMES = ("station", "who", "Region", "item id", "sensor", "kind", "code", "place", "x1")


@dataclass(frozen=True, slots=True)
class Shape:
    """A file to be made; `seed` decides what is not named here.

    Args:
        key: The kinds of labels of each key column, and how many values each has.
        variables: The number of variables of a tidy table; 0 makes a column for each channel.
        form: How times are written.
        zone: The zone of the local times, and of days.
        naming: Where the zone stands if the times have no offset.
        attribute: A column of texts that says something of the first label.
        levels: Whether the values of the series lie apart, or alike, or are whole numbers.
    """

    seed: int
    step: str
    start: datetime
    length: int
    key: tuple[tuple[str, int], ...]
    arrangement: str
    order: str
    has_gaps: bool
    channels: int
    variables: int
    form: TimeForm
    zone: str
    naming: str
    duplicates: str
    decoy: str
    attribute: str
    levels: str
    has_odd_cells: bool
    delimiter: str
    decimal: str
    quoted: bool
    encoding: str
    end: str
    around: str
    is_json: bool

    @property
    def is_one_series(self) -> bool:
        """Whether all rows are of one series."""
        return not self.key and not self.variables

    @property
    def hides_repeated_hours(self) -> bool:
        """Whether nothing in the file would say which of two equal local times is meant."""
        is_resolved = self.is_one_series and self.order == "by time" and not self.has_gaps
        return not self.form.is_absolute and not (is_resolved and self.duplicates == "none")


def _namings(form: TimeForm) -> tuple[str, ...]:
    """Where the zone may stand; the name of a column of months or weeks does not hold one."""
    if form.is_absolute:
        return ("text",)
    has_header = len(form.columns) == 1 or "1h" in form.steps
    return ("none", "asked", "column", "abbreviations", *(["header"] if has_header else []))


def _zones(naming: str) -> tuple[str, ...]:
    return ABBREVIATED if naming == "abbreviations" else ZONES


keys = st.one_of(
    st.just(()),
    st.lists(st.tuples(st.sampled_from(sorted(LABELS)), st.integers(2, 5)), min_size=1, max_size=1),
    st.lists(st.tuples(st.sampled_from(sorted(LABELS)), st.integers(2, 3)), min_size=2, max_size=2),
).map(tuple)
writings = st.sampled_from(
    [*((delimiter, ".") for delimiter in ",;\t|"), *((delimiter, ",") for delimiter in ";\t")]
)
starts = st.integers(0, 30 * 365 * 24 * 4).map(
    lambda quarters: datetime(1995, 1, 1) + timedelta(minutes=15 * quarters)  # noqa: DTZ001
)


@st.composite
def _any_shapes(draw: st.DrawFn) -> Shape:
    """A file to be made."""
    step = draw(st.sampled_from(SHORT_STEPS + LONG_STEPS))
    form = draw(st.sampled_from([form for form in FORMS if step in form.steps]))
    naming = draw(st.sampled_from(_namings(form)))
    has_zone = naming != "none" and form.zones != "UTC"
    delimiter, decimal = draw(writings)
    key = draw(keys)
    return Shape(
        seed=draw(st.integers(0, 10**6)),
        step=step,
        start=draw(starts),
        length=draw(st.integers(16, 60)),
        key=key,
        arrangement=draw(st.sampled_from(ARRANGEMENTS)),
        order=draw(st.sampled_from(ORDERS)),
        has_gaps=draw(st.booleans()),
        channels=draw(st.integers(1, 3)),
        variables=draw(st.sampled_from([0, 0, 0, 2, 3])),
        form=form,
        zone=draw(st.sampled_from(_zones(naming))) if has_zone else "UTC",
        naming=naming if has_zone or naming == "text" else "none",
        duplicates=draw(st.sampled_from(DUPLICATES)),
        decoy=draw(st.sampled_from(DECOYS)),
        attribute=draw(st.sampled_from(ATTRIBUTES)),
        levels=draw(st.sampled_from(LEVELS)),
        has_odd_cells=draw(st.booleans()),
        delimiter=delimiter,
        decimal=decimal,
        quoted=draw(st.booleans()),
        encoding=draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16"])),
        end=draw(st.sampled_from(["\n", "\r\n"])),
        around=draw(st.sampled_from(["nothing", "nothing", "comments", "footer", "blank lines"])),
        is_json=draw(st.sampled_from([False, False, False, True])),
    )


@st.composite
def cycles(draw: st.DrawFn) -> Shape:
    """A file whose series come in turn, each again after a day, a week or a year."""
    shape = draw(_any_shapes().filter(lambda shape: shape.step in CYCLES))
    count = CYCLES[shape.step]
    kinds = [kind for kind, labels in LABELS.items() if len(labels) >= count]
    return replace(
        shape,
        key=((draw(st.sampled_from(kinds)), count),),
        arrangement=CYCLE,
        # Without levels of their own nothing says that they are several.
        levels="apart",
        variables=0,
        duplicates="none",
    )


shapes = st.one_of(*[_any_shapes()] * 7, cycles())
