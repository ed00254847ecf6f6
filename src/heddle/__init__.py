"""Heddle: a private cloud's network in one program."""

__version__ = "0.1.0"
