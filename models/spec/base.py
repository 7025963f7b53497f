"""The base class of everything in a spec, immutable data, and the bounds of its fields."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# A grid has at most this many rows, so no number of rows, steps or updates needs to be larger.
MOST_ROWS = 20_000_000
# A series has at most this many channels.
MOST_CHANNELS = 5_000
# Leads times targets times quantiles or classes.
MOST_OUTPUTS = 10_000
MOST_EPOCHS = 100_000
MOST_UPDATES = 10**12

Rows = Annotated[int, Field(ge=1, le=MOST_ROWS)]
# In lists, where a rule says which ones are too small.
Steps = Annotated[int, Field(ge=-MOST_ROWS, le=MOST_ROWS)]
ChannelName = Annotated[str, Field(max_length=200)]


class SpecPart(BaseModel):
    """Base of a spec and its parts: unknown fields are refused, fields cannot be reassigned."""

    model_config = ConfigDict(extra="forbid", frozen=True)
