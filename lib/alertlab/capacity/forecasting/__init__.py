"""Forecasts with intervals: by rhythm and trend, refused where they would mislead.

``series`` reads a history and says why it bears no forecast, ``rhythm`` takes the day's course
off, ``models`` are the candidates, ``choice`` takes the one that erred least, ``shifts`` finds
levels that moved; ``forecast`` draws paths, ``peaks`` makes weekly peaks of them and ``crossing``
dates.  ``records`` keeps what was forecast, once, and ``scorecard`` tells what became of it;
``backtest`` makes up for a missing past.
"""

from alertlab.capacity.forecasting.backtest import backtest
from alertlab.capacity.forecasting.choice import SEASONAL_NAIVE
from alertlab.capacity.forecasting.crossing import Crossing, crossing, predict_linear
from alertlab.capacity.forecasting.forecast import Forecast, forecast
from alertlab.capacity.forecasting.peaks import forecast_peaks, weekly_peaks
from alertlab.capacity.forecasting.records import Record, load_records, save_records
from alertlab.capacity.forecasting.scorecard import Scorecard, Scored, scorecard
from alertlab.capacity.forecasting.series import PEAK_QUANTILE, peak

__all__ = [
    "PEAK_QUANTILE",
    "SEASONAL_NAIVE",
    "Crossing",
    "Forecast",
    "Record",
    "Scorecard",
    "Scored",
    "backtest",
    "crossing",
    "forecast",
    "forecast_peaks",
    "load_records",
    "peak",
    "predict_linear",
    "save_records",
    "scorecard",
    "weekly_peaks",
]
