from __future__ import annotations

import json
from pathlib import Path

import pytest

from maskrec.base.files import write_json


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_json_has_no_word_for_is_refused_and_the_file_stays(tmp_path: Path, value: float) -> None:
    path = tmp_path / "result.json"
    write_json(path, {"value": 0.5, "name": "Åse"})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"value": value})
    assert json.loads(path.read_text(encoding="utf-8")) == {"value": 0.5, "name": "Åse"}
    assert [each.name for each in tmp_path.iterdir()] == ["result.json"]
