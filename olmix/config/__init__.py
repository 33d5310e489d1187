"""Fiddle on our terms: tags, canonical form, fingerprint, blame, diff, parity, overrides."""

from olmix.config.nodes import ConfigError
from olmix.config.tags import BatchFactor, Hardware, Operational, Resources, RunIdentity, Schedule, Telemetry

__all__ = ["BatchFactor", "ConfigError", "Hardware", "Operational", "Resources", "RunIdentity", "Schedule", "Telemetry"]
