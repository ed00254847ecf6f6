"""Checks of the machine that a server runs on."""
