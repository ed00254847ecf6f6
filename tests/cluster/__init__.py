"""A cloud of several hosts on one machine: its parts, and the tests that need it."""
