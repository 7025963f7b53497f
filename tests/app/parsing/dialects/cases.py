"""Every file that must be read rightly."""

from tests.app.parsing.dialects.arrow_files import ARROW
from tests.app.parsing.dialects.databases import DATABASES, JSON
from tests.app.parsing.dialects.generic_exports import HEADERS, ORDERS, SEPARATORS
from tests.app.parsing.dialects.loggers import LOGGERS
from tests.app.parsing.dialects.market_data import MARKETS
from tests.app.parsing.dialects.period_formats import PERIOD_CASES
from tests.app.parsing.dialects.spreadsheets import ENCODINGS, NUMBERS
from tests.app.parsing.dialects.time_formats import GIVEN_FORMATS, TIME_FORMS
from tests.app.parsing.dialects.weather_services import WEATHER_SERVICES

CASES = [
    *SEPARATORS,
    *HEADERS,
    *ORDERS,
    *TIME_FORMS,
    *PERIOD_CASES,
    *GIVEN_FORMATS,
    *LOGGERS,
    *WEATHER_SERVICES,
    *NUMBERS,
    *ENCODINGS,
    *MARKETS,
    *DATABASES,
    *JSON,
    *ARROW,
]
