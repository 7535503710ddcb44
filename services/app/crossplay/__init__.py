"""Everybody against everybody on a budget of matches, the least-known pair first."""
