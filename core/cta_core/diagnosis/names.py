"""How alike two field names are: words, abbreviations, synonyms, units and qualifiers of JSON Pointers.

`compare` answers with a likeness from 0 to 1 and the reasons to doubt it (a qualifier on one side only, an opposite, a
negation). Names alone never decide anything; `scoring` weighs them beside the values.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import msgspec
from rapidfuzz.distance import JaroWinkler

from cta_core.diagnosis.lexicon import CANONICAL, GENERIC, NEGATIONS, OPPOSITES, PHRASES, QUALIFIERS, UNIT_WORDS

_SPLIT = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "æ": "ae", "ø": "oe", "å": "aa"}
)

PARENT_WEIGHT = 0.35
"""Weight of a word above the leaf: parents repeat for all their children, so each says about a third of a leaf's
word."""

GENERIC_WEIGHT = 0.35
"""Weight of a generic word: `id` in common is about a third of the evidence of `invoice` in common."""


class NamePair(msgspec.Struct, frozen=True, kw_only=True):
    """What two names have to do with each other."""

    score: float
    """0 to 1; 1 for the same words in any spelling."""
    doubts: tuple[str, ...] = ()
    """Reasons why alike names could still mean different things."""
    source_unit: tuple[str, float] | None = None
    target_unit: tuple[str, float] | None = None


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """One path as words."""

    leaf: tuple[str, ...]
    parents: tuple[str, ...]
    unit: tuple[str, float] | None = None
    unit_word: str = ""
    raw: str = ""
    """The leaf's letters and digits in lower case, without separators."""


def words_of(text: str) -> list[str]:
    """The words of one key: camel case, snake case, dots, digits, umlauts."""
    text = text.replace("~1", "/").replace("~0", "~").translate(_LETTERS)
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = [word.lower() for word in _SPLIT.findall(text)]
    joined: list[str] = []
    index = 0
    while index < len(words):
        pair = " ".join(words[index : index + 2])
        if pair in PHRASES:
            joined.extend(PHRASES[pair].split())
            index += 2
        else:
            joined.append(words[index])
            index += 1
    return joined


@lru_cache(maxsize=4096)
def name_of(path: str) -> Name:
    """The words of a JSON Pointer, its unit word taken off the leaf."""
    # `http.request.method` is a path of its own, written into one key.
    parts = [
        word for part in path.split("/")[1:] if part != "*" and not part.isdigit() for word in part.split(".") if word
    ]
    if not parts:
        return Name(leaf=(), parents=())
    leaf = words_of(parts[-1])
    unit = None
    unit_word = ""
    if len(leaf) > 1 and leaf[-1] in UNIT_WORDS:
        unit_word = leaf[-1]
        unit = UNIT_WORDS[unit_word]
        leaf = leaf[:-1]
        if len(leaf) > 1 and leaf[-1] in ("in", "per", "as"):
            leaf = leaf[:-1]
    parents = [word for part in parts[:-1] for word in words_of(part)]
    return Name(
        leaf=tuple(leaf), parents=tuple(parents), unit=unit, unit_word=unit_word, raw="".join(words_of(parts[-1]))
    )


@lru_cache(maxsize=65536)
def word_likeness(left: str, right: str) -> float:
    """How alike two words are, 0 to 1: equal, synonyms, plural, abbreviation, misspelling."""
    if left == right:
        return 1.0
    if _stem(left) == _stem(right):
        return 0.97
    heads = set(CANONICAL.get(left, ())) | set(CANONICAL.get(_stem(left), ()))
    others = set(CANONICAL.get(right, ())) | set(CANONICAL.get(_stem(right), ()))
    if heads & others or left in others or right in heads:
        return 0.9
    short, long = (left, right) if len(left) <= len(right) else (right, left)
    if len(short) >= 2 and len(long) >= 4:
        if long.startswith(short) and len(short) >= 3:
            return 0.85
        if short[0] == long[0] and _is_subsequence(short, long) and len(short) >= 3 and _keeps_consonants(short, long):
            return 0.75
    close = float(JaroWinkler.normalized_similarity(left, right))
    if len(short) >= 5 and close >= 0.9:
        return 0.8
    return 0.0


def _stem(word: str) -> str:
    for ending in ("ies", "ing", "es", "ed", "s", "d"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            base = word[: -len(ending)]
            return base + "y" if ending == "ies" else base.rstrip("e")
    return word.rstrip("e") if len(word) > 4 else word


def _is_subsequence(short: str, long: str) -> bool:
    position = 0
    for letter in short:
        position = long.find(letter, position) + 1
        if position == 0:
            return False
    return True


def _keeps_consonants(short: str, long: str) -> bool:
    """An abbreviation drops vowels and endings: most of its letters are consonants that stand in order near the
    front.
    """
    consonants = [letter for letter in short if letter not in "aeiou"]
    return len(consonants) * 2 >= len(short) and short[-1] in long[1:]


def _weight(word: str) -> float:
    heads = CANONICAL.get(word, (word,))
    if word.isdigit():
        return 0.6
    return GENERIC_WEIGHT if any(head in GENERIC for head in (*heads, word)) else 1.0


def _align(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[float, list[str], list[str]]:
    """Weighted share of words that find a partner, and the words without one on each side."""
    pairs = sorted(
        ((word_likeness(a, b), i, j) for i, a in enumerate(left) for j, b in enumerate(right)),
        key=lambda item: -item[0],
    )
    used_left: set[int] = set()
    used_right: set[int] = set()
    hit = 0.0
    for like, i, j in pairs:
        if like < 0.5:
            break
        if i in used_left or j in used_right:
            continue
        used_left.add(i)
        used_right.add(j)
        hit += like * (_weight(left[i]) + _weight(right[j]))
    total = sum(map(_weight, left)) + sum(map(_weight, right))
    rest_left = [word for i, word in enumerate(left) if i not in used_left]
    rest_right = [word for j, word in enumerate(right) if j not in used_right]
    return (hit / total if total else 0.0), rest_left, rest_right


def _heads(words: tuple[str, ...] | list[str]) -> set[str]:
    found: set[str] = set()
    for word in words:
        found.add(word)
        found.add(_stem(word))
        found.update(CANONICAL.get(word, ()))
    return found


@lru_cache(maxsize=65536)
def compare(target: str, source: str) -> NamePair:
    """Compares the path of a healthy field with the path of a new one."""
    wanted, given = name_of(target), name_of(source)
    if not wanted.leaf or not given.leaf:
        return NamePair(score=0.0)
    if wanted.raw == given.raw or wanted.leaf == given.leaf:
        base = 1.0
        rest_left: list[str] = []
        rest_right: list[str] = []
    else:
        base, rest_left, rest_right = _align(wanted.leaf, given.leaf)
        # `phone` for `ph`, `cn` for `customer_name`: initials and squeezed words that no single word explains.
        initials = "".join(word[0] for word in wanted.leaf)
        if base < 0.6 and len(initials) >= 2 and given.raw == initials:
            base, rest_left, rest_right = 0.6, [], []
        if len(given.raw) >= 4 and len(wanted.raw) >= 4 and _skeleton(wanted.raw) == _skeleton(given.raw):
            base, rest_left, rest_right = max(base, 0.85), [], []
        squeezed = float(JaroWinkler.normalized_similarity(wanted.raw, given.raw))
        if squeezed >= 0.92 and min(len(wanted.raw), len(given.raw)) >= 5:
            base = max(base, 0.8)
    # The leaf's own words may have moved into parents or out of them: `billing_street` <-> `billing/street`.
    full_left = wanted.parents + wanted.leaf
    full_right = given.parents + given.leaf
    full, _, _ = _align(full_left, full_right)
    moved = base
    if rest_left or rest_right:
        explained_left = [word for word in rest_left if not _finds(word, given.parents)]
        explained_right = [word for word in rest_right if not _finds(word, wanted.parents)]
        if len(explained_left) < len(rest_left) or len(explained_right) < len(rest_right):
            left = tuple(w for w in wanted.leaf if w not in rest_left or w in explained_left)
            right = tuple(w for w in given.leaf if w not in rest_right or w in explained_right)
            partial, _, _ = _align(left, right)
            moved = max(moved, 0.95 * partial)
            rest_left, rest_right = explained_left, explained_right
    score = max(moved, 0.9 * full)
    if wanted.parents or given.parents:
        # Among equal leaves the one whose parents agree comes first; at most a tenth of the score.
        score = 0.9 * score + 0.1 * full
    return NamePair(
        score=min(1.0, score),
        doubts=tuple(_doubts(wanted, given, rest_left, rest_right)),
        source_unit=given.unit,
        target_unit=wanted.unit,
    )


_NETWORK = frozenset(
    [
        "address",
        "bandwidth",
        "bytes",
        "channel",
        "connection",
        "device",
        "dns",
        "dst",
        "gateway",
        "host",
        "hostname",
        "id",
        "if",
        "iface",
        "interface",
        "ip",
        "latency",
        "mac",
        "mask",
        "name",
        "namespace",
        "node",
        "packets",
        "peer",
        "policy",
        "port",
        "protocol",
        "provider",
        "route",
        "rx",
        "segment",
        "server",
        "sock",
        "socket",
        "speed",
        "src",
        "status",
        "subnet",
        "throughput",
        "traffic",
        "transport",
        "tx",
        "type",
        "vlan",
        "zone",
    ]
)
"""Words beside which `net` is a network. Everywhere else, as `gross` always, it says which of two quantities is
meant.
"""


def _skeleton(word: str) -> str:
    """A word without its vowels but for the first letter: what is left of it in many abbreviations."""
    return word[:1] + "".join(letter for letter in word[1:] if letter not in "aeiou")


def _finds(word: str, words: tuple[str, ...]) -> bool:
    return any(word_likeness(word, other) >= 0.75 for other in words)


def _doubts(wanted: Name, given: Name, rest_left: list[str], rest_right: list[str]) -> list[str]:
    doubts: list[str] = []
    own_left, own_right = _heads(wanted.leaf + wanted.parents), _heads(given.leaf + given.parents)
    for pair in OPPOSITES:
        one, two = sorted(pair)
        if (one in own_left and two in own_right and two not in own_left and one not in own_right) or (
            two in own_left and one in own_right and one not in own_left and two not in own_right
        ):
            doubts.append(f"opposite: {one} against {two}")
    shared = len(wanted.leaf) > len(rest_left)
    if shared:
        either = {"gross"} if _NETWORK & {*wanted.leaf, *given.leaf} else {"gross", "net"}
        single = {*rest_left, *rest_right} & (QUALIFIERS | either)
        doubts.extend(f"qualifier: {word} on one side only" for word in sorted(single))
    # `no` at the end of a name is a number.
    turned = (set(rest_left) - {*wanted.leaf[-1:]}) ^ (set(rest_right) - {*given.leaf[-1:]})
    doubts.extend(f"negation: {word}" for word in sorted(turned & NEGATIONS))
    joined_left, joined_right = "".join(wanted.leaf), "".join(given.leaf)
    for a, b in ((joined_left, joined_right), (joined_right, joined_left)):
        doubts.extend(f"negation: {prefix}-" for prefix in ("un", "non", "dis", "in", "not", "no") if a == prefix + b)
    return doubts
