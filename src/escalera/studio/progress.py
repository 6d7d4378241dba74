"""How far a climb is, as HTML: its rungs and seeds, its searches, or the moves of a ladder that builds itself."""

from __future__ import annotations

from markupsafe import Markup

from escalera.report.language import NOTHING, Language
from escalera.studio.job import Progress
from escalera.studio.standing import Hunt, Step

_LINE = Markup('<li class="{}"><span>{} {}{}</span><b>{}</b><i style="width:{:.1f}%"></i>{}</li>')
_SIGNS = {"done": "✓", "running": "▶", "failed": "✕", "waiting": "·"}
_OF_MOVES = {"kept": "done", "failed": "failed", "running": "running"}
"""How a move of a ladder that builds itself is shown; what was dropped, or waits, is as what has not begun."""


class ProgressView:
    """Draws the progress of climbs in one language."""

    def __init__(self, words: Language) -> None:
        self.words = words

    def html(self, found: Progress) -> str:
        """How far a climb is."""
        if found.request.minutes is not None:
            return self._moves(found)
        say, words = self.words.say, self.words
        done = sum(step.standing == "done" for step in found.steps)
        ended = not found.running and 0 < done == len(found.steps)
        state = "climb.running" if found.running else "climb.done" if ended else "climb.stopped"
        head = Markup("<h3>{}</h3><p>{}</p>").format(
            found.request.title, say(state, done=words.number(done), all=words.number(len(found.steps)))
        )
        hunts = {hunt.rung: hunt for hunt in found.hunts}
        lines = []
        for step in found.steps:
            if step.rung in hunts:
                lines.append(self._hunt(hunts.pop(step.rung)))
            lines.append(self._step(step))
        steps = Markup("").join(lines)
        log = self._log(found, not (found.running or ended))
        return Markup('{}<ol class="steps">{}</ol>{}').format(head, steps, log)

    def _moves(self, found: Progress) -> str:
        """What a ladder that builds itself has tried."""
        say, words = self.words.say, self.words
        kept = sum(move.state == "kept" for move in found.moves)
        state = "climb.building" if found.running else "climb.broken" if found.unfinished else "climb.built"
        counts = {"kept": words.number(kept), "tried": words.number(len(found.moves)), "file": found.file}
        head = Markup('<h3>{}</h3><p class="wraps">{}</p>').format(found.request.title, say(state, **counts))
        lines = Markup("").join(
            _LINE.format(
                _OF_MOVES.get(move.state, "waiting"), _SIGNS[_OF_MOVES.get(move.state, "waiting")],
                words.named(f"auto.move.{move.move}"), "", words.percent(move.accuracy) if move.accuracy else "",
                100.0 if move.state == "kept" else 0.0, "",
            )
            for move in found.moves
        )  # fmt: skip
        lines += Markup("").join(self._step(step) for step in found.steps)
        return Markup('{}<ol class="steps">{}</ol>{}').format(head, lines, self._log(found, found.unfinished))

    def _log(self, found: Progress, broken: bool) -> Markup:
        """What the climb printed, open where it broke off: why is told nowhere else."""
        return Markup("<details{}><summary>{}</summary><pre>{}</pre></details>").format(
            Markup(" open") if broken else "", self.words.say("climb.log"), found.log
        )

    def _hunt(self, hunt: Hunt) -> Markup:
        """The search that comes before the runs of a rung."""
        say, words = self.words.say, self.words
        trials = words.number(hunt.trials)
        state = say("climb.trials_of", n=trials, of=words.number(hunt.of)) if hunt.of else say("climb.trials", n=trials)
        if hunt.best is not None:
            best = words.loss(hunt.best) if hunt.loss else words.percent(hunt.best)
            state = f"{state}, {say('climb.best_loss' if hunt.loss else 'climb.best', best=best)}"
        share = 100.0 if hunt.standing == "done" else 100 * hunt.trials / max(1, hunt.of or hunt.trials, hunt.trials)
        name = say("climb.search", rung=hunt.rung)
        return _LINE.format(hunt.standing, _SIGNS[hunt.standing], name, "", state, share, "")

    def _step(self, step: Step) -> Markup:
        say, words = self.words.say, self.words
        seed = f" · {say('word.seed').lower()} {step.seed}" if step.seed else ""
        state = say(f"climb.standing.{step.standing}")
        if step.standing == "done":
            state = words.percent(step.accuracy)
        elif step.standing == "running":
            left = words.duration(step.left) if step.left is not None else NOTHING
            state = say("climb.epoch", epoch=words.number(step.epoch), epochs=words.number(step.epochs), left=left)
        elif step.standing == "waiting" and step.epoch:
            state = say("climb.paused", epoch=words.number(step.epoch), epochs=words.number(step.epochs))
        share = 100 if step.standing == "done" else 100 * step.epoch / max(1, step.epochs)
        error = Markup("<em>{}</em>").format(step.error) if step.error else ""
        return _LINE.format(step.standing, _SIGNS[step.standing], step.rung, seed, state, share, error)
