"""Warp kernels of the dogfight: `launch.py` holds the kernels, the other files the functions they call.

All kernels stand in one file, so Warp compiles them as one unit (seconds, then cached on disk).
Arithmetic is float32 as in the original simulator.

Two habits keep the compiled code fast (they halve the time of a step). A struct is never assigned inside an `if`: Warp
turns that into a choice between two copies in memory, where the fields would otherwise stay in registers; functions
return early instead. And whole rows are stored at once, because every single store into a strided array costs an
address computation.
"""

import warp as wp

# Warp announces itself and every compiled module on the standard output, which belongs to the program.
if hasattr(wp.config, "log_level"):
    wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)
else:
    wp.config.quiet = True
