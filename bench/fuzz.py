"""Broken input for what reads strangers' files and forms: ``python -m bench.fuzz --seconds 60``.

Every answer must be a success or a refusal with a code that has a sentence; anything else is a
crash. Each target is run in rounds, each round from a seed of its own:

- ``images``: JPEG, PNG, WebP, GIF and AVIF with bits flipped, ends cut off, pieces exchanged,
  through the real decoding child;
- ``recipes``: stored recipes of swaps and edits, with anything JSON can hold in any place;
- ``options``: the options of every engine, from texts and from JSON;
- ``addresses``: the query strings of studio and editor;
- ``manifest``: the cards of the weights, and the operator's own pins;
- ``sharing``: the forms of links.

A crash prints its target and seed; ``--only TARGET --seed SEED --rounds 1`` repeats it. A picture
that caused one is kept in ``test-results/fuzz``.
"""

from __future__ import annotations

import copy
import hashlib
import io
import os
import random
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from unittest import mock
from urllib.parse import urlencode
from uuid import UUID

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

from bench._budget import Budget, budget_parser
from models.options import (
    BoolOption,
    ChoiceOption,
    FloatOption,
    IntOption,
    Item,
    OptionSchema,
    SetOption,
    When,
)
from models.refusals import Refusal
from models.store.cards import MANIFEST_PATH, Manifest, ManifestError, read_own_files

ROOT: Final = Path(__file__).resolve().parents[1]
KEPT: Final = ROOT / "test-results" / "fuzz"
TRACE_LETTERS: Final = 4000
PHOTO: Final = "0b0f2a52-6f6e-4b8e-9d53-6a0d1c7f7a01"

outcomes: Counter[str] = Counter()
"""What was answered, over all rounds: ``target: done`` or ``target: code``."""


# --- pictures --------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def whole_images() -> list[tuple[str, bytes]]:
    """Small sound files, one a way of writing."""
    noise = np.random.default_rng(5).integers(0, 255, (24, 32, 3), np.uint8)
    photo = Image.fromarray(noise).resize((96, 72), Image.Resampling.BICUBIC)
    clear = photo.convert("RGBA")
    clear.putalpha(photo.convert("L"))
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [photo.rotate(90 * n).convert("P") for n in (1, 2)]
    return [
        ("jpeg", encoded(photo, "JPEG", quality=80, exif=exif.tobytes())),
        ("jpeg", encoded(photo, "JPEG", quality=60, progressive=True)),
        ("jpeg", encoded(photo.convert("CMYK"), "JPEG")),
        ("png", encoded(photo, "PNG")),
        ("png", encoded(clear, "PNG")),
        ("png", encoded(photo.convert("P"), "PNG", transparency=3)),
        ("webp", encoded(photo, "WEBP", quality=70)),
        ("webp", encoded(clear, "WEBP", lossless=True)),
        ("gif", encoded(photo.convert("P"), "GIF", save_all=True, append_images=frames)),
        ("avif", encoded(photo, "AVIF", quality=60)),
    ]


def encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    """A picture as a file of some format."""
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def bits_flip(content: bytes, chooser: random.Random) -> bytes:
    """One to twenty bits turned over, half of the time near the beginning."""
    made = bytearray(content)
    reach = min(len(made), 200) if chooser.random() < 0.5 else len(made)
    for _ in range(chooser.randint(1, 20)):
        made[chooser.randrange(reach)] ^= 1 << chooser.randrange(8)
    return bytes(made)


def end_cut(content: bytes, chooser: random.Random) -> bytes:
    """Any length of the beginning, at least a byte."""
    return content[: chooser.randint(1, len(content))]


def pieces_shuffle(content: bytes, chooser: random.Random) -> bytes:
    """Pieces exchanged, one of them perhaps lost or twice."""
    cuts = sorted(chooser.randrange(len(content) + 1) for _ in range(chooser.randint(2, 6)))
    pieces = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    head, rest = pieces[0], pieces[1:]
    rest = chooser.choices(rest, k=len(rest)) if chooser.random() < 0.3 else rest
    chooser.shuffle(rest)
    return head + b"".join(rest)


def number_overwrite(content: bytes, chooser: random.Random) -> bytes:
    """Two or four bytes made a number at the edge of what they hold."""
    made = bytearray(content)
    word = chooser.choice([b"\0\0", b"\xff\xff", b"\x7f\xff", b"\0\0\0\0", b"\xff\xff\xff\xff"])
    at = chooser.randrange(len(made))
    made[at : at + len(word)] = word
    return bytes(made)


MUTATIONS: Final = (bits_flip, end_cut, pieces_shuffle, number_overwrite)


def image_mutated(content: bytes, chooser: random.Random) -> bytes:
    """A file with one to three things done to it; never empty."""
    for _ in range(chooser.randint(1, 3)):
        content = chooser.choice(MUTATIONS)(content, chooser) or b"\0"
    return content


def image_answer(content: bytes) -> str:
    """What the intake says of a file, and whether what it says is so.

    A child that a signal ends is an answer all the same; it is counted by the signal's name.
    """
    from faceweb.media import sandbox

    ended: list[int | None] = []

    def child_run(*arguments: Any, **options: Any) -> tuple[bytes, int | None]:
        said, code = run(*arguments, **options)
        ended.append(code)
        return said, code

    run = sandbox.child_run
    with tempfile.TemporaryDirectory(prefix="faceweb-fuzz-") as name:
        folder = Path(name)
        (folder / "upload").write_bytes(content)
        with mock.patch.object(sandbox, "child_run", child_run):
            try:
                copies = sandbox.upload_decode(folder)
            except Refusal as refusal:
                code = refusal_code(refusal)
                assert code != "out_of_order", "the decoding child did not start"
                dead = ended and ended[0] is not None and ended[0] < 0
                return f"{code} ({signal.Signals(-ended[0]).name})" if dead else code  # type: ignore[operator]
        for clean in copies.files.values():
            with Image.open(clean.path) as image:
                image.load()
                assert image.size == (clean.width, clean.height)
    return "done"


def images(chooser: random.Random, which: int) -> None:
    """One file of `whole_images`, changed."""
    name, whole = whole_images()[which]
    content = image_mutated(whole, chooser)
    try:
        outcomes[f"images: {image_answer(content)}"] += 1
    except BaseException:
        KEPT.mkdir(parents=True, exist_ok=True)
        kept = KEPT / f"{hashlib.sha256(content).hexdigest()[:16]}.{name}"
        kept.write_bytes(content)
        print(f"the file is kept: {kept.relative_to(ROOT)}")
        raise


# --- texts and JSON --------------------------------------------------------------------------

# A request's body never holds lone surrogates: they are replaced while it is decoded.
TEXTS: Final = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(["", "0", "1", "-1", "9" * 30, "9" * 5000, "1e999", "nan", "inf", "٣", "²"]),
    st.sampled_from(["\0", "a\0b", "‮", PHOTO, f"{PHOTO}:0", f"{PHOTO}:٣", "{" + PHOTO + "}"]),
    st.integers(-200, 200).map(str),
    st.floats().map(str),
)
ATOMS: Final = (
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.integers(-3, 130)
    | st.floats()
    | TEXTS
)
JSON: Final = st.recursive(
    ATOMS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)


def json_places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a JSON value, itself first."""
    found = [place]
    keys: Iterable[Any] = value if isinstance(value, dict) else ()
    if isinstance(value, list):
        keys = range(len(value))
    for key in keys:
        found += json_places(value[key], (*place, key))
    return found


def json_replaced(value: Any, place: Sequence[Any], new: Any) -> Any:
    """A copy with something else in one place."""
    if not place:
        return new
    made = copy.deepcopy(value)
    inside = made
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = new
    return made


def refusal_code(refusal: Refusal) -> str:
    """The code, which has a sentence and a status that is no fault of the site's."""
    from faceweb.core.words import sentence_of, status_of

    assert sentence_of(refusal.code, refusal.params).strip(), refusal.code
    assert 400 <= status_of(refusal.code) < 500 or refusal.code in {"busy"}, refusal.code
    return refusal.code


def refused_or(target: str, work: Callable[[], object]) -> bool:
    """Whether `work` was done; counts what it answered."""
    try:
        work()
    except Refusal as refusal:
        outcomes[f"{target}: {refusal_code(refusal)}"] += 1
        return False
    outcomes[f"{target}: done"] += 1
    return True


SWAP: Final[dict[str, Any]] = {
    "version": 1,
    "target": PHOTO,
    "mapping": [
        {"target_face": 0, "source": PHOTO, "source_face": 0, "more_sources": [str(UUID(int=1))]}
    ],
    "options": {"shape": 40, "expression": "source", "blend": "alpha"},
}
EDIT: Final[dict[str, Any]] = {
    "version": 1,
    "photo": PHOTO,
    "face": 0,
    "options": {"smile": 40, "age": -20, "target_age": 50, "keep": ["hair"]},
}


def recipes(kind: str, data: st.DataObject) -> None:
    """A stored recipe with something else in one to three places."""
    from editing.engines.builtin import OPTIONS as EDIT_OPTIONS
    from editing.recipe import EditRecipe
    from swaps.recipe import SwapRecipe

    value: Any = SWAP if kind == "swap" else EDIT
    for _ in range(data.draw(st.integers(1, 3))):
        places = json_places(value)
        if data.draw(st.booleans()):
            # Elsewhere nearly everything is refused at once.
            places = [place for place in places if place[1:] and place[0] == "options"] or places
        value = json_replaced(value, data.draw(st.sampled_from(places)), data.draw(JSON))

    def read() -> None:
        recipe = SwapRecipe.from_dict(value) if kind == "swap" else EditRecipe.from_dict(value)
        again = type(recipe).from_dict(recipe.to_dict())
        # By their texts: not-a-number differs from itself.
        assert repr(again) == repr(recipe)
        for schema in schemas():
            schema.check(schema.fit(recipe.options))
        if isinstance(recipe, EditRecipe):
            recipe.request(EDIT_OPTIONS)

    refused_or("recipes", read)


@lru_cache(maxsize=1)
def schemas() -> list[OptionSchema]:
    """The options of the built-in engines, and one of every kind."""
    from editing.engines.builtin import OPTIONS as EDIT_OPTIONS
    from swaps.engines.builtin import OPTIONS as SWAP_OPTIONS

    items = (Item("hair", "Hair"), Item("skin", "Skin"))
    every = OptionSchema(
        (
            BoolOption(key="on", label="On"),
            IntOption(key="years", label="Years", low=1, high=120, default=None),
            IntOption(key="shape", label="Shape", low=-100, high=100, default=0),
            FloatOption(key="share", label="Share", low=-1.0, high=1.0, default=0.5),
            ChoiceOption(key="blend", label="Blend", items=items, default="hair"),
            SetOption(
                key="keep",
                label="Keep",
                items=items,
                default=("hair",),
                least=1,
                when=When("on", (True,)),
            ),
        )
    )
    return [SWAP_OPTIONS, EDIT_OPTIONS, every]


def options(data: st.DataObject) -> None:
    """One schema, told anything."""
    schema = schemas()[data.draw(st.integers(0, len(schemas()) - 1))]
    keys = st.sampled_from([option.key for option in schema]) | TEXTS
    texts = data.draw(st.dictionaries(keys, st.lists(TEXTS, max_size=3), max_size=5))
    parsed = schema.parse(texts)
    said: dict[str, list[str]] = {}
    for key, text in schema.pairs(parsed):
        said.setdefault(key, []).append(text)
    assert schema.parse(said) == parsed, "an address says what it was made of"
    given_ = data.draw(st.dictionaries(keys, JSON, max_size=5))
    refused_or("options", lambda: schema.check(given_))
    refused_or("options", lambda: schema.check(schema.fit(given_)))


def addresses(data: st.DataObject) -> None:
    """A query string, read by studio and editor."""
    from django.http import QueryDict

    from editing.forms import EditorState
    from swaps.forms import StudioState

    known = ["target", "source", "photo", "face", "together", "map-0", "map-1", "map-٣"]
    known += ["smile", "age", "target_age", "shape", "expression", "blend", "colour"]
    pairs = data.draw(st.lists(st.tuples(st.sampled_from(known) | TEXTS, TEXTS), max_size=8))
    # Without a photo everything else is passed over.
    pairs += data.draw(st.sampled_from([[], [("target", PHOTO), ("photo", PHOTO)]]))
    pairs += data.draw(st.sampled_from([[], [("source", PHOTO), ("map-0", f"{PHOTO}:0")]]))
    query = QueryDict(urlencode(pairs))
    studio, editor = StudioState.from_query(query), EditorState.from_query(query)
    assert StudioState.from_query(QueryDict(studio.query())) == studio
    assert editor.address().startswith("/")
    refused_or("addresses", studio.recipe)
    refused_or("addresses", editor.recipe)


# --- the weights' manifest -------------------------------------------------------------------

LITERALS: Final = st.sampled_from(
    (
        *('"https://["', '"https://a:b:c/"', '""', '"\\u0000"', '"../x"', "'rgb'", "1979-05-27"),
        *("-1", "0", "1e999", "nan", "9" * 400, f"[{'9' * 400}, 1, 1]", "true"),
        *("[]", "[[]]", "{}", "[1, [2]]", "{a = {b = 1}}", "[" * 60 + "]" * 60, "[" * 3000),
    )
)


CHANGES: Final = st.lists(
    st.tuples(st.integers(0, 10**6), st.sampled_from(["drop", "twice", "value", "move"]), LITERALS)
    | st.tuples(st.integers(0, 10**6), st.just("letters"), TEXTS),
    min_size=1,
    max_size=3,
)


def toml_changed(whole: str, changes: Sequence[tuple[int, str, str]]) -> str:
    """A TOML text after some changes: which line, what is done to it, and with which text."""
    lines = whole.splitlines()
    for number, what, text in changes:
        at = number % len(lines)
        match what:
            case "drop" if lines[1:]:
                del lines[at]
            case "twice":
                lines.insert(at, lines[at])
            case "move":
                lines.insert(number // 7 % len(lines), lines.pop(at))
            case "value":
                key, equals, _ = lines[at].partition("=")
                lines[at] = f"{key}{equals or '='} {text}"
            case "letters":
                cut = number // 7 % (len(lines[at]) + 1)
                lines[at] = lines[at][:cut] + text + lines[at][cut + 1 :]
    return "\n".join(lines)


@lru_cache(maxsize=1)
def manifest_part() -> str:
    """The manifest without most of its cards, so that a change hits something and reads fast."""
    head, *cards = MANIFEST_PATH.read_text(encoding="utf-8").split("\n[cards.")
    tops = [index for index, card in enumerate(cards) if "." not in card.split("]", 1)[0]]
    starts = [*tops, len(cards)]
    groups = [cards[a:b] for a, b in pairwise(starts)]
    wanted = [group for group in groups if "builtin = true" in "".join(group)][:2]
    wanted += [group for group in groups if group not in wanted][:3]
    return "\n[cards.".join([head, *(card for group in wanted for card in group)])


def own_pins() -> str:
    """Pins of an operator's own for the first card that may have them."""
    manifest = Manifest.read()
    card = next(card for card in manifest.cards.values() if card.bring_your_own)
    name = card.files[0].name
    return f'[{card.key}."{name}"]\nsha256 = "{"0" * 64}"\npath = "/nowhere/file.onnx"\n'


def manifest(pins: bool, changes: Sequence[tuple[int, str, str]]) -> None:
    """The manifest or an operator's pins with some lines changed."""
    with tempfile.TemporaryDirectory(prefix="faceweb-fuzz-") as name:
        file = Path(name) / "manifest.toml"
        whole = own_pins() if pins else manifest_part()
        file.write_text(toml_changed(whole, changes), encoding="utf-8")
        try:
            read_own_files(file, Manifest.read()) if pins else Manifest.read(file)
        except ManifestError as error:
            assert str(error).startswith((file.name, "cards", "licences", "templates")), error
            outcomes["manifest: refused"] += 1
        else:
            outcomes["manifest: done"] += 1


# --- forms of links --------------------------------------------------------------------------


def sharing(data: st.DataObject) -> None:
    """What a form of a link may be sent."""
    import unicodedata

    from django.http import QueryDict
    from django.utils import timezone

    from faceweb.people.models import User
    from faceweb.sharing.forms import ChangeLinkForm, NewLinkForm, PasswordForm, TermsForm
    from faceweb.sharing.models import ShareLink

    names = ["days", "password", "max_views", "allow_download", "show_original", "show_name"]
    names += ["note", "key", "remove_password"]
    chosen = data.draw(st.dictionaries(st.sampled_from(names), TEXTS, max_size=9))
    if data.draw(st.booleans()):
        # Most of what may be said of an end is none; the rest is not looked at then.
        chosen["days"] = "7"
    owner = User(email="olive@example.org", name=data.draw(st.sampled_from(["", "Olive"])))
    query = QueryDict(urlencode(chosen))
    link = ShareLink(password=data.draw(st.sampled_from(["", "set"])), expires_at=timezone.now())
    forms: list[TermsForm | PasswordForm] = [
        NewLinkForm(owner, query, has_original=data.draw(st.booleans())),
        ChangeLinkForm(owner, link, query, has_original=True),
        PasswordForm(query),
    ]
    for form in forms:
        if form.is_valid():
            outcomes["sharing: done"] += 1
            if isinstance(form, TermsForm):
                terms = form.terms()
                assert 0 <= terms.max_views <= 100_000
                assert len(terms.note) <= 200
                assert not {"Cc", "Cf"} & {unicodedata.category(letter) for letter in terms.note}
            continue
        for errors in form.errors.as_data().values():
            for error in errors:
                assert error.code, error
                outcomes[f"sharing: {error.code}"] += 1


# --- the rounds ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """What is tried: a test, what it is given, and how often in a round."""

    test: Callable[..., None]
    given: Mapping[str, st.SearchStrategy[Any]]
    examples: int
    shrinks: bool = True


TARGETS: Final = {
    # Shrinking a picture means hundreds of children: the file is kept instead.
    "images": Target(
        images,
        {
            "chooser": st.randoms(use_true_random=False),
            "which": st.integers(0, len(whole_images()) - 1),
        },
        examples=10,
        shrinks=False,
    ),
    "recipes": Target(
        recipes, {"kind": st.sampled_from(["swap", "edit"]), "data": st.data()}, examples=150
    ),
    "options": Target(options, {"data": st.data()}, examples=150),
    "addresses": Target(addresses, {"data": st.data()}, examples=100),
    "manifest": Target(manifest, {"pins": st.booleans(), "changes": CHANGES}, examples=60),
    "sharing": Target(sharing, {"data": st.data()}, examples=60),
}


def round_run(name: str, seed_: int, examples: int | None = None) -> str | None:
    """One round of a target; what crashed, or None."""
    target = TARGETS[name]
    chosen = settings(
        max_examples=examples or target.examples,
        database=None,
        deadline=None,
        phases=[Phase.generate, *([Phase.shrink] if target.shrinks else [])],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )

    # A function of its own each time: Hypothesis keeps seed and settings on what it decorates.
    def test(**drawn: Any) -> None:
        target.test(**drawn)

    try:
        seed(seed_)(chosen(given(**target.given)(test)))()
    except Exception:
        return traceback.format_exc()[-TRACE_LETTERS:]
    return None


@contextmanager
def throwaway_site() -> Any:
    """Django set up over an empty data folder."""
    with tempfile.TemporaryDirectory(prefix="faceweb-fuzz-") as folder:
        os.environ.update(
            {
                "DJANGO_SETTINGS_MODULE": "faceweb.settings",
                "FACEWEB_DATA_DIR": folder,
                "FACEWEB_DEBUG": "true",
                "FACEWEB_LOG_LEVEL": "ERROR",
            }
        )
        import django

        django.setup()
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    """Rounds until the time is over; 1 where anything crashed."""
    parser = budget_parser(__doc__)
    parser.add_argument("--only", choices=TARGETS, action="append", help="one target, or several")
    parser.add_argument("--rounds", type=int, default=None, help="at most so many of each target")
    said = parser.parse_args(arguments)
    first = random.SystemRandom().randrange(10**9) if said.seed is None else said.seed
    crashed: set[str] = set()
    rounds = 0
    budget = Budget(said.seconds)
    names = said.only or list(TARGETS)
    while budget.is_left and len(crashed) < len(names) and rounds != said.rounds:
        for name in names:
            if name in crashed or not budget.is_left:
                continue
            trace = round_run(name, first + rounds)
            if trace is not None:
                crashed.add(name)
                print(f"CRASH in {name}, seed {first + rounds}:\n{trace}", flush=True)
        rounds += 1
    for outcome, count in sorted(outcomes.items()):
        print(f"{count:8} {outcome}")
    verdict = f"crashes in {', '.join(sorted(crashed))}" if crashed else "no crash"
    print(f"fuzz: {sum(outcomes.values())} answers, {rounds} rounds from seed {first}, {verdict}")
    return 1 if crashed else 0


if __name__ == "__main__":
    with throwaway_site():
        sys.exit(main())
