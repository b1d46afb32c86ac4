"""Measurements beside ssh -L and raw TCP, in one run, between two network namespaces."""
