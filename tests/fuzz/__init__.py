"""Inputs that no user would write, checked against rules instead of expected answers."""
