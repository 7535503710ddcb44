"""Ratings of record and what stands beside them, as pure functions of counted matches. NumPy only."""
