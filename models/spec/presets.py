"""Ready specs by name, with their purposes."""

from models.spec.preset import Preset
from models.spec.presets_classes import CLASS_PRESETS
from models.spec.presets_jena import JENA_PRESETS
from models.spec.presets_textbook import TEXTBOOK_PRESETS

__all__ = ["PRESETS", "Preset"]

_GENERAL_PRESETS = (
    Preset(
        name="default",
        title="Defaults that suit the series",
        description="Every field follows from the series: its kind, cadence and length.",
        spec={},
    ),
    Preset(
        name="ohlc-next-15-bars",
        title="The next 15 closing prices of market bars",
        description="Log returns of the close over each of the next 15 bars of the sessions.",
        spec={"transform": "log_return", "horizon": 15},
    ),
    Preset(
        name="ohlc-daily-5-days",
        title="Closing prices of the next five trading days",
        description="Log returns of the close of daily bars over one to five trading days.",
        spec={"transform": "log_return", "horizon": 5},
    ),
    Preset(
        name="hourly-24",
        title="The next 24 hours of every channel",
        description="Hourly series such as loads and temperatures, all channels at once.",
        spec={"cadence": "1h", "horizon": 24},
    ),
)

_ALL = (*_GENERAL_PRESETS, *JENA_PRESETS, *TEXTBOOK_PRESETS, *CLASS_PRESETS)
PRESETS = {preset.name: preset for preset in _ALL}
