"""The few forms of Markdown in our descriptions, as HTML: paragraphs, tables, `code`, **strong**, *emphasis*."""

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby

_FORMS = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*]+)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\*([^*]+)\*"), r"<em>\1</em>"),
)
_RULE = re.compile(r"[| -]+")


def inline(text: str) -> str:
    """A piece of one paragraph."""
    html = escape(text)
    for form, meaning in _FORMS:
        html = form.sub(meaning, html)
    return html


def block(text: str) -> str:
    """Whole paragraphs and tables."""
    return "".join(
        _table(lines) if lines[0].startswith("|") else f"<p>{inline(' '.join(lines))}</p>" for lines in _blocks(text)
    )


def _blocks(text: str) -> Iterator[list[str]]:
    for blank, lines in groupby(text.splitlines(), key=lambda line: not line.strip()):
        if not blank:
            yield list(lines)


def _table(lines: list[str]) -> str:
    rows = [
        [inline(cell.strip()) for cell in line.strip("|").split("|")] for line in lines if not _RULE.fullmatch(line)
    ]
    return table(rows[0], rows[1:])


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table; its cells are HTML already."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    titles = "".join(f'<th scope="col">{title}</th>' for title in head)
    return f'<div class="table"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'
