"""The key that signs content credentials, its certificate, and the roots they are trusted by.

Where the operator names no certificate, the site makes its own: a root (P-256, 25 years) and under
it a leaf (20 years: without a time stamp a signature is worth something as long as its certificate
is valid). They lie in ``PROVENANCE_DIR``:

- ``authority.pem``: the root's key and certificate, needed for renewing only;
- ``signer.pem``: the leaf's key, its certificate and the root's, all that a worker needs;
- ``former-roots.pem``: certificates of roots that were replaced, so that old pictures verify.

Each is written beside and then linked or moved into place, so that processes which start at the
same moment end up with one and the same, and a crash leaves either the old file or the new one.
"""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.conf import settings

ROOT_LIFE = timedelta(days=25 * 365)
LEAF_LIFE = timedelta(days=20 * 365)
# A root with less than this left is replaced when the leaf is renewed.
ROOT_FLOOR = timedelta(days=10 * 365)
WARN_AHEAD = timedelta(days=30)
# Clocks of machines differ a little.
BACKDATED = timedelta(hours=1)

_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


class KeysError(Exception):
    """Nothing can be signed; the message says why and holds no secret."""


class KeysMissing(KeysError):
    """There is no certificate or no key."""


@dataclass(frozen=True)
class Identity:
    """What signs pictures of this site.

    Attributes:
        chain: certificates in PEM, the signing one first.
        key: its private key in PEM (PKCS #8).
        algorithm: C2PA's name of the signature, such as ``es256``.
        not_before, not_after: when the whole chain is valid.
        root: the last certificate of the chain, in PEM.
        own: whether the site made it itself.
    """

    chain: str
    key: bytes
    algorithm: str
    not_before: datetime
    not_after: datetime
    root: str
    own: bool

    def check_valid(self) -> None:
        """Raise `KeysError` outside the time that the certificates are for."""
        now = datetime.now(UTC)
        if now > self.not_after:
            raise KeysError(f"the signing certificate expired on {self.not_after:%d %B %Y}")
        if now < self.not_before:
            raise KeysError(f"the signing certificate is not valid before {self.not_before}")

    def __repr__(self) -> str:
        """Nothing of the key."""
        return f"Identity({self.algorithm}, until {self.not_after:%Y-%m-%d})"


def folder() -> Path:
    """Where keys that the site made itself lie."""
    return Path(settings.PROVENANCE_DIR)


def is_configured() -> bool:
    """Whether the operator brings certificate and key."""
    return bool(settings.PROVENANCE_CERT or settings.PROVENANCE_KEY)


def will_be_made() -> bool:
    """Whether there is no key yet and the first result makes one."""
    here = (folder() / "signer.pem").exists()
    return bool(settings.PROVENANCE_AUTO_INIT) and not is_configured() and not here


def expires_soon(identity: Identity) -> bool:
    """Whether somebody should renew it within the next `WARN_AHEAD`."""
    return identity.not_after - datetime.now(UTC) < WARN_AHEAD


def identity_load() -> Identity:
    """The identity to sign with; made first where there is none and the site may make one.

    A renewed file is noticed at the next call.

    Raises:
        KeysMissing: there is none.
        KeysError: it cannot be used.
    """
    if is_configured():
        if not (settings.PROVENANCE_CERT and settings.PROVENANCE_KEY):
            raise KeysMissing(
                "FACEWEB_PROVENANCE_CERT and FACEWEB_PROVENANCE_KEY belong together: one is missing"
            )
        return _parsed(settings.PROVENANCE_CERT, settings.PROVENANCE_KEY, False)
    path = folder() / "signer.pem"
    if not path.exists():
        if not settings.PROVENANCE_AUTO_INIT:
            raise KeysMissing("there is no signing key: manage.py provenance init makes one")
        identity_init()
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise KeysError(f"{path} cannot be read") from error
    return _parsed(text, text, True)


def identity_init() -> bool:
    """Make root and leaf unless they are here; whether anything was made."""
    where = folder()
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (where / "signer.pem").exists():
        return False
    _keep_first(where / "authority.pem", _root_make())
    _keep_first(where / "signer.pem", _leaf_make(_read(where / "authority.pem")))
    return True


def identity_renew(*, new_root: bool = False) -> None:
    """Make a new leaf, and a new root too if asked for or if the old one ends too soon.

    Raises:
        KeysError: the keys come from the operator, or are not here.
    """
    if is_configured():
        raise KeysError("the certificate is set by FACEWEB_PROVENANCE_CERT: renew it where it is")
    where = folder()
    try:
        authority = _read(where / "authority.pem")
    except OSError as error:
        raise KeysMissing(f"{where / 'authority.pem'} is not here: renew where it lies") from error
    root = x509.load_pem_x509_certificate(authority.encode())
    if new_root or root.not_valid_after_utc - datetime.now(UTC) < ROOT_FLOOR:
        former = where / "former-roots.pem"
        known = _read(former) if former.exists() else ""
        _replace(former, _pem(root) + known)
        authority = _root_make()
        _replace(where / "authority.pem", authority)
    _replace(where / "signer.pem", _leaf_make(authority))


def roots_load() -> list[str]:
    """Root certificates in PEM that pictures of this site are trusted by, the current one first.

    They are public. Empty where there are no keys yet.
    """
    texts = []
    with suppress(KeysError):
        texts.append(identity_load().root)
    texts.append(settings.PROVENANCE_ROOTS)
    former = folder() / "former-roots.pem"
    if former.exists():
        texts.append(_read(former))
    found: dict[bytes, str] = {}
    for certificate in _certificates("\n".join(texts)):
        found.setdefault(certificate.fingerprint(hashes.SHA256()), _pem(certificate))
    return list(found.values())


def root_fingerprint(pem: str) -> str:
    """SHA-256 of a certificate, in pairs of hex digits as other programs show it."""
    digest = x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA256())
    return digest.hex(":").upper()


@lru_cache(maxsize=4)
def _parsed(certificates: str, key_text: str, own: bool) -> Identity:
    try:
        chain = x509.load_pem_x509_certificates(certificates.encode())
        key = load_pem_private_key(_key_block(key_text), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeysError("certificate or key are not PEM that can be read") from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        algorithm = _CURVES[key.curve.name]
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm = "ed25519"
    else:
        raise KeysError("the key must be on the curve P-256, P-384, P-521 or Ed25519")
    public = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if chain[0].public_key().public_bytes(*public) != key.public_key().public_bytes(*public):
        raise KeysError("the key does not belong to the first certificate")
    if len(chain) < 2:
        raise KeysError("the chain must hold the signing certificate and who issued it")
    return Identity(
        chain="".join(_pem(certificate) for certificate in chain),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        algorithm=algorithm,
        not_before=max(certificate.not_valid_before_utc for certificate in chain),
        not_after=min(certificate.not_valid_after_utc for certificate in chain),
        root=_pem(chain[-1]),
        own=own,
    )


def _key_block(text: str) -> bytes:
    """The private key alone, of a file that may hold certificates too."""
    begin = text.find("-----BEGIN", max(0, text.find("PRIVATE KEY-----") - 32))
    end = text.find("-----END", begin)
    return text[begin : text.find("\n", end) + 1 or None].encode()


def _certificates(text: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(text.encode()) if "BEGIN CERTIFICATE" in text else []


def _root_make() -> str:
    """Key and certificate of a new root, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("root")
    builder = (
        _builder(name, name, key.public_key(), ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _key_pem(key) + _pem(builder.sign(key, hashes.SHA256()))


def _leaf_make(authority: str) -> str:
    """Key and certificates of a new leaf under ``authority``, in PEM.

    C2PA 2.x, certificate profile: an end entity with digitalSignature alone, an extended key usage,
    an organisation's name, and both key identifiers.
    """
    root = x509.load_pem_x509_certificate(authority.encode())
    root_key = load_pem_private_key(_key_block(authority), None)
    if not isinstance(root_key, ec.EllipticCurvePrivateKey):
        raise KeysError("the root's key is not one that this site made")
    key = ec.generate_private_key(ec.SECP256R1())
    left = root.not_valid_after_utc - datetime.now(UTC)
    builder = (
        _builder(_name("signer"), root.subject, key.public_key(), min(LEAF_LIFE, left))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
            critical=False,
        )
    )
    return _key_pem(key) + _pem(builder.sign(root_key, hashes.SHA256())) + _pem(root)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
    )


def _name(role: str) -> x509.Name:
    host = urlsplit(settings.PUBLIC_BASE_URL).hostname or "localhost"
    # X.520 allows 64 characters.
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"faceweb at {host}"[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, f"faceweb {role} {secrets.token_hex(4)}"),
        ]
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _read(path: Path) -> str:
    return path.read_text(encoding="ascii")


def _beside(path: Path, content: str) -> Path:
    made = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    made.touch(mode=0o600)
    made.write_text(content, encoding="ascii")
    return made


def _keep_first(path: Path, content: str) -> None:
    """Write ``path`` unless it is there: of several processes the first link wins."""
    made = _beside(path, content)
    try:
        path.hardlink_to(made)
    except FileExistsError:
        pass
    finally:
        made.unlink()


def _replace(path: Path, content: str) -> None:
    os.replace(_beside(path, content), path)  # noqa: PTH105 - says that it replaces
