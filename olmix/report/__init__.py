"""Plots, the HTML report, the explorer."""
