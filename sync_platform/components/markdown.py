"""Tables as the UI shows them in metadata. Here belongs only the writing of Markdown."""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a Markdown table; what would end a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(content: object) -> str:
    """One line, without what would end the cell."""
    return str(content).replace("|", "\\|").replace("\n", " ")
