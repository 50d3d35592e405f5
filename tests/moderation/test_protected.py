"""Protected faces: asking, deciding, and what it means for everybody's uploads."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import cv2
import numpy as np
import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from faceweb.core.words import sentence_of
from faceweb.media import analysis
from faceweb.media.errors import ResultBlocked, ScreeningFailed
from faceweb.media.face_analysis import asset_analyse
from faceweb.media.models import Asset
from faceweb.media.screening import get_screener
from faceweb.moderation import embedders, protected
from faceweb.moderation.embedders import can_embed
from faceweb.moderation.models import AuditEntry, Case, ProtectedFace, Screening
from faceweb.moderation.protected import (
    ProtectionError,
    protected_face_picture,
    protected_face_refuse,
    protected_face_study,
    protected_face_withdraw,
    protected_faces_study,
)
from faceweb.moderation.screening import shield
from faceweb.moderation.screening.shield import LIKENESS, Shield, ShieldBroken, current_shield
from faceweb.moderation.screening.verdict import Level
from faceweb.moderation.sealing import CannotUnseal, seal, unseal, vector_seal, vector_unseal
from models.faces.analysis.builtin import BuiltinAnalyser
from models.faces.analysis.dlib_analyser import DlibAnalyser
from models.faces.analysis.insightface_analyser import InsightFaceAnalyser
from models.pixels.imaging import Image
from tests.conftest import shared_dir
from tests.models.pack import load_analyser, pack_dir

pytestmark = pytest.mark.django_db

# Who is on which of the test photos more than once.
PEOPLE = {
    "woman_b": ("woman_b_1", "woman_b_2", "couple"),
    "man_c": ("man_c_1", "man_c_2", "couple"),
    "man_a": ("man_a_closeup", "man_a_smile"),
}


def picture(name: str) -> Image:
    image = cv2.imread(str(shared_dir("photos") / f"{name}.jpg"), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(image, dtype=np.uint8)


def file_of(image: Image, name: str = "a.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, cv2.imencode(".jpg", image)[1].tobytes(), "image/jpeg")


def ask(client: Any, face: Image, **fields: Any) -> Any:
    form = {
        "selfie": file_of(face),
        "proof": file_of(np.full((200, 300, 3), 200, np.uint8)),
        "consent": "on",
        **fields,
    }
    return client.post(reverse("protect_face"), form)


def protected_face_grant(*, face: ProtectedFace, by: Any) -> ProtectedFace:
    """Grant a request whose selfie a worker has studied."""
    protected_face_study(face.pk)
    return protected.protected_face_grant(face=face, by=by)


@pytest.fixture(scope="module")
def dlib() -> DlibAnalyser:
    return DlibAnalyser()


@pytest.fixture
def by_dlib(monkeypatch: pytest.MonkeyPatch, dlib: DlibAnalyser) -> Iterator[DlibAnalyser]:
    """Photos are analysed by dlib, and nothing else is there."""
    analysis.register(lambda: dlib, lambda: dlib.name)
    monkeypatch.setattr(embedders, "_arcface", lambda: None)
    yield dlib
    analysis._providers.pop()
    analysis._names.pop()
    analysis._made_analyser.cache_clear()


@pytest.fixture
def by_arcface(
    monkeypatch: pytest.MonkeyPatch, dlib: DlibAnalyser
) -> Iterator[InsightFaceAnalyser]:
    """Photos are analysed by the small pack, and dlib is there too, as it always is."""
    pack = load_analyser(pack_dir())
    analysis.register(lambda: pack, lambda: pack.name)
    monkeypatch.setattr(embedders, "_dlib", lambda: dlib)
    yield pack
    analysis._providers.pop()
    analysis._names.pop()
    analysis._made_analyser.cache_clear()


@pytest.fixture
def requested(client_for: Any, media: Any) -> ProtectedFace:
    answer = ask(client_for(None), picture("woman_b_1"), email="bea@example.org")
    assert answer.status_code == 302
    return ProtectedFace.objects.get()


def screened(photo: Asset) -> Asset:
    asset_analyse(photo.pk)
    photo.refresh_from_db()
    return photo


# --- asking ---------------------------------------------------------------------------------------
def test_a_stranger_asks_and_gets_a_ticket(client_for, requested) -> None:
    case = Case.objects.get()
    assert (case.kind, case.photo, requested.case) == (Case.Kind.PROTECTED_FACE, None, case)
    client = client_for(None)
    page = client.get(reverse("protect_face") + f"?ticket={case.ticket}").content.decode()
    assert case.ticket in page
    assert "Waiting for a moderator" in page
    assert client.get(reverse("protect_face") + "?ticket=ABC").status_code == 404


def test_the_pictures_are_sealed_and_only_that(requested, settings) -> None:
    stored = bytes(ProtectedFace.objects.get().selfie)
    assert b"WEBP" not in stored
    assert protected_face_picture(requested, "selfie")[8:12] == b"WEBP"
    settings.PROTECTED_KEY = "another"
    with pytest.raises(CannotUnseal):
        protected_face_picture(requested, "selfie")


@pytest.mark.parametrize("broken", ["selfie", "proof"])
def test_a_file_that_is_no_picture_is_refused_and_nothing_kept(client_for, media, broken) -> None:
    bad = SimpleUploadedFile("a.jpg", b"no picture at all", "image/jpeg")
    answer = ask(client_for(None), np.zeros((90, 90, 3), np.uint8), **{broken: bad})
    assert answer.status_code == 415
    assert sentence_of("not_a_photo") in answer.content.decode()
    assert not ProtectedFace.objects.exists()
    assert not Case.objects.exists()


def test_a_form_without_consent_is_refused(client_for, media) -> None:
    answer = ask(client_for(None), np.zeros((90, 90, 3), np.uint8), consent="")
    assert answer.status_code == 400
    assert not ProtectedFace.objects.exists()


def test_requests_are_throttled_by_address(client_for, media) -> None:
    small = np.zeros((90, 90, 3), np.uint8)
    answers = [ask(client_for(None), small).status_code for _ in range(6)]
    assert answers == [302] * 5 + [429]


# --- deciding -------------------------------------------------------------------------------------
def test_granting_keeps_sealed_numbers_and_nothing_else(
    requested, moderator, by_dlib, django_capture_on_commit_callbacks, caplog
) -> None:
    caplog.set_level("DEBUG")
    with django_capture_on_commit_callbacks(execute=True):
        protected_face_grant(face=requested, by=moderator)
    face = ProtectedFace.objects.get()
    assert face.state == ProtectedFace.State.ACTIVE
    assert (bytes(face.selfie), bytes(face.proof), face.email) == (b"", b"", "")
    assert list(face.embeddings) == ["dlib"]
    with pytest.raises(FileNotFoundError):
        protected_face_picture(face, "selfie")
    (letter,) = mail.outbox
    assert letter.to == ["bea@example.org"]
    assert "is protected" in letter.body

    vector = vector_unseal(face.embeddings["dlib"])
    image = picture("woman_b_1")
    (found,) = by_dlib.find_faces(image)
    assert by_dlib.similarity(vector, by_dlib.embed(image, found)) > 0.9
    entry = AuditEntry.objects.get(action="protected_face.grant")
    plain = [vector.tobytes(), json.dumps([float(x) for x in vector[:3]])[1:-1].encode()]
    plain += [f"{vector[0]:.5f}".encode()]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM moderation_protectedface")
        row = b"".join(str(value).encode() for value in cursor.fetchone())
    for secret in plain:
        assert secret not in row
        assert secret not in str(entry.__dict__).encode()
        assert secret not in caplog.text.encode()
    assert "bea@" not in caplog.text


def test_where_both_networks_are_there_both_are_kept(requested, moderator, by_arcface) -> None:
    face = protected_face_grant(face=requested, by=moderator)
    assert set(face.embeddings) == {"insightface", "dlib"}


def test_nothing_is_granted_before_a_worker_has_looked(
    requested, moderator, by_dlib, monkeypatch
) -> None:
    def never() -> None:
        raise AssertionError("a network in the moderator's request")

    monkeypatch.setattr(embedders, "embedders_present", never)
    with pytest.raises(ProtectionError) as refused:
        protected.protected_face_grant(face=requested, by=moderator)
    assert refused.value.code == "selfie_not_studied"
    requested.refresh_from_db()
    assert requested.state == ProtectedFace.State.REQUESTED

    monkeypatch.undo()
    assert protected_face_study(requested.pk)
    assert not protected_face_study(requested.pk), "once is enough"
    monkeypatch.setattr(embedders, "embedders_present", never)
    face = protected.protected_face_grant(face=requested, by=moderator)
    assert list(face.embeddings) == ["dlib"]


def test_a_request_sends_its_selfie_to_a_worker_and_a_lost_message_is_made_up_for(
    client_for, media, by_dlib, published, django_capture_on_commit_callbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        ask(client_for(None), picture("woman_b_1"))
    face = ProtectedFace.objects.get()
    assert ("faceweb.moderation.tasks.protected_face_study", (str(face.pk),)) in published
    assert protected_faces_study() == 0, "its message may still be on its way"
    ProtectedFace.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert protected_faces_study() == 1
    face.refresh_from_db()
    assert (list(face.embeddings), face.state) == (["dlib"], "requested")
    assert current_shield().count == 0, "it protects nobody before it is granted"


def test_refusing_erases_too(
    requested, moderator, by_dlib, django_capture_on_commit_callbacks
) -> None:
    protected_face_study(requested.pk)
    with django_capture_on_commit_callbacks(execute=True):
        protected_face_refuse(face=requested, by=moderator)
    face = ProtectedFace.objects.get()
    assert face.state == ProtectedFace.State.REFUSED
    assert (bytes(face.selfie), bytes(face.proof), face.email) == (b"", b"", "")
    assert face.embeddings == {}
    assert "not protected" in mail.outbox[0].body


def test_it_is_decided_once(requested, moderator, by_dlib) -> None:
    protected_face_refuse(face=requested, by=moderator)
    for decide in (protected_face_grant, protected_face_refuse):
        with pytest.raises(ProtectionError) as refused:
            decide(face=requested, by=moderator)
        assert refused.value.code == "request_decided"
    assert AuditEntry.objects.filter(action__startswith="protected_face").count() == 1


@pytest.mark.parametrize(
    ("selfie", "code"), [("noface_house", "selfie_without_face"), ("couple", "selfie_with_several")]
)
def test_a_selfie_must_show_one_face(client_for, media, moderator, by_dlib, selfie, code) -> None:
    ask(client_for(None), picture(selfie))
    face = ProtectedFace.objects.get()
    with pytest.raises(ProtectionError) as refused:
        protected_face_grant(face=face, by=moderator)
    assert refused.value.code == code
    face.refresh_from_db()
    assert face.state == ProtectedFace.State.REQUESTED
    assert bytes(face.selfie)


def test_withdrawing_leaves_nothing(requested, moderator, by_dlib) -> None:
    protected_face_grant(face=requested, by=moderator)
    protected_face_withdraw(face=requested, by=moderator)
    face = ProtectedFace.objects.get()
    assert (face.state, face.embeddings) == (ProtectedFace.State.WITHDRAWN, {})
    with pytest.raises(ProtectionError):
        protected_face_withdraw(face=requested, by=moderator)


# --- everybody's uploads --------------------------------------------------------------------------
@pytest.mark.parametrize("network", ["by_dlib", "by_arcface"])
def test_the_same_person_is_blocked_and_others_are_not(
    network, request, requested, moderator, arrive, client_for, user, backend
) -> None:
    request.getfixturevalue(network)
    protected_face_grant(face=requested, by=moderator)
    states = {
        name: screened(arrive(picture(name))).screening
        for name in ("woman_b_1", "woman_b_2", "couple", "man_c_1", "woman_d", "astronaut_collins")
    }
    assert states == {
        "woman_b_1": "blocked",
        "woman_b_2": "blocked",
        "couple": "blocked",
        "man_c_1": "clear",
        "woman_d": "clear",
        "astronaut_collins": "clear",
    }
    hit = Asset.objects.filter(screening="blocked")[0]
    page = client_for(user).get(hit.get_absolute_url()).content.decode()
    assert 'data-code="blocked_protected_face"' in page
    row = Screening.objects.filter(photo=hit).get()
    assert row.reason == "protected_face"
    # Nothing of the comparison is kept: how alike two faces are says something about both.
    assert set(row.scores) <= {"nudenet"}


def test_asking_and_being_refused_block_nobody(requested, moderator, by_dlib, arrive, backend):
    assert screened(arrive(picture("woman_b_2"))).screening == "clear"
    protected_face_refuse(face=requested, by=moderator)
    assert screened(arrive(picture("woman_b_2"))).screening == "clear"


def test_what_is_in_memory_follows_the_rows(requested, moderator, by_dlib, monkeypatch) -> None:
    assert current_shield().count == 0
    protected_face_grant(face=requested, by=moderator)
    assert current_shield().count == 1
    loads = []
    monkeypatch.setattr(shield, "_load", lambda: loads.append(1))
    current_shield()
    assert loads == []
    monkeypatch.undo()
    protected_face_withdraw(face=requested, by=moderator)
    assert current_shield().count == 0


def test_a_network_that_came_later_leaves_nobody_unprotected(
    requested, moderator, by_dlib, request, arrive, backend
) -> None:
    protected_face_grant(face=requested, by=moderator)
    request.getfixturevalue("by_arcface")
    assert screened(arrive(picture("woman_b_2"))).screening == "blocked"
    assert screened(arrive(picture("woman_d"))).screening == "clear"


def test_with_another_key_no_upload_passes(
    requested, moderator, by_dlib, arrive, settings, backend
) -> None:
    protected_face_grant(face=requested, by=moderator)
    settings.PROTECTED_KEY = "somebody changed the secret key"
    shield._kept = None
    with pytest.raises(ShieldBroken):
        current_shield()
    assert screened(arrive(picture("woman_d"))).screening == "pending"


def test_protection_holds_while_screening_is_off(
    requested, moderator, by_dlib, arrive, settings
) -> None:
    protected_face_grant(face=requested, by=moderator)
    settings.SCREENING = "off"
    assert screened(arrive(picture("woman_b_2"))).screening == "blocked"


# --- the threshold, on every pair there is --------------------------------------------------------
@pytest.mark.parametrize("network", ["dlib", "insightface", "builtin"])
def test_the_thresholds_part_the_people_of_the_test_photos(network, dlib, request) -> None:
    analyser: Any = dlib
    if network == "insightface":
        analyser = load_analyser(pack_dir())
    elif network == "builtin":
        analyser = request.getfixturevalue("builtin_analyser")
    seen = []
    for path in sorted(shared_dir("photos").glob("*.jpg")):
        image = picture(path.stem)
        for face in analyser.find_faces(image):
            if face.quality.width_px >= shield.MIN_WIDTH_PX[network]:
                seen.append((path.stem, analyser.embed(image, face)))
    same: list[float] = []
    different: list[float] = []
    for i, (a, vector) in enumerate(seen):
        for b, other in seen[i + 1 :]:
            alike = analyser.similarity(vector, other)
            shared = [names for names in PEOPLE.values() if a in names and b in names]
            # Of a person and a photo of two, the nearer face is theirs.
            if "couple" in (a, b) and shared:
                (same if alike > 0.45 else different).append(alike)
            elif shared and a != b:
                same.append(alike)
            else:
                different.append(alike)
    assert len(same) >= 7
    assert len(different) >= 100
    band = LIKENESS[network]
    assert min(same) >= band.block
    assert max(different) < band.review


def test_the_built_in_network_knows_a_protected_person(
    requested, moderator, builtin_analyser, arrive, monkeypatch
) -> None:
    monkeypatch.setattr(embedders, "_arcface", lambda: None)
    analysis.register(lambda: builtin_analyser, lambda: builtin_analyser.name)
    try:
        face = protected_face_grant(face=requested, by=moderator)
        assert set(face.embeddings) >= {"builtin", "dlib"}
        shield._kept = None
        assert screened(arrive(picture("woman_b_2"))).screening == "blocked"
        assert screened(arrive(picture("woman_d"))).screening == "clear"
    finally:
        analysis._providers.pop()
        analysis._names.pop()
        analysis._made_analyser.cache_clear()


def test_without_its_identity_network_another_looks(builtin_analyser) -> None:
    bare = BuiltinAnalyser(None, None)
    assert not can_embed(bare)
    assert can_embed(builtin_analyser)


# --- sealing and speed ----------------------------------------------------------------------------
def test_sealing_is_never_the_same_twice_and_comes_back(settings) -> None:
    vector = np.random.default_rng(0).normal(size=512).astype(np.float32)
    first, second = vector_seal(vector), vector_seal(vector)
    assert first != second
    assert (vector_unseal(first) == vector).all()
    assert unseal(seal(b"abc")) == b"abc"
    with pytest.raises(CannotUnseal):
        vector_unseal(seal(b"abc").decode())
    with pytest.raises(CannotUnseal):
        vector_unseal("not sealed")


@pytest.mark.parametrize(("network", "length"), [("dlib", 128), ("insightface", 512)])
def test_likeness_of_many_is_that_of_each_pair(network, length, dlib) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(20, length)).astype(np.float32) * 0.1
    face = vectors[3] + rng.normal(size=length).astype(np.float32) * 0.02
    kept = vectors
    if network == "insightface":
        kept = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        analyser: Any = InsightFaceAnalyser
        pairs = [analyser.similarity(None, vector, face) for vector in vectors]
    else:
        pairs = [dlib.similarity(vector, face) for vector in vectors]
    assert shield.likeness(network, kept, face) == pytest.approx(pairs, abs=1e-4)


@pytest.mark.parametrize(("network", "length"), [("dlib", 128), ("insightface", 512)])
def test_ten_thousand_are_compared_in_20_ms(network, length) -> None:
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(10_000, length)).astype(np.float32)
    face = rng.normal(size=length).astype(np.float32)
    times = []
    for _ in range(9):
        begun = time.perf_counter()
        shield.likeness(network, vectors, face)
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.020


def test_nobody_protected_costs_no_look_at_faces() -> None:
    shielded = Shield(0, {})
    assert shielded.level(np.zeros((8, 8, 3), np.uint8), [], "anything") is Level.CLEAR


# --- photos that were here before -----------------------------------------------------------------
def test_a_photo_from_before_is_compared_when_something_is_made_of_it(
    requested, moderator, by_dlib, arrive, backend
) -> None:
    hers, other = screened(arrive(picture("woman_b_2"))), screened(arrive(picture("woman_d")))
    result = np.zeros((8, 8, 3), np.uint8)
    screener = get_screener()
    assert screener.result_screen(hers.owner, result, (hers, other)).state == "clear"
    protected_face_grant(face=requested, by=moderator)
    assert screener.result_screen(hers.owner, result, (other,)).state == "clear"
    with pytest.raises(ResultBlocked) as refused:
        screener.result_screen(hers.owner, result, (other, hers))
    assert refused.value.code == "protected_face"
    hers.refresh_from_db()
    assert hers.screening == "blocked"
    # The other one was compared once and need not be again.
    assert Screening.objects.filter(photo=other).count() == 2


def test_a_comparison_that_fails_keeps_no_result(
    requested, moderator, by_dlib, arrive, backend, settings
) -> None:
    hers = screened(arrive(picture("woman_b_2")))
    protected_face_grant(face=requested, by=moderator)

    def fail(*_: Any) -> None:
        raise RuntimeError

    with pytest.MonkeyPatch.context() as patch, pytest.raises(ScreeningFailed):
        patch.setattr(Shield, "level", fail)
        get_screener().result_screen(hers.owner, np.zeros((8, 8, 3), np.uint8), (hers,))
    hers.refresh_from_db()
    assert hers.screening == "clear"
