"""Finds the services of the machine it runs on. Goes to the target: Python 3.9, stdlib only."""
