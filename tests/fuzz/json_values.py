"""Changes values of JSON texts, so that what reads them meets the wrong type or number and not only broken syntax."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

_VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**70), 0.5, -0.0, 1e308, -1e308, float("nan"), float("inf"),
    "", "x", "\0", "-1", "nan", "../..", "/", "<b>", "\u202e\ud83d\ude00", "w" * 5000, [], {}, [[]], [None], {"x": 1},
    [1, "x"], [0.5] * 3, {"": {"": []}},
]  # fmt: skip


def with_other_values(valid: bytes, dice: random.Random) -> bytes:
    """A JSON text, or one of its lines, with one to three values replaced, removed, repeated or moved."""
    lines = valid.splitlines() if valid.count(b"\n") > 1 and _is_json(valid.splitlines()[0]) else [valid]
    place = dice.randrange(len(lines))
    tree = json.loads(lines[place])
    for _ in range(dice.choice((1, 1, 2, 3))):
        _change(tree, dice)
    lines[place] = json.dumps(tree).encode()
    return b"\n".join(lines) + (b"\n" if len(lines) > 1 else b"")


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _change(tree: Any, dice: random.Random) -> None:
    """Go down to a random container and change one of its values."""
    found = tree
    while True:
        inner = [
            each for each in (found.values() if isinstance(found, dict) else found) if isinstance(each, (dict, list))
        ]
        if not inner or dice.random() < 0.3:
            break
        found = dice.choice(inner)
    keys = list(found) if isinstance(found, dict) else list(range(len(found)))
    value = copy.deepcopy(dice.choice(_VALUES))
    if not keys or dice.random() < 0.1:
        if isinstance(found, dict):
            found["added"] = value
        else:
            found.append(value)
        return
    key, kind = dice.choice(keys), dice.randrange(4)
    if kind == 0:
        del found[key]
    elif kind == 1:
        found[key] = copy.deepcopy(found[dice.choice(keys)])  # of perhaps another type
    else:
        found[key] = value
