"""Fiddle on our terms: tags, canonical form, fingerprint, blame, diff, parity, overrides."""
