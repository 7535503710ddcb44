"""Warp kernels of the dogfight: `launch.py` holds the kernels, the other files the functions they call.

All kernels stand in one file, so Warp compiles them as one unit (seconds, then cached on disk).
Arithmetic is float32 as in the original simulator.
"""
