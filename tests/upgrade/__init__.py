"""This program beside the one of the release before it."""
