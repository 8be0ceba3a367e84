"""Post: the units that make outputs of accumulators."""

__all__ = ["CounterParameters", "PostParameters"]

from hwgen_rtl_templates.affine_thresholds import EvenThresholdParameters
from hwgen_rtl_templates.requantize import RequantizerParameters
from hwgen_rtl_templates.threshold import ThresholdParameters

CounterParameters = ThresholdParameters | EvenThresholdParameters
PostParameters = RequantizerParameters | CounterParameters
