"""What words mean, by a static model on the disk: an optional part of the memory's likeness, loaded where it is used.

The model is a folder in model2vec's format: one vector a word piece, averaged, no network and no download. It only
moves signatures nearer or farther; what they propose is judged without it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from cta_core.errors import InvalidInput
from cta_core.signature import Meaning

FIELD = "memory.word_vectors"

REMEMBERED = 8192
"""Names whose vectors are kept: a company's fields; each is 256 numbers or so, 2 kB."""


def check(folder: str) -> None:
    """Looks whether there is a model, without loading it. Raises `InvalidInput`."""
    if folder and importlib.util.find_spec("model2vec") is None:
        raise InvalidInput.of(FIELD, "needs model2vec: pip install 'cta-act[semantic]'")
    if folder and not (Path(folder) / "config.json").is_file():
        raise InvalidInput.of(FIELD, f"must be a folder with a model2vec model, {folder} has no config.json")


@lru_cache(maxsize=1)
def meaning_of(folder: str) -> Meaning | None:
    """The model of a folder, None for none. Raises `InvalidInput` when it cannot be used."""
    if not folder:
        return None
    check(folder)
    from model2vec import StaticModel  # noqa: PLC0415 - an optional extra, 0.5 s to load

    try:
        model: Any = StaticModel.from_pretrained(folder, normalize=True, force_download=False)
    except (OSError, ValueError, KeyError) as error:
        raise InvalidInput.of(FIELD, f"is no model2vec model: {str(error)[:200]}") from None

    @lru_cache(maxsize=REMEMBERED)
    def meaning(words: str) -> Sequence[float]:
        vector = model.encode([words])[0]
        # A vector of zeros: none of the words' pieces is in the model.
        return [float(part) for part in vector] if vector.any() else ()

    return meaning
