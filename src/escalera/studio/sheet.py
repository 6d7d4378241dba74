"""Tables as HTML: numbers written as the reader writes them, sorted by what they are."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

Cell = tuple[str, float | None] | str
"""What is written; a number also what it is sorted by, None at the end."""

SORT = """
element.addEventListener('click', event => {
  const head = event.target.closest('.sheet th'); if (!head) return;
  const table = head.closest('table'), column = [...head.parentNode.children].indexOf(head);
  const up = head.getAttribute('aria-sort') !== 'ascending';
  const value = row => {
    const cell = row.children[column], by = cell.dataset.by;
    return by === undefined ? cell.textContent : by === '' ? null : Number(by);
  };
  const rows = [...table.tBodies[0].rows].sort((one, two) => {
    const a = value(one), b = value(two);
    if (a === null || b === null) return (a === null) - (b === null);
    return (up ? 1 : -1) * (typeof a === 'number' ? a - b : a.localeCompare(b, document.documentElement.lang));
  });
  table.tBodies[0].append(...rows);
  for (const other of head.parentNode.children) other.removeAttribute('aria-sort');
  head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
});
"""
"""A click on a heading sorts by its column: for gradio's HTML component, whose `element` it is."""


def sheet(heads: Sequence[str], rows: Sequence[Sequence[Cell]], label: str) -> Markup:
    """A table whose headings sort it, where the page has SORT; a narrow page stacks it, each cell below its heading."""
    numeric = [any(isinstance(row[place], tuple) for row in rows) for place in range(len(heads))]
    top = Markup("").join(
        Markup('<th scope="col"{}><button type="button">{}</button></th>').format(_kind(number), head)
        for head, number in zip(heads, numeric, strict=True)
    )
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(_cell(*both) for both in zip(row, heads, strict=True)))
        for row in rows
    )
    return Markup(
        '<div class="scroll"><table class="sheet" aria-label="{}">'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(label, top, body)


def _kind(number: bool) -> Markup:
    return Markup(' class="number"') if number else Markup("")


def _cell(cell: Cell, head: str) -> Markup:
    if isinstance(cell, str):
        return Markup('<td data-label="{}">{}</td>').format(head, cell)
    text, value = cell
    by = "" if value is None else value
    return Markup('<td class="number" data-label="{}" data-by="{}">{}</td>').format(head, by, text)
