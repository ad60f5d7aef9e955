"""Pods and their Redis without either: the throttle's own decisions, on a clock that runs as fast as it can."""
