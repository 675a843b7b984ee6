"""How far percentiles of histograms are from the truth (docs/benchmarks.md, Percentiles)."""

from percentiles.report import bench_percentiles

__all__ = ["bench_percentiles"]
