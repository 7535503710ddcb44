"""Compile the kernels of every bundled game by playing two decisions of each rule set; nothing to do without Warp."""

import sys
from importlib.util import find_spec

import numpy as np

from ludus import games


def main() -> None:
    if find_spec("warp") is None:
        sys.exit(0)
    for name in games.names():
        for rules in games.spec(name).rules:
            game = games.make(name, rules=rules, batch=2)
            game.reset()
            for _ in range(2):
                game.step(np.zeros((2, game.num_seats, game.spec.action.size), np.float32))
            print(f"compiled {name} {rules}")


if __name__ == "__main__":
    main()
