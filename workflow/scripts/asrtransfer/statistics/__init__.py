"""Intervals, tests and the published figures they are held against."""
