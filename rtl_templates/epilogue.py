"""Post: the units that make outputs of accumulators."""

__all__ = ["CounterParameters", "EpilogueParameters"]

from hwgen_rtl_templates.affine_thresholds import AffineThresholdParameters
from hwgen_rtl_templates.requantize import RequantizerParameters
from hwgen_rtl_templates.threshold import ThresholdParameters

CounterParameters = ThresholdParameters | AffineThresholdParameters
EpilogueParameters = RequantizerParameters | CounterParameters
