"""The key that a clinic's PDFs are signed with, and the certificates that they may be signed by: docs/signatures.md."""

from __future__ import annotations

import codecs
import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from qa.reading import QaError
from qa.visible import visible

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12KeyAndCertificates
    from cryptography.x509 import Certificate

    from qa.site_tables import Keys

PASSPHRASE = "IGRTQA_PASSPHRASE"
LENGTH = 64  # most that a name in a certificate may have (RFC 5280, ub-common-name)
OF = "IGRT QA of "
RSA_BITS = 2048  # fewer are not trusted (NIST SP 800-131A)
YEARS = 10  # that a certificate made here holds
RENEW = "set the clock right, or make a new key: igrtqa keystore --renew"


class KeystoreError(QaError):
    """Nothing can be signed, or no signature be told from a stranger's; the message says why and what to do."""


@dataclass(frozen=True)
class Opened:
    """A keystore that can sign: its bytes, what opens them, whose it is and until when it holds."""

    content: bytes
    passphrase: bytes | None
    name: str
    ends: datetime


def make(file: Path, clinic: str) -> Path:
    """A new key with a certificate of its own in ``file`` (PKCS#12, without a passphrase, readable by its owner alone).

    Returns the certificate's file, the same name with ``.pem``, which is no secret. Neither file may be there. KeystoreError else.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption
    from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

    key = ec.generate_private_key(ec.SECP256R1())
    certificate, public, made = _certificate(key, clinic), file.with_suffix(".pem"), []
    if there := [place for place in (file, public) if place.exists()]:
        raise KeystoreError(f"{there[0]} is there already, and a key is never written over: name another file")
    secret = serialize_key_and_certificates(b"igrtqa", key, certificate, None, NoEncryption())
    try:
        for place, content, mode in ((file, secret, 0o600), (public, certificate.public_bytes(Encoding.PEM), 0o666)):
            with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as target:
                made.append(place)
                target.write(content)
    except OSError as error:
        for place in made:  # half of what was to be made is of no use, and would be in the way of another try
            place.unlink(missing_ok=True)
        raise KeystoreError(f"{error.filename or file}: the key cannot be written ({error.strerror}): choose another folder") from error
    return public


def _certificate(key: object, clinic: str) -> Certificate:
    """A certificate for signing documents and nothing else, of the clinic's own word."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import NameOID

    if not isinstance(key, EllipticCurvePrivateKey):
        raise TypeError("expected a key of an elliptic curve")
    words = " ".join(clinic.split()).encode()[: LENGTH - len(OF)].decode(errors="ignore")  # the library counts bytes
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, words), x509.NameAttribute(NameOID.COMMON_NAME, f"{OF}{words}")])
    now = datetime.now(UTC).replace(microsecond=0)
    may_sign = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # another computer's clock may be behind
        .not_valid_after(now.replace(year=now.year + YEARS, day=min(now.day, 28)))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(may_sign, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


def opened(keys: Keys) -> Opened:
    """The site's keystore, ready to sign. KeystoreError when there is none, it does not open, or its certificate does not hold today."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if keys.file is None:
        raise KeystoreError("the site file's [keystore] names no file with a key")
    content = _read(keys.file, "keystore")
    found, passphrase = _loaded(content, _passphrase(keys), keys.file)
    if found.key is None or found.cert is None:
        raise KeystoreError(f"the keystore {keys.file} holds no key with its certificate: export both from where it was made")
    strong = isinstance(found.key, EllipticCurvePrivateKey) or (isinstance(found.key, RSAPrivateKey) and found.key.key_size >= RSA_BITS)
    if not strong:  # others sign what no PDF reader, and not this program either, takes for signed
        raise KeystoreError(f"the key in {keys.file} signs no PDF: take one of an elliptic curve, or of RSA with {RSA_BITS} bits or more")
    certificate, now = found.cert.certificate, datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        held = f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
        raise KeystoreError(f"the certificate in {keys.file} holds from {held}, and not today: {RENEW}")
    return Opened(content, passphrase, named(certificate), certificate.not_valid_after_utc)


def _loaded(content: bytes, passphrase: bytes | None, file: Path) -> tuple[PKCS12KeyAndCertificates, bytes | None]:
    """What is in the keystore, and the passphrase that it needs: a key that ``make`` made has none, whatever opened the one before it."""
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

    if passphrase is not None:
        with contextlib.suppress(ValueError, TypeError):
            return load_pkcs12(content, passphrase), passphrase
    try:
        return load_pkcs12(content, None), None
    except (ValueError, TypeError) as error:
        wrong = "with that passphrase" if passphrase else f"without a passphrase (passphrase_file in the site file, or {PASSPHRASE})"
        raise KeystoreError(f"the keystore {file} cannot be opened {wrong}, or is no PKCS#12 file") from error


def trusted(keys: Keys | None) -> tuple[Certificate, ...]:
    """The certificates that the site file trusts, none without a keystore. KeystoreError where a file of them cannot be read."""
    from cryptography import x509

    found: list[Certificate] = []
    for file in keys.trusted if keys is not None else ():
        content = _read(file, "certificate")
        try:
            found += x509.load_pem_x509_certificates(content) if b"-----BEGIN" in content else [x509.load_der_x509_certificate(content)]
        except ValueError as error:
            raise KeystoreError(f"{file}, trusted by the site file, is no certificate in PEM or DER") from error
    return tuple(found)


def named(certificate: Certificate) -> str:
    """Whose certificate it is, by its common name, else all of its name."""
    from cryptography.x509.oid import NameOID

    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return spelled(str(names[0].value) if names else certificate.subject.rfc4514_string())


def spelled(name: str) -> str:
    """A certificate's name, a short line to stand in quotation marks. Whoever makes a certificate names it as they like."""
    shown = visible(name).replace('"', "'")
    return shown if len(shown) <= LENGTH else f"{shown[: LENGTH - 1]}…"


def _passphrase(keys: Keys) -> bytes | None:
    """What opens the keystore: the first line of its file, else the environment's; None: nothing."""
    if keys.passphrase_file is None:
        return os.fsencode(os.environ.get(PASSPHRASE, "")) or None
    content = _read(keys.passphrase_file, "passphrase")
    if content.startswith(codecs.BOM_UTF16_LE):  # as Windows PowerShell writes a text
        content = content.decode("utf-16", "replace").encode()
    lines = content.removeprefix(codecs.BOM_UTF8).splitlines()
    return lines[0] if lines and lines[0] else None


def _read(file: Path, what: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise KeystoreError(f"the {what} {file} cannot be read ({error.strerror}): see [keystore] in the site file") from error
