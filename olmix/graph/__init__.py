"""Steps, artifacts, the store, the plan, the executor, resources and hardware."""

from olmix.graph.experiment import Experiment
from olmix.graph.resources import Needs
from olmix.graph.step import Context, FanOut, NotYet, Step

__all__ = ["Context", "Experiment", "FanOut", "Needs", "NotYet", "Step"]
