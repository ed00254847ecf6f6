"""Checks of who runs which version."""
