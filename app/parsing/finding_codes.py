"""The codes of findings, in uploads and in stored series: their meanings and actions."""

from dataclasses import dataclass

QUARANTINED = "quarantined: download the rows, correct them and send them again"
KEPT = "kept as it is"
OFFERED = "kept as it is; `suggestion` can be sent as the body of PATCH /v1/series/{name}"


@dataclass(frozen=True, slots=True)
class Code:
    """What a finding with this code means, and what the service does about it."""

    meaning: str
    action: str


CODES = {
    # How a file is written.
    "preamble": Code("lines before the table", "skipped"),
    "comments": Code("lines that begin with # or %", "skipped"),
    "blank_rows": Code("rows that hold only separators", "skipped"),
    "no_header": Code("columns without names", "numbered"),
    "same_names": Code("columns with the same name", "numbered"),
    "long_names": Code("names of columns that are too long", "cut"),
    "renamed_columns": Code("columns of bars with other names", "renamed"),
    "year_table": Code("a row for each year, a column for each month", "read as one channel"),
    "other_tables": Code("tables or lists beside the one that was read", "left out"),
    "wide_table": Code("a column for each time", "read as one row for each time"),
    "given_times": Code("rows without times", "counted from `start` in steps of `cadence`"),
    "other_columns": Code("fields that only some rows have", "left out"),
    "text_columns": Code("columns that hold no numbers", "left out"),
    "row_counters": Code("columns that count the rows", "left out"),
    "time_parts": Code("columns that repeat a part of the time, such as its year", "left out"),
    "possible_counters": Code("channels that rise by one on each row", KEPT),
    "possible_time_parts": Code("channels that equal a part of the time on each row", KEPT),
    "number_signs": Code("signs beside digits", "read as the message says"),
    "number_units": Code("units beside digits", "kept as the channels' units"),
    # Times.
    "two_digit_years": Code("years with two digits", "read as the message says"),
    "year_means": Code("means of years between months or quarters, such as M13", "left out"),
    "fiscal_years": Code("years that may begin in any month", "read as calendar years"),
    "intervals": Code("times with a beginning and an end", "the beginning is the row's time"),
    "zone_names": Code("a file that names the clock of its times", "read by that clock"),
    "zone_disagrees": Code("times whose named clock fits another zone", "read as the message says"),
    "zone_offsets": Code(
        "offsets from UTC that prove a zone", "a new series of days takes it as its `timezone`"
    ),
    "zone_unknown": Code("local times without their zone", "read as the message says"),
    "interval_ends": Code("times that seem to end their intervals", "kept as they are written"),
    "counted_clocks": Code(
        "times of day to 25:00, which count the periods of a day", "the beginning is the row's time"
    ),
    "clocks_disagree": Code("two columns of times that differ", "read as the message says"),
    "second_time": Code("a column that repeats the time", "left out"),
    "interval_columns": Code("a column of the other end of each row's interval", "left out"),
    "repeated_hour": Code(
        "an hour that occurred twice when clocks went back", "resolved by marks or order"
    ),
    "newest_first": Code("rows with the newest first", "sorted by time"),
    "not_in_order": Code("rows that step back in time", "sorted by time"),
    "duplicate_rows": Code("rows that repeat another row of their time", "stored once"),
    "conflicting_rows": Code(
        "rows of the same time with other values", "one row is stored, as the message says"
    ),
    "merged_rows": Code("rows of the same time that fill each other's gaps", "stored as one row"),
    "aggregated_rows": Code("rows put together by `every`", "stored as one row for each step"),
    "attributes": Code(
        "columns with one value for each series", "kept as attributes of the series"
    ),
    "clock_changes": Code("an hour that is missing when clocks change", KEPT),
    "jitter": Code("times that differ from regular ones by a jitter", KEPT),
    "finer_rows": Code("rows closer together than the series' cadence", KEPT),
    "other_reading": Code("rows over stored ones, whose times were read otherwise", "stored"),
    "outside_sessions": Code("rows outside the hours of the exchange", KEPT),
    # Rows that cannot be used.
    "wrong_field_count": Code("rows with a wrong number of fields", QUARANTINED),
    "unreadable_json": Code("lines that hold no JSON object", QUARANTINED),
    "unreadable_time": Code("times that cannot be read", QUARANTINED),
    "skipped_hour": Code("times that no clock of the zone showed", QUARANTINED),
    "unclear_hour": Code("times that occurred twice, in an unclear order", QUARANTINED),
    "unreadable_number": Code("rows without a number, with a field that is not one", QUARANTINED),
    "infinite_value": Code("rows without a finite number, with an infinite one", QUARANTINED),
    "unreadable_period": Code("numbers of periods that their day does not have", QUARANTINED),
    "no_symbol": Code("rows that do not name their series", QUARANTINED),
    "ohlc_violation": Code("bars that violate low <= open, close <= high, prices > 0", QUARANTINED),
    # Values.
    "odd_cells": Code(
        "fields of a channel that are not finite numbers, by text",
        "stored as missing; `suggestion` can be sent as the body of PATCH /v1/series/{name}",
    ),
    "missing_values": Code("fields without a value", "stored as missing"),
    "empty_channels": Code("channels without a single value", "stored as missing"),
    "constant_channels": Code("channels that never change", KEPT),
    "outside_limits": Code("values outside of their channels' `minimum` and `maximum`", KEPT),
    "sentinel": Code("numbers that look like placeholders for a missing value", OFFERED),
    "flat_line": Code("the same value for unusually long", KEPT),
    "spike": Code("single values far away from both neighbours", KEPT),
    "unlikely_for_unit": Code("values that are unlikely for their unit", KEPT),
    "unit_hint": Code("names that contain the unit", OFFERED),
    "angular_hint": Code("channels that look like directions in degrees", OFFERED),
}
EXPLAINED = "; ".join(f"`{name}`: {code.meaning}" for name, code in CODES.items())
