"""Fiddle on our terms: tags, canonical form, fingerprint, blame, diff, parity, overrides."""

from olmix.config.nodes import ConfigError
from olmix.config.tags import Operational, Resources, RunIdentity, Schedule, Telemetry

__all__ = ["ConfigError", "Operational", "Resources", "RunIdentity", "Schedule", "Telemetry"]
