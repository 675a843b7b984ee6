"""How well tuned rules do on data that others have labelled (docs/benchmarks.md, Truth)."""

from truth.report import bench_truth

__all__ = ["bench_truth"]
