"""Checks of the agents, and of what hosts report."""
