"""Post: the units that make outputs of accumulators."""

__all__ = ["CounterParameters", "PostParameters"]

from rtl_templates.even_thresholds import EvenThresholdParameters
from rtl_templates.requantize import RequantizerParameters
from rtl_templates.threshold import ThresholdParameters

CounterParameters = ThresholdParameters | EvenThresholdParameters
PostParameters = RequantizerParameters | CounterParameters
