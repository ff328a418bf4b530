"""Carrying out what the core decided: each function one effect that a crash cannot halve."""
