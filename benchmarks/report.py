"""What a report costs: `python -m benchmarks.report`.

Builds pages from made-up findings of two sizes, with no plotting library, and times the drawing alone. For scale, the
naive way beside it: one matplotlib scatter plot per metric, saved as SVG, which is only a part of such a page.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable

from olmix.report.findings import Findings
from olmix.report.page import render
from tests.report import samples


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """The best wall time of some."""
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def with_matplotlib(findings: Findings) -> None:
    """Its scatter plots as SVG."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    for scatter in findings.scatters:
        figure, axes = pyplot.subplots(figsize=(2.5, 2.5))
        axes.scatter(scatter.predicted, scatter.observed, s=6)
        figure.savefig(io.BytesIO(), format="svg")
        pyplot.close(figure)


def main() -> None:
    """Prints the figures."""
    print(f"{'':<34}{'page, s':>10}{'MB':>8}{'matplotlib scatters, s':>26}{'ratio':>8}")
    for name, runs, copies in (("24 runs, 10 leaves, 7 metrics", 24, 1), ("512 runs, 10 leaves, 56 metrics", 512, 8)):
        findings = samples.sample(runs=runs, copies=copies)
        page, peer = seconds(lambda f=findings: render(f)), seconds(lambda f=findings: with_matplotlib(f), 2)  # type: ignore[misc]
        size = len(render(findings).encode()) / 1e6
        print(f"{name:<34}{page:>10.3f}{size:>8.2f}{peer:>26.2f}{peer / page:>7.0f}x")


if __name__ == "__main__":
    main()
