"""What the demo shows: sentences, tables and progress; plain lines where nobody watches."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

Update = Callable[[int, str], None]

_LINE_EVERY_S = 5.0


class Screen:
    """The terminal, or a file."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)

    def chapter(self, title: str) -> None:
        self._console.print(f"\n[bold]{title}[/bold]")

    def say(self, sentence: str) -> None:
        self._console.print(f"  {escape(sentence)}", soft_wrap=True)

    def wrong(self, sentence: str) -> None:
        self._console.print(f"  [red]✗[/red] {escape(sentence)}", soft_wrap=True)

    def right(self, sentence: str) -> None:
        self._console.print(f"  [green]✓[/green] {escape(sentence)}", soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str | int]]) -> None:
        """A table; a column whose cells are all numbers is set flush right."""
        table = Table(title=title, title_justify="left", title_style="bold")
        for place, column in enumerate(columns):
            numeric = all(isinstance(row[place], int) for row in rows)
            table.add_column(column, justify="right" if numeric else "left")
        for row in rows:
            table.add_row(*(f"{cell:,}" if isinstance(cell, int) else cell for cell in row))
        self._console.print()
        self._console.print(table)

    @contextlib.contextmanager
    def progress(self, doing: str, total: int) -> Iterator[Update]:
        """Show how far something is, by a bar or, in a file, by a line now and then."""
        if not self._console.is_terminal:
            yield self._lines(doing, total)
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console) as bars:
            task = bars.add_task(f"  {doing}", total=total, note="")
            yield lambda done, note: bars.update(task, completed=done, note=note)

    def _lines(self, doing: str, total: int) -> Update:
        started = shown_at = time.monotonic()
        shown = ""

        def update(done: int, note: str) -> None:
            nonlocal shown, shown_at
            now = time.monotonic()
            if note != shown and (done == total or not shown or now - shown_at >= _LINE_EVERY_S):
                self.say(f"{doing}: {note} ({now - started:.0f} s)")
                shown, shown_at = note, now

        return update
