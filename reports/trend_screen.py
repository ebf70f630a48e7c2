"""A trend on a screen: a line of heights, sentences, and the newest points as a table; plain lines in a pipe."""

from __future__ import annotations

import shutil

from qa.trend import Trend
from qa.visible import visible
from reports import screen, trend_opinions, trend_words

WIDE = 96  # columns that a row takes where nothing is unusual


def show(trend: Trend, most: int) -> None:
    """Everything, the newest ``most`` points as rows; no line of the drawing is wider than the terminal."""
    console = screen.terminal()
    width = console.width if console is not None else min(shutil.get_terminal_size((100, 24)).columns, 100)
    drawn = max(10, width - 2)
    print(visible(trend_words.title(trend)))
    print(trend_words.sparkline(trend, drawn, console is not None))
    print(trend_words.heights(trend, drawn, console is not None))
    for words in trend_words.summary(trend):
        print(visible(words))
    if len(trend.points) > most:
        print(f"the newest {most} of {len(trend.points)} points:")
    screen.show_grid(grid(trend, most, width), console)
    if said := [*trend_opinions.rows(trend)][-most:]:
        screen.show_grid(screen.Grid("said by other programs", trend_opinions.HEAD, tuple(said)), console)


def grid(trend: Trend, most: int, width: int) -> screen.Grid:
    """The newest points as rows; a narrow terminal has no room for limit, record and time of day, which --csv writes."""
    rows = trend_words.rows(trend, most)
    if width >= WIDE:
        return screen.Grid("", trend_words.HEAD, tuple(rows))
    taken, value, outcome, _, _, note = trend_words.HEAD
    return screen.Grid("", (taken, value, outcome, note), tuple((row[0][:10], row[1], row[2], row[5]) for row in rows))
