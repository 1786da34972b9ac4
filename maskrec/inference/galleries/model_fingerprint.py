"""Which model a gallery's embeddings are of, in one hash."""

from __future__ import annotations

import hashlib
import json

from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.plain_input_spec import input_spec_to_plain
from maskrec.inference.galleries.enrolled import GalleryModel


def gallery_model_of(weights_sha256: str, spec: InputSpec, width: int, origin: str) -> GalleryModel:
    """The same fingerprint for the same weights fed in the same way, whichever form they were opened in.

    Args:
        weights_sha256: of the weights, in hexadecimal.
        spec: size, statistics and alignment of what the network sees: other faces give other embeddings.
        width: d.
        origin: the model in one line.
    """
    seen = json.dumps(input_spec_to_plain(spec), sort_keys=True)
    return GalleryModel(hashlib.sha256(f"{weights_sha256} {seen}".encode()).hexdigest(), width, origin)
