"""A trend on a screen: a line of heights, sentences, and the newest points as a table; plain lines in a pipe."""

from __future__ import annotations

import shutil

from qa.trend import Trend
from qa.visible import visible
from reports import screen, trend_words


def show(trend: Trend, most: int) -> None:
    """Everything, the newest ``most`` points as rows; no line of the drawing is wider than the terminal."""
    console = screen.terminal()
    width = console.width if console is not None else min(shutil.get_terminal_size().columns, 100)
    drawn = max(10, width - 2)
    print(visible(trend_words.title(trend)))
    print(trend_words.sparkline(trend, drawn, console is not None))
    print(trend_words.heights(trend, drawn, console is not None))
    for words in trend_words.summary(trend):
        print(visible(words))
    rows = [*trend_words.rows(trend)]
    if len(rows) > most:
        print(f"the newest {most} of {len(rows)} points:")
    screen.show_grid(screen.Grid("", trend_words.HEAD, tuple(rows[-most:])), console)
