"""For all tests: properties are tried on the same examples everywhere, however slow the machine is at the moment.

`pytest --hypothesis-profile=explore` draws others on every run.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")
