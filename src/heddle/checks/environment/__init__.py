"""Checks of the machines that servers run on, and of the hosts."""
