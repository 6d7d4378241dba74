"""The animated climb of the README: `python docs/readme/animate.py en docs/images/climb.svg` climbs and draws it.

The lines are those that `escalera climb digits` prints, each at its own time: of a rung its name and result, and the
table at the end. GitHub shows a picture without scripts: each line appears by an animation of CSS alone, and where
less motion is wished for, all of them stand there at once.
"""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROW, LEFT, TOP, ADVANCE = 17, 16, 46, 7.25
"""Pixels: of a row, of the margins, and of the breadth of a letter of 12 pixels."""
PAUSE = 6.0
"""Seconds for which the whole picture stands before it begins again."""
WORDS = {
    "en": ("A climb of eight rungs on handwritten digits, as the terminal shows it", "The last lines are the table:"),
    "es": ("Una subida de ocho peldaños con cifras manuscritas, como la muestra la terminal", "El final es la tabla:"),
}
_STYLE = """
svg { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace }
text { fill: #e6e6e6; white-space: pre }
.command, .rung { font-weight: bold } .prompt, .good { fill: #59c28f } .bad { fill: #ff8f7a } .faint { fill: #a9b4c0 }
.line { opacity: 0; animation: SECONDSs linear infinite }
@media (prefers-reduced-motion: reduce) { .line { opacity: 1; animation: none } }
"""

Line = tuple[float, str]
"""Seconds after the start, and what was printed then."""


def record(command: Sequence[str], **variables: str) -> list[Line]:
    """Every line that a command of escalera prints, with its time; raises CalledProcessError where it fails."""
    begin = time.monotonic()
    env = {**os.environ, "COLUMNS": "110", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", **variables}
    words = [sys.executable, "-m", "escalera", *command]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=env) as process:
        assert process.stdout is not None
        lines = [(round(time.monotonic() - begin, 2), line.rstrip()) for line in process.stdout]
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    return lines


def shown(lines: Sequence[Line]) -> Iterator[Line]:
    """A line for each rung and one for its result, then the table, which begins after the last result."""
    last = max(number for number, (_, text) in enumerate(lines) if text.startswith("  ✓"))
    for number, (seconds, text) in enumerate(lines):
        if number > last or text.startswith("  ✓") or re.match(r"\d+/\d+  ", text):
            yield seconds, text


def svg(command: str, lines: Sequence[Line], language: str) -> str:
    """The picture: `command` as it was typed, and the lines that are to be shown."""
    while lines and not lines[-1][1]:
        lines = lines[:-1]
    whole = lines[-1][0] + PAUSE
    width, height = int(2 * LEFT + max(len(text) for _, text in lines) * ADVANCE), TOP + ROW * (len(lines) + 1)
    title, table = WORDS[language]
    told = " ".join(text.strip() for _, text in lines[-10:] if text)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="title what" lang="{language}">',
        f'<title id="title">{html.escape(title)}</title>',
        f'<desc id="what">{html.escape(f"$ {command}. {table} {told}")}</desc>',
        f"<style>{_STYLE.replace('SECONDS', f'{whole:g}')}{''.join(_moments(lines, whole))}</style>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#14181d"/>',
        f'<text x="{LEFT}" y="26"><tspan class="prompt">$ </tspan>'
        f'<tspan class="command">{html.escape(command)}</tspan></text>',
    ]
    for number, (_, text) in enumerate(lines):
        if text:
            y = TOP + ROW * (number + 1) - 5
            parts.append(
                f'<text class="line l{number} {_kind(text)}" x="{LEFT}" y="{y}" xml:space="preserve">'
                f"{html.escape(text, quote=False)}</text>"
            )
    return "\n".join([*parts, "</svg>", ""])


def _moments(lines: Sequence[Line], whole: float) -> Iterator[str]:
    """For each line the animation in which it appears at its time, and stays until the end."""
    for number, (seconds, text) in enumerate(lines):
        if text:
            at = min(99.0, max(0.1, 100 * seconds / whole))
            yield (
                f"@keyframes k{number} {{ 0%, {at - 0.1:.2f}% {{ opacity: 0 }} {at:.2f}%, 100% {{ opacity: 1 }} }}"
                f" .l{number} {{ animation-name: k{number} }}\n"
            )


def _kind(text: str) -> str:
    if re.match(r"\d+/\d+  ", text):
        return "rung"
    if "▲" in text or text.startswith("  ✓"):
        return "good"
    return "bad" if "▼" in text else "faint" if "·" in text else ""


def main(language: str, path: Path) -> None:
    """Climb digits in a folder of its own, and draw what it prints."""
    command = ["climb", "digits"]
    with tempfile.TemporaryDirectory() as folder:
        lines = record([*command, "--out", folder], ESCALERA_LANG=language)
        found = [(seconds, text.replace(folder, "runs")) for seconds, text in shown(lines)]
    path.write_text(svg(" ".join(["escalera", *command]), found, language), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
