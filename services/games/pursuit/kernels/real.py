"""The kernels' number type, and angles."""

import math

import warp as wp

Real = wp.float64
PI = wp.constant(Real(math.pi))
TWO_PI = wp.constant(Real(2.0 * math.pi))
ZERO = wp.constant(Real(0.0))
ONE = wp.constant(Real(1.0))
TWO = wp.constant(Real(2.0))
FAR = wp.constant(Real(1.0e300))


@wp.func
def wrap(angle: Real):
    """The same angle in [−π, π)."""
    turned = angle + PI
    return turned - TWO_PI * wp.floor(turned / TWO_PI) - PI


@wp.func
def finite(value: Real):
    """The value, or 0 where it is no finite number."""
    return wp.where(wp.isfinite(value), value, ZERO)
