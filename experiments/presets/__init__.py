"""Presets: complete, runnable configs. Each sets every field that matters, explicitly."""
