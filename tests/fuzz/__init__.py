"""Inputs that nobody would write: what the product makes of them is held to rules, not to expected answers."""
