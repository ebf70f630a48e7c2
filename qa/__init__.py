"""Measure, judge and keep: the IGRT QA suite's analysis half."""

__version__ = "0.1.0"
