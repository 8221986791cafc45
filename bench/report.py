"""Prints figures: tables for people, then one line each for scripts."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.figures import Figure, format_value


def print_report(figures: Sequence[Figure]) -> None:
    """Print the figures whose names are ROW_COLUMN as tables, and all as lines."""
    console = Console(highlight=False)
    others = ("apiserver_", "engine_", "command_", "runtime_", "images_")
    webhooks = [figure for figure in figures if not figure.name.startswith(others)]
    apiserver = [figure for figure in figures if figure.name.startswith("apiserver_")]
    columns = {"rate": "reviews/s", "cpu": "CPU us/review", "p50": "p50 ms", "p99": "p99 ms"}
    console.print(_make_table("Webhooks alone, 16 connections", webhooks, columns))
    pods = {"rate": "pods/s", "cpu": "CPU us/pod", "p50": "p50 ms", "p99": "p99 ms"}
    console.print(_make_table("Pod CREATE through the API server", apiserver, pods))
    for figure in figures:
        print(figure.line)


def _make_table(title: str, figures: Sequence[Figure], columns: dict[str, str]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column()
    for heading in columns.values():
        table.add_column(heading, justify="right")
    rows: dict[str, dict[str, str]] = {}
    for figure in figures:
        row, _, column = figure.name.removeprefix("apiserver_").rpartition("_")
        if column in columns:
            rows.setdefault(row, {})[column] = format_value(figure.value)
    for name, cells in rows.items():
        table.add_row(name, *(cells.get(column, "") for column in columns))
    return table
