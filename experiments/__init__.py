"""What to run: base, presets, overlays, and one short module per experiment."""
