"""Records as CSV, which a spreadsheet opens without running anything that a player or a server chose."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_lines(columns: Sequence[str], records: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The line of the names, then one for each record, whose values stand in the order of `columns`."""
    row = io.StringIO()
    # Every text in quotes: Python up to 3.12 would write a lone \r without.
    writer = csv.writer(row, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    for cells in [columns, *([_cell(value) for value in record.values()] for record in records)]:
        writer.writerow(cells)
        yield row.getvalue()
        row.seek(0)
        row.truncate()


def _cell(value: Any) -> Any:
    """An object as JSON; a text that would be a formula begins with an apostrophe."""
    if isinstance(value, dict):
        return json.dumps(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
