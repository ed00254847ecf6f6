"""Checks of the settings."""
