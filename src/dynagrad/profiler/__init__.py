"""``torch.profiler``: what ran, how long it took and what memory it took, measured around every op as it is called.

An op that another calls inside is part of it, and backward is measured node by node. What is measured includes the few
microseconds that being listened to adds to a call; between profiles nothing is listened to.
"""

from dynagrad.profiler.activity import (
    DeviceType,
    ProfilerAction,
    ProfilerActivity,
    kineto_available,
    schedule,
    supported_activities,
)
from dynagrad.profiler.collect import record_function
from dynagrad.profiler.profile import profile, tensorboard_trace_handler

__all__ = [
    "DeviceType",
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
