"""A model of word meanings in the memory's likeness: what it moves, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cta_core.errors import InvalidInput
from cta_core.look import Form, Look, Trait
from cta_core.signature import DIMENSIONS, embedding, likeness
from cta_server.runtime import diagnostics
from cta_server.runtime.meanings import check, meaning_of
from helpers.payments import healthy, renamed
from helpers.words import write_model

NUMBER, TEXT = Form(types="number", size=1.5), Form(types="string", family="word")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a model."""
    return write_model(tmp_path_factory.mktemp("words"))


def vanished(*names: str, form: Form = NUMBER, meaning_folder: str = "") -> tuple[float, ...]:
    """The embedding of an incident in which the named fields are gone."""
    return embedding([Trait(path=f"/{name}", before=form) for name in names], (), meaning_of(meaning_folder))


def test_names_of_one_meaning_are_nearer_with_a_model(folder: str) -> None:
    """Other letters with the same meaning count as the same names; without a model they count as others."""
    one, two = ("shipment_weight", "harbour"), ("parcel_mass", "port")
    assert likeness(vanished(*one, meaning_folder=folder), vanished(*two, meaning_folder=folder)) > 0.999
    assert likeness(vanished(*one), vanished(*two)) < 0.98
    assert len(vanished(*one, meaning_folder=folder)) == DIMENSIONS


def test_structure_outweighs_meaning(folder: str) -> None:
    """The same kind of change under other meanings is nearer than another kind of change under the same names."""
    asked = vanished("shipment", "weight", meaning_folder=folder)
    same_kind = vanished("humidity", "pressure", meaning_folder=folder)
    same_names = vanished("shipment", "weight", form=TEXT, meaning_folder=folder)
    assert likeness(asked, same_kind) > likeness(asked, same_names)


def test_words_that_the_model_does_not_know_count_by_their_letters(folder: str) -> None:
    """An unknown name has the same vector with a model as without one."""
    assert vanished("quux", meaning_folder=folder) == vanished("quux")


def test_the_analysis_takes_its_looks_with_the_configured_model(folder: str) -> None:
    """What the analysis process makes of events has the same key with a model, and another vector."""
    before = [event.replace(b'"amount"', b'"weight"') for event in healthy(60)]
    after = [event.replace(b'"amt"', b'"mass"') for event in renamed(60)]
    plain = msgspec.json.decode(diagnostics.look(before, after, b""), type=Look)
    semantic = msgspec.json.decode(diagnostics.look(before, after, b"", folder), type=Look)
    assert semantic.fingerprint == plain.fingerprint
    assert semantic.embedding != plain.embedding
    assert likeness(semantic.embedding, plain.embedding) > 0.9


def test_a_folder_without_a_model_is_refused_by_its_key(tmp_path: Path) -> None:
    """The server does not start with it, and says which key to mend."""
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(InvalidInput, match=r"memory\.word_vectors"):
            check(str(folder))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InvalidInput, match=r"memory\.word_vectors"):
        meaning_of(str(tmp_path))
