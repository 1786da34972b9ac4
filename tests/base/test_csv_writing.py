"""CSV files in memory."""

from __future__ import annotations

from maskrec.base.csv_writing import csv_bytes


def test_lines_end_with_a_line_feed_and_cells_keep_their_own_line_ends() -> None:
    rows = (row for row in [[1, 'a "b", c'], ["", "x\r\ny"], [None, "Zoë"]])
    assert csv_bytes(["n", "name"], rows) == 'n,name\n1,"a ""b"", c"\n,"x\r\ny"\n,Zoë\n'.encode()


def test_without_rows_the_columns_are_written() -> None:
    assert csv_bytes(("path", "target"), []) == b"path,target\n"
