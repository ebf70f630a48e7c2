"""The cause of a change on a screen: the answer, every cause with its evidence, the largest changes; plain lines in a pipe."""

from __future__ import annotations

from collections import Counter

from qa.cause import Verdict
from qa.visible import visible
from reports import cause_words, screen


def show(verdict: Verdict, most: int) -> None:
    """Everything, the ``most`` largest changes as rows."""
    console = screen.terminal()
    print(visible(cause_words.title(verdict)))
    for words in cause_words.summary(verdict):
        print(visible(words))
    if verdict.fits:
        print()
        screen.show_grid(screen.Grid("", cause_words.FITS, tuple(cause_words.causes(verdict))), console)
    rows = cause_words.rows(verdict)
    if rows:
        print()
        if len(rows) > most:
            print(f"the {most} largest of {len(rows)} changes:")
        screen.show_grid(screen.Grid("", cause_words.HEAD, tuple(map(cause_words.cells, rows[:most]))), console)
    if verdict.changes.left:
        print()
    for why, count in Counter(why for _, why in verdict.changes.left).most_common():
        names = [name for name, other in verdict.changes.left if other == why]
        more = f" and {count - 3} more" if count > 3 else ""
        print(visible(f"no place: {', '.join(names[:3])}{more}: {why}"))
