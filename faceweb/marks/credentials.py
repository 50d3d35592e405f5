"""Content credentials (C2PA): who made a picture with what, signed, inside the file.

The manifest of a result says: a picture was opened, its faces were edited with a trained model, an
invisible mark was put in. It names no person, no file and no id, and holds no thumbnail, which
would show the photo from before.

What a picture was made on is its parent ingredient. Where that is a result too, its own manifests
are carried along, so that their signatures can still be checked. Each adds 6 KB and 5 ms, so they
are carried while the parent's take at most `CHAIN_BYTES`; a longer history begins anew there. The
list of all steps is in every manifest (`HISTORY`), whatever was left behind.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from faceweb.marks.containers import (
    DIGITAL_SOURCE_TYPE,
    HISTORY,
    credentials_size,
    media_type_of,
    without_credentials,
)
from faceweb.marks.keys import Identity, identity_load
from faceweb.media.makers import Step, step_describe

if TYPE_CHECKING:
    import c2pa

CHAIN_BYTES: Final = 12_000
# About sixty bytes each: with them, too, a picture's credentials stay below 20 KB.
STEPS: Final = 24

# Offline, and without what would copy pixels into the manifest. What was signed is not read again:
# half of the time, for a fault that tests would find.
_SETTINGS: Final = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {
        "verify_after_sign": False,
        "remote_manifest_fetch": False,
        "ocsp_fetch": False,
    },
}


@dataclass(frozen=True)
class Claim:
    """What a manifest says.

    Attributes:
        parent: the JPEG or WebP file that the picture was made from.
        steps: all that was done to the picture, the oldest first.
        actions: what was done to ``parent``, as C2PA actions without their defaults.
    """

    parent: bytes
    steps: tuple[Step, ...]
    actions: tuple[dict[str, Any], ...]


def result_claim(parent: bytes, steps: tuple[Step, ...]) -> Claim:
    """The claim of a result whose last step has just been made of ``parent``."""
    last = steps[-1]
    return Claim(
        parent,
        steps,
        (
            {
                "action": "c2pa.edited",
                "when": last.at,
                "description": f"{step_label(last)}, {last.engine} engine",
            },
            {"action": "c2pa.watermarked.unbound", "when": last.at},
        ),
    )


def copy_claim(parent: bytes, steps: tuple[Step, ...], *, resized: bool, badged: bool) -> Claim:
    """The claim of a copy of the result ``parent`` that leaves the site."""
    actions = []
    if resized:
        actions.append({"action": "c2pa.resized"})
    if badged:
        actions.append({"action": "c2pa.edited", "description": "The label AI-edited was added"})
    return Claim(parent, steps, tuple(actions))


def step_public(step: Step) -> dict[str, str]:
    """A step as anybody may read it: what kind of thing was done, and not how far."""
    return {"kind": step.kind, "engine": step.engine, "at": step.at}


def step_from_public(data: Mapping[str, str]) -> Step:
    """A step as `step_public` gives it."""
    return Step(data["kind"], data["engine"], data["at"])


def step_label(step: Step) -> str:
    """What kind of thing was done, such as ``Face swap``."""
    return step_describe(replace(step, what={})).label


def credentials_sign(content: bytes, media_type: str, claim: Claim, *, chain: bool = True) -> bytes:
    """The file with signed content credentials.

    Args:
        content: a JPEG or WebP without credentials, its other metadata in place.
        media_type: ``image/jpeg`` or ``image/webp``.
        claim: what to say.
        chain: whether manifests of the parent are carried along.

    Raises:
        KeysError: there is no key, or its certificate is not valid now.
        c2pa.C2paError: it cannot be signed.
        ValueError: the parent is neither a JPEG nor a WebP.
    """

    import c2pa

    identity = identity_load()
    identity.check_valid()
    signer, context = _signer(identity)
    builder = c2pa.Builder(_manifest(claim), context)
    parent = claim.parent
    if not chain or credentials_size(parent) > CHAIN_BYTES:
        parent = without_credentials(parent)
    ingredient = {"relationship": "parentOf", "label": "parent"}
    builder.add_ingredient(ingredient, media_type_of(parent), io.BytesIO(parent))
    signed = io.BytesIO()
    builder.sign(signer, media_type, io.BytesIO(content), signed)
    builder.close()
    return signed.getvalue()


def _manifest(claim: Claim) -> dict[str, Any]:
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}}
    done = [
        {
            **action,
            "softwareAgent": {"name": "faceweb"},
            "digitalSourceType": DIGITAL_SOURCE_TYPE,
        }
        for action in claim.actions
    ]
    history: dict[str, Any] = {"steps": [step_public(step) for step in claim.steps[-STEPS:]]}
    if len(claim.steps) > STEPS:
        history["earlier"] = len(claim.steps) - STEPS
    return {
        "claim_generator_info": [{"name": "faceweb"}],
        "title": "AI-edited picture",
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [opened, *done]}},
            {"label": HISTORY, "data": history},
        ],
    }


@lru_cache(maxsize=2)
def _signer(identity: Identity) -> tuple[c2pa.Signer, c2pa.Context]:
    import c2pa

    info = c2pa.C2paSignerInfo(
        identity.algorithm.encode(), identity.chain.encode(), identity.key, None
    )
    settings = {**_SETTINGS, "trust": {"trust_anchors": identity.root}}
    # A signer that is given the key reserves 2 KB for its signature, one that calls back 11 KB.
    return c2pa.Signer.from_info(info), c2pa.Context.from_json(json.dumps(settings))
