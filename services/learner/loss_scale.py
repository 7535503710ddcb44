"""Dynamic loss scaling for fp16: small gradients are kept from vanishing, large ones are found and their step left out.

Micikevicius et al., "Mixed Precision Training", 2017, arXiv:1710.03740, section 3.2. The scale is part of the state.
"""

from __future__ import annotations

from .controls import Controls

INITIAL = 65536.0
SMALLEST = 1.0
#: Clean minibatches after which a larger scale is tried.
GROWTH_INTERVAL = 2000


def clean(controls: Controls) -> None:
    """A gradient was finite."""
    controls.clean_minibatches.add_(1)
    if int(controls.clean_minibatches) >= GROWTH_INTERVAL:
        controls.loss_scale.mul_(2)
        controls.clean_minibatches.zero_()


def overflow(controls: Controls) -> bool:
    """A gradient was not finite. False if the scale cannot be the reason any more."""
    controls.clean_minibatches.zero_()
    if float(controls.loss_scale) <= SMALLEST:
        return False
    controls.loss_scale.div_(2)
    return True
