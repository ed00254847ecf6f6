"""Checks of the message queue."""
