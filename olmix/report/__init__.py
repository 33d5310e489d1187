"""The report of a mixture search: one self-contained HTML page, made of plain data by pure functions."""

from olmix.report.steps import Report, ReportResult

__all__ = ["Report", "ReportResult"]
