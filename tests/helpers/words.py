"""A small static model of word meanings, made here: synonyms share a vector, other words stand across."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from model2vec import StaticModel
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

MEANINGS = (("shipment", "parcel"), ("weight", "mass"), ("harbour", "port"), ("colour",), ("humidity",), ("pressure",))
"""Words that mean the same, group by group; of the pairs none is in the lexicon of names."""


def write_model(folder: Path) -> str:
    """Writes the model in model2vec's format and returns its folder."""
    words = ["[UNK]", *(word for group in MEANINGS for word in group)]
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))  # noqa: S106 - no password
    tokenizer.pre_tokenizer = Whitespace()
    vectors = np.zeros((len(words), len(MEANINGS)), np.float32)
    for place, group in enumerate(MEANINGS):
        for word in group:
            vectors[words.index(word), place] = 1.0
    StaticModel(vectors, tokenizer, normalize=True).save_pretrained(str(folder))
    return str(folder)
