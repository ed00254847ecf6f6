"""The target of an upgrade on this machine: what `--target` names is found, opened, and run as a process of its own.

What a target can be asked, and what is done with its answers, is told in `checks/target/`.
"""
