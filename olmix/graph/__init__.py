"""Steps, artifacts, the store, the plan, the executor, resources and hardware."""

from olmix.graph.resources import Needs
from olmix.graph.step import Context, FanOut, Step

__all__ = ["Context", "FanOut", "Needs", "Step"]
