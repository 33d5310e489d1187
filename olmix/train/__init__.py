"""The model ladder, schedules, the proxy trainer, evaluation."""

from olmix.train.ladder import Foreign, Shape
from olmix.train.probing import Probe
from olmix.train.results import ProxyResult, ValidationResult
from olmix.train.settings import Device, Proxy, SkipRule, Tasks
from olmix.train.steps import Swarm, TrainProxy, Validation

__all__ = [
    "Device",
    "Foreign",
    "Probe",
    "Proxy",
    "ProxyResult",
    "Shape",
    "SkipRule",
    "Swarm",
    "Tasks",
    "TrainProxy",
    "Validation",
    "ValidationResult",
]
