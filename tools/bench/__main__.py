"""Measure speed as ratios against real peers in one run: ``make bench``.

Absolute seconds depend on the machine; the ratios are what is claimed (docs/benchmarks.md).
"""

from __future__ import annotations

from decoding import bench_decoding
from evaluating import bench_queries
from latency_fits import bench_latency_fits
from memory import bench_memory
from percentiles import bench_percentiles
from replaying import bench_all_rules, bench_firing_level, bench_pages, bench_replay
from truth import bench_truth
from tuning_peers import bench_tuning

if __name__ == "__main__":
    bench_queries()
    bench_decoding()
    bench_memory()
    bench_firing_level()
    bench_replay()
    bench_all_rules()
    bench_pages()
    bench_tuning()
    bench_truth()
    bench_latency_fits()
    bench_percentiles()
