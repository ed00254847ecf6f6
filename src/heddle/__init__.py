"""Heddle: a private cloud's network and its virtual machines in one program."""

__version__ = "0.1.0"
