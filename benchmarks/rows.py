"""The rows of evidence, for scripts of this folder; the commands of Ludus print the same ones."""

from ludus.app.rows import Row, row, show

__all__ = ["Row", "row", "show"]
