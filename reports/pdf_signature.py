"""The site's electronic signature of a PDF (PAdES baseline B-B), and what the signatures in a PDF are worth."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa import keystore
from qa.reading import QaError
from reports import disk, numbers
from reports.shapes import Canvas

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from qa.site_tables import Keys

FIELD = "Signature"
logging.getLogger("pyhanko").setLevel(logging.CRITICAL + 1)  # what it cannot read is said here in words
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True)
class Signature:
    """One signature in a PDF.

    ``intact``: it is that of the bytes it covers, which are all but its own, and of the certificate in it, and what was added to the file
    since is no more than further signatures. ``exact``: its own bytes, which no signature covers, are what this program writes. ``whole``:
    it covers the file to its last byte. ``known``: by a certificate that the site file trusts, at the time that the signer's clock showed.
    ``who``, ``fingerprint``: of that certificate; "" where the signature cannot be read.
    """

    who: str
    fingerprint: str
    when: datetime | None
    intact: bool
    exact: bool
    whole: bool
    known: bool

    @property
    def fault(self) -> str:
        """What is wrong with it, "" nothing."""
        if self.intact:
            return ""
        return f'the signature of "{self.who}" does not fit: the file was changed after it was signed' if self.who else UNREADABLE

    @property
    def good(self) -> bool:
        """Whether one of the site's own signed this very file, and nothing was changed in it, the signature included."""
        return self.intact and self.exact and self.whole and self.known

    @property
    def words(self) -> str:
        """Who signed it, and what that is worth, for a person."""
        when = f" on {numbers.moment(self.when)} by its own clock" if self.when else ""
        whom = "whom the site file trusts" if self.known else "whom no site file given here trusts"
        added = "" if self.whole else "; something was added to the file after that"
        other = "" if self.exact else "; the signature is not written as this program writes one"
        return f'signed by "{self.who}"{when}, {whom}, certificate SHA-256 {self.fingerprint[:16]}…{added}{other}'


UNREADABLE = "it has a signature that cannot be read: the file was changed after it was signed"


def put(content: bytes, path: Path, keys: Keys | None, reason: str) -> str:
    """The PDF in its file, signed where the site has a key; what to say of it. An unsigned report is better than none."""
    if keys is None or keys.file is None:
        return str(disk.put(content, path))
    try:
        opened = keystore.opened(keys)
        signed = sign(content, opened, reason)
    except QaError as error:
        return f"{disk.put(content, path)}, NOT signed: {error}"
    return f"{disk.put(signed, path)}, signed by {opened.name}"


def ready(canvas: Canvas) -> None:
    """An empty form in the document that the canvas draws: a signature then adds to it and alters nothing that is there."""
    from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary

    canvas._doc.Catalog.AcroForm = PDFDictionary({"Fields": PDFArray([])})


def sign(content: bytes, opened: keystore.Opened, reason: str) -> bytes:
    """The PDF with a signature at its end; all its bytes stay. KeystoreError when that key signs no PDF."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import SigSeedSubFilter
    from pyhanko.sign.general import SigningError
    from pyhanko.sign.signers.pdf_cms import SimpleSigner
    from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner

    signer = SimpleSigner.load_pkcs12_data(opened.content, [], passphrase=opened.passphrase)
    said = PdfSignatureMetadata(field_name=FIELD, subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256", reason=reason)
    try:
        return bytes(PdfSigner(said, signer).sign_pdf(IncrementalPdfFileWriter(BytesIO(content))).getvalue())
    except (SigningError, ValueError, NotImplementedError) as error:
        raise keystore.KeystoreError(f"this key signs no PDF ({error}): take one of RSA or an elliptic curve") from error


def signatures(content: bytes, trusted: Sequence[Certificate]) -> tuple[Signature, ...]:
    """The signatures in a PDF, in order of signing, offline. A file that has one which cannot be read says so by a Signature of nobody."""
    if b"/ByteRange" not in content:
        return ()
    from pyhanko.pdf_utils.reader import PdfFileReader

    try:
        return tuple(_signature(one, trusted, content) for one in PdfFileReader(BytesIO(content)).embedded_signatures)
    except Exception:  # pyHanko raises many kinds of its own and of Python's, for every kind of damage
        return (Signature("", "", None, False, False, False, False),)


def _signature(embedded: Any, trusted: Sequence[Certificate], content: bytes) -> Signature:
    from asn1crypto.x509 import Certificate as Plain
    from cryptography.hazmat.primitives.serialization import Encoding
    from pyhanko.sign.diff_analysis import ModificationLevel
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.settings import KeyUsageConstraints
    from pyhanko.sign.validation.status import SignatureCoverageLevel
    from pyhanko_certvalidator import ValidationContext

    when = embedded.self_reported_timestamp
    roots = [Plain.load(one.public_bytes(Encoding.DER)) for one in trusted]
    context = ValidationContext(trust_roots=roots, allow_fetching=False, moment=when)
    stated = embedded.signer_cert.key_usage_value  # None: for any use (RFC 5280, 4.2.1.3)
    usage = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"} if stated else set(), match_all_key_usages=False)
    status = validate_pdf_signature(embedded, context, key_usage_settings=usage)
    certificate = embedded.signer_cert  # where it is trusted itself, nobody asks for its dates
    held = when is not None and certificate.not_valid_before <= when <= certificate.not_valid_after
    changed = status.modification_level not in (None, ModificationLevel.NONE, ModificationLevel.LTA_UPDATES, ModificationLevel.FORM_FILLING)
    return Signature(
        who=keystore.spelled(str(certificate.subject.native.get("common_name") or certificate.subject.human_friendly)),
        fingerprint=certificate.sha256.hex(),
        when=when,
        intact=bool(status.intact and status.valid and not changed and _covers_the_rest(embedded, content)),
        exact=_exact(embedded, content),
        whole=status.coverage == SignatureCoverageLevel.ENTIRE_FILE,
        known=bool(status.trusted and held),
    )


def _covers_the_rest(embedded: Any, content: bytes) -> bool:
    """Whether the one gap in what it covers is its own digits: pyHanko compares lengths, and a later signature can state any."""
    start, length, end, _ = (int(number) for number in embedded.byte_range)
    return start == 0 < length < end and content[length:end].lower() == b"<" + bytes(embedded.pkcs7_content).hex().encode() + b">"


def _exact(embedded: Any, content: bytes) -> bool:
    """Whether what no signature covers, the signature itself, is as this program writes it: to the byte, digits of one case, then zeros.

    Whatever a change of it would leave unnoticed is asked for: versions, the list of digests, the name of who issued the certificate.
    """
    from asn1crypto.cms import ContentInfo

    _, length, end, _ = (int(number) for number in embedded.byte_range)
    gap, written = content[length:end], bytes(embedded.pkcs7_content)
    digits = gap[1:-1]
    one_case = gap == b"<" + digits + b">" and digits in (written.hex().encode(), written.hex().upper().encode())
    info = ContentInfo.load(written)
    plain = info.dump(force=True)
    if not one_case or not written.startswith(plain) or any(written[len(plain) :]):
        return False
    signed, (signer,) = info["content"], info["content"]["signer_infos"]
    by, certificate = signer["sid"].chosen, embedded.signer_cert
    return (
        (signed["version"].native, signer["version"].native) == ("v1", "v1")
        and [one.dump() for one in signed["digest_algorithms"]] == [signer["digest_algorithm"].dump()]
        and (by["issuer"].dump(), by["serial_number"].native) == (certificate.issuer.dump(), certificate.serial_number)
    )
