"""Counterexamples: searched in floats, confirmed in exact arithmetic."""
