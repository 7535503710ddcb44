"""What is wrong with a configuration, in words: pydantic's findings as lines that name keys."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel


def explain(root: type[BaseModel], problem: Any) -> str:
    """One line: the key, what was expected, what was found. `problem`: one of a ValidationError's about `root`."""
    # Beside keys pydantic names what it tried: validators (function-…) and members of a union (literal[…], dict[…]).
    where = [part for part in problem["loc"] if not str(part).startswith("function-") and "[" not in str(part)]
    key = ".".join(map(str, where)) or "configuration"
    if problem["type"] == "extra_forbidden":
        known = _keys_of(root, where[:-1])
        if not known:
            return f"unknown key {key!r}"
        near = get_close_matches(str(where[-1]), known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"unknown key {key!r}: expected one of {', '.join(known)}.{hint}"
    if problem["type"] == "missing":
        return f"missing key {key!r}"
    found = f", found {problem['input']!r}" if not isinstance(problem["input"], dict) else ""
    return f"{key}: {problem['msg'].removeprefix('Value error, ')}{found}"


def _keys_of(root: type[BaseModel], path: list[Any]) -> list[str]:
    """The keys that the section at `path` knows; none where one of several types is meant, and nobody knows which."""
    section: Any = root
    for part in path:
        if isinstance(part, int):
            continue
        if part not in getattr(section, "model_fields", {}):
            return []
        annotation = section.model_fields[part].annotation
        section = next((arg for arg in getattr(annotation, "__args__", ()) if isinstance(arg, type)), annotation)
    return list(getattr(section, "model_fields", {}))
