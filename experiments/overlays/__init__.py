"""Overlays: functions that change a few fields of a config, to be applied after a preset."""
