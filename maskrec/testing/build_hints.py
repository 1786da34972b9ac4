"""How to build a component with other options than the checks do, where it refuses these."""

from __future__ import annotations

import re
from collections.abc import Sequence

from maskrec.contracts.call_into import shown_file
from maskrec.testing.candidate import CLASSES, EMBEDDING_SIZE, IMAGE_SIZE, Candidate, small_givens

_FACES = f"{len(small_givens()['labels'])} faces of {CLASSES} people"
_SMALL = {
    "labels": _FACES,
    "class_counts": _FACES,
    "num_classes": f"{CLASSES} people",
    "embedding_size": f"embeddings of {EMBEDDING_SIZE} numbers",
    "image_size": f"images of {IMAGE_SIZE} pixels",
}
"""What the checks give in place of a run's data, by the given."""


def other_options(candidate: Candidate, said: str, missing: Sequence[str] = ()) -> str:
    """The command and the test that build it with other options, as the end of a sentence; empty where it has none.

    Args:
        candidate: the component.
        said: why it cannot be built; a parameter that this names is the example.
        missing: the required parameters without a value.
    """
    parameters = candidate.parameters()
    own = [info.name for info in parameters if not info.given]
    named = [name for name in own if re.search(rf"\b{name}\b", said)]
    example = next(iter([*missing, *named, *own]), "")
    if not example:
        return ""
    given = dict.fromkeys(_SMALL[info.name] for info in parameters if info.given and info.name in _SMALL)
    small = f" (the checks give it {' and '.join(given)})" if given and not missing else ""
    provider = candidate.entry.provider
    source = shown_file(str(provider.file)) if provider.file else provider.distribution
    return (
        f"{small}; set it by `maskrec check-plugin {source} {candidate.name}.{example}=VALUE`, in a test by "
        f'options={{"{candidate.name}": {{"{example}": VALUE}}}}'
    )
