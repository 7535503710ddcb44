"""Variants × seeds: what a sweep is, how it is run, and what may be concluded from it."""
