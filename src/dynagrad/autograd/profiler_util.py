"""The events of a profile under the name of PyTorch's module for them; they live in ``dynagrad.profiler.events``."""

from dynagrad.profiler.activity import DeviceType
from dynagrad.profiler.events import EventList, FunctionEvent, FunctionEventAvg, Interval
from dynagrad.profiler.events import _Times as FormattedTimesMixin

__all__ = ["DeviceType", "EventList", "FormattedTimesMixin", "FunctionEvent", "FunctionEventAvg", "Interval"]
