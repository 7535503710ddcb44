"""Warp kernels of pursuit–evasion: `launch.py` holds the kernels, the other files the functions they call.

All kernels stand in one file, so Warp compiles them as one unit (seconds, then cached on disk). State and rewards are
computed in float64, like the original, so that a step loses nothing beside the 20 m of the arena; only what is handed
out is float32. Warp never converts between the two by itself: numbers in kernels are written `Real(0.5)`.
Structs are never assigned inside an `if` where it can be avoided (dogfight/kernels says why).
"""

import warp as wp

# Warp announces itself and every compiled module on the standard output, which belongs to the program.
if hasattr(wp.config, "log_level"):
    wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)
else:
    wp.config.quiet = True
