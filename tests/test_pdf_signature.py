"""Signed files: what Poppler says of them too, whose they are, and that no changed byte is called whole."""

import errno
import os
import stat
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from shutil import which

import pypdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec
from pyhanko.sign.signers.pdf_cms import SimpleSigner
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner
from typer.testing import CliRunner

from bench.records import filled, whole_after_damage
from qa import keystore, site
from qa.cli import app
from qa.keystore import KeystoreError, Opened
from qa.site import SiteError
from qa.site_tables import Keys
from qa.store import Store
from reports import held, pdf
from reports.held import Pages, hold, told
from reports.pdf_added import only_signed
from reports.pdf_signature import Signature, put, sign, signatures

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return filled(tmp_path_factory.mktemp("signed") / "records.sqlite", 7, 1)


@pytest.fixture(scope="module")
def printed(store: Store) -> bytes:
    return pdf.render(store.get("trial-0"), store.standing("trial-0"))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    file = tmp_path_factory.mktemp("keys") / "site.p12"
    return Keys(file=file, trusted=(keystore.make(file, "Klinik Süd"),))


@pytest.fixture(scope="module")
def signed(printed: bytes, keys: Keys) -> bytes:
    return sign(printed, keystore.opened(keys), "report of record trial-0")


def made(
    folder: Path,
    name: str = "Hospital",
    key: object = None,
    begins: datetime = NOW - timedelta(days=1),
    ends: datetime = NOW + timedelta(days=9),
) -> Opened:
    """A key with a certificate of its own that nobody here made: of RSA unless ``key`` says otherwise."""
    private = key or rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).serial_number(x509.random_serial_number())
    builder = builder.public_key(private.public_key()).not_valid_before(begins).not_valid_after(ends)  # type: ignore[attr-defined]
    certificate = builder.sign(private, SHA256())  # type: ignore[arg-type]
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    content = serialize_key_and_certificates(None, private, certificate, None, NoEncryption())  # type: ignore[arg-type]
    (folder / f"{name}.p12").write_bytes(content)
    return Opened(content, None, name, ends)


def changed(content: bytes, what: str) -> IncrementalPdfFileWriter:
    """The file with something added to its first page in a revision of its own, as an editor would."""
    writer = IncrementalPdfFileWriter(BytesIO(content))
    page = writer.root["/Pages"]["/Kids"][0]
    if what == "content":
        drawn = writer.add_object(generic.StreamObject(stream_data=b"BT /F1+0 12 Tf 40 40 Td (0) Tj ET 0 0 300 300 re f"))
        writer.add_stream_to_page(0, drawn)
    else:
        note = {"/Type": "/Annot", "/Subtype": "/FreeText"}
        plain = generic.DictionaryObject({generic.pdf_name(k): generic.pdf_name(v) for k, v in note.items()})
        plain[generic.pdf_name("/Rect")] = generic.ArrayObject([generic.NumberObject(n) for n in (0, 0, 300, 300)])
        plain[generic.pdf_name("/Contents")] = generic.pdf_string("PASS")
        page[generic.pdf_name("/Annots")] = generic.ArrayObject([writer.add_object(plain)])
        writer.update_container(page)
    return writer


def test_key_is_its_owners_alone_and_never_written_over(tmp_path: Path) -> None:
    public = keystore.make(tmp_path / "site.p12", "Clinic")
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "site.p12").stat().st_mode) == 0o600
    assert b"PRIVATE" not in public.read_bytes()
    before = (tmp_path / "site.p12").read_bytes()
    with pytest.raises(KeystoreError, match="never written over"):
        keystore.make(tmp_path / "site.p12", "Clinic")
    assert (tmp_path / "site.p12").read_bytes() == before
    opened = keystore.opened(Keys(file=tmp_path / "site.p12"))
    assert opened.name == "IGRT QA of Clinic"
    assert timedelta(days=3640) < opened.ends - NOW < timedelta(days=3654)


def test_signature_leaves_every_byte_and_two_programs_find_it_good(printed: bytes, signed: bytes, keys: Keys, tmp_path: Path) -> None:
    assert signed[: len(printed)] == printed
    (found,) = signatures(signed, keystore.trusted(keys))
    assert (found.who, found.intact, found.whole, found.known, found.good) == ("IGRT QA of Klinik Süd", True, True, True, True)
    assert found.when is not None
    assert abs(found.when - datetime.now(UTC)) < timedelta(minutes=5)
    (stranger,) = signatures(signed, ())
    assert (stranger.intact, stranger.known, stranger.good) == (True, False, False)
    assert signatures(printed, ()) == ()
    if which("pdfsig") is None:
        pytest.skip("Poppler's pdfsig is not installed: only one program checked the signature")
    (tmp_path / "signed.pdf").write_bytes(signed)
    said = subprocess.run(["pdfsig", str(tmp_path / "signed.pdf")], capture_output=True, text=True, check=False).stdout
    assert "Signature Validation: Signature is Valid." in said
    assert "Total document signed" in said
    assert "ETSI.CAdES.detached" in said


def test_signed_report_is_the_records(store: Store, signed: bytes, keys: Keys) -> None:
    found = hold(signed, store, keystore.trusted(keys))
    assert (found.faults, found.pages, found.whole, [one.known for one in found.signed]) == ((), Pages.SAME, True, [True])
    assert hold(signed, store).pages is Pages.SAME  # who signed it does not matter where every byte is what this program prints


def test_report_of_another_installation_stands_by_its_signature(
    store: Store, keys: Keys, signed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = pdf.render
    monkeypatch.setattr(held.pdf, "render", lambda *of: elsewhere(*of).replace(b"%PDF-1.4", b"%PDF-1.3"))
    assert hold(signed, store, keystore.trusted(keys)).pages is Pages.SIGNED
    assert hold(signed, store).pages is Pages.WORDS
    assert not hold(signed, store).whole


@pytest.mark.parametrize("what", ["content", "note"])
def test_pages_changed_and_signed_by_a_stranger_are_not_whole(store: Store, printed: bytes, keys: Keys, tmp_path: Path, what: str) -> None:
    target = BytesIO()
    changed(printed, what).write(target)
    forged = sign(target.getvalue(), made(tmp_path), "forged")
    assert forged.startswith(printed)
    assert not only_signed(forged, printed)
    found = hold(forged, store, keystore.trusted(keys))
    assert not found.whole
    assert [(one.intact, one.known) for one in found.signed] == [(True, False)]


def test_change_hidden_in_the_revision_that_signs_is_not_whole(store: Store, printed: bytes, keys: Keys, tmp_path: Path) -> None:
    made(tmp_path, "Stranger")
    signer = SimpleSigner.load_pkcs12(str(tmp_path / "Stranger.p12"))
    forged = PdfSigner(PdfSignatureMetadata(field_name="Signature"), signer).sign_pdf(changed(printed, "note")).getvalue()
    assert signatures(forged, ())[0].intact
    assert not only_signed(forged, printed)
    assert not hold(forged, store, keystore.trusted(keys)).whole


def test_signature_drawn_over_a_page_is_not_whole(store: Store, printed: bytes, keys: Keys, tmp_path: Path) -> None:
    made(tmp_path, "Stranger")
    signer = SimpleSigner.load_pkcs12(str(tmp_path / "Stranger.p12"))
    seen = SigFieldSpec("Signature", box=(0, 0, 300, 300))
    writer = IncrementalPdfFileWriter(BytesIO(printed))
    forged = PdfSigner(PdfSignatureMetadata(field_name="Signature"), signer, new_field_spec=seen).sign_pdf(writer).getvalue()
    assert not only_signed(forged, printed)
    assert not hold(forged, store, keystore.trusted(keys)).whole


@pytest.mark.parametrize("what", ["content", "note"])
def test_pages_changed_after_they_were_signed_are_broken(store: Store, signed: bytes, keys: Keys, what: str) -> None:
    target = BytesIO()
    changed(signed, what).write(target)
    faults = hold(target.getvalue(), store, keystore.trusted(keys)).faults
    assert faults[0] == 'the signature of "IGRT QA of Klinik Süd" does not fit: the file was changed after it was signed'


def test_second_signature_leaves_the_first_one_good(store: Store, signed: bytes, keys: Keys, tmp_path: Path) -> None:
    made(tmp_path, "Physicist")
    signer = SimpleSigner.load_pkcs12(str(tmp_path / "Physicist.p12"))
    writer = IncrementalPdfFileWriter(BytesIO(signed))
    both = PdfSigner(PdfSignatureMetadata(field_name="Own"), signer).sign_pdf(writer).getvalue()
    first, second = signatures(both, keystore.trusted(keys))
    assert (first.intact, first.whole, first.known) == (True, False, True)
    assert (second.intact, second.whole, second.known) == (True, True, False)
    assert "something was added to the file after that" in first.words
    assert hold(both, store, keystore.trusted(keys)).pages is Pages.SAME


def test_bytes_after_the_signature_are_not_whole(store: Store, signed: bytes, keys: Keys) -> None:
    found = hold(signed + b"\n% stamped", store, keystore.trusted(keys))
    assert not found.whole


def test_no_signed_report_with_a_damaged_byte_is_called_whole(store: Store, keys: Keys) -> None:
    """The signature itself, which it does not cover, has as many changes as all the rest."""
    assert whole_after_damage(store, 30, seed=3, keys=keys) == []


def test_changes_of_the_signature_that_nothing_covers_are_not_good(signed: bytes, keys: Keys) -> None:
    """What cryptography does not see: versions, the list of digests, the issuer's name in other letters, the case of a digit."""
    trusted = keystore.trusted(keys)
    begin = int(pypdf.PdfReader(BytesIO(signed)).get_fields()["Signature"]["/V"]["/ByteRange"][1])  # type: ignore[index]
    digits = signed[begin:].split(b">", 1)[0]
    assert signatures(signed, trusted)[0].good
    for old, new in (
        (b"020101310F", b"020103310F"),  # the version of the whole
        (b"310F300D06096086480165030402010500", b"310F300D06096086480165030402020500"),  # SHA-256 as SHA-384
        (b"Klinik".hex().upper().encode(), b"klinik".hex().upper().encode()),  # the last one names who issued it
        (b"<3082", b"<3083"),
        (b"F70D", b"f70D"),
        (b"00" * 20, b"00" * 19 + b"01"),
    ):
        assert old in digits, old
        at = begin + digits.rindex(old)
        assert not signatures(signed[:at] + new + signed[at + len(old) :], trusted)[0].good, old


def test_certificate_counts_at_the_time_of_signing(printed: bytes, tmp_path: Path) -> None:
    late = made(tmp_path, "Late", begins=NOW + timedelta(days=1))
    assert not signatures(sign(printed, late, ""), keystore.trusted(Keys(trusted=(tmp_path / "Late.pem",))))[0].known
    ended = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    short = sign(printed, made(tmp_path, "Short", ends=ended), "")
    trusted = keystore.trusted(Keys(trusted=(tmp_path / "Short.pem",)))
    time.sleep(max(0.0, (ended - datetime.now(UTC)).total_seconds()) + 0.1)
    assert signatures(short, trusted)[0].good
    with pytest.raises(KeystoreError, match="and not today"):
        keystore.opened(Keys(file=tmp_path / "Short.p12"))


def test_certificate_of_the_hospital_is_known_by_its_root(printed: bytes, tmp_path: Path) -> None:
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    root_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Root")])
    base = (
        x509.CertificateBuilder().not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=9)).issuer_name(root_name)
    )
    root = base.subject_name(root_name).public_key(root_key.public_key()).serial_number(1)
    root_certificate = root.add_extension(x509.BasicConstraints(True, None), True).sign(root_key, SHA256())
    leaf = base.subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Radiotherapy")]))
    leaf_certificate = leaf.public_key(leaf_key.public_key()).serial_number(2).sign(root_key, SHA256())
    content = serialize_key_and_certificates(b"x", leaf_key, leaf_certificate, [root_certificate], BestAvailableEncryption(b"open"))
    (tmp_path / "hospital.p12").write_bytes(content)
    (tmp_path / "root.cer").write_bytes(root_certificate.public_bytes(Encoding.DER))
    (tmp_path / "secret").write_text("open\nanother line\n")
    keys = Keys(file=tmp_path / "hospital.p12", passphrase_file=tmp_path / "secret", trusted=(tmp_path / "root.cer",))
    (found,) = signatures(sign(printed, keystore.opened(keys), ""), keystore.trusted(keys))
    assert (found.who, found.good) == ("Radiotherapy", True)


def test_passphrase_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = keystore._certificate(key, "Clinic")
    (tmp_path / "k.p12").write_bytes(serialize_key_and_certificates(b"x", key, certificate, None, BestAvailableEncryption(b"open")))
    with pytest.raises(KeystoreError, match="without a passphrase"):
        keystore.opened(Keys(file=tmp_path / "k.p12"))
    monkeypatch.setenv("IGRTQA_PASSPHRASE", "wrong")
    with pytest.raises(KeystoreError, match="with that passphrase"):
        keystore.opened(Keys(file=tmp_path / "k.p12"))
    monkeypatch.setenv("IGRTQA_PASSPHRASE", "open")
    assert keystore.opened(Keys(file=tmp_path / "k.p12")).name == "IGRT QA of Clinic"


def test_report_is_written_unsigned_where_nothing_can_sign(printed: bytes, tmp_path: Path) -> None:
    (tmp_path / "no.p12").write_bytes(b"no keystore")
    for keys, why in ((Keys(file=tmp_path / "gone.p12"), "cannot be read"), (Keys(file=tmp_path / "no.p12"), "is no PKCS#12 file")):
        said = put(printed, tmp_path / "report.pdf", keys, "")
        assert "NOT signed" in said
        assert why in said
        assert (tmp_path / "report.pdf").read_bytes() == printed
    assert put(printed, tmp_path / "report.pdf", None, "") == str(tmp_path / "report.pdf")


def test_trusted_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    with pytest.raises(KeystoreError, match="is no certificate"):
        keystore.trusted(Keys(trusted=(tmp_path / "x.pem",)))
    with pytest.raises(KeystoreError, match="cannot be read"):
        keystore.trusted(Keys(trusted=(tmp_path / "gone.pem",)))


def run(*arguments: object, said: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(app, [*map(str, arguments)], input=said)
    return done.exit_code, done.output


def test_from_init_to_verify(store: Store, tmp_path: Path) -> None:
    clinic, report = tmp_path / "site.toml", tmp_path / "report.pdf"
    status, said = run("init", clinic, said="Klinik Süd\nLinac 1\nLINAC-E\n4711\n\n")
    assert (status, "site.p12" in said) == (0, True)
    assert site.read(clinic).keystore == Keys(file=tmp_path / "site.p12", trusted=(tmp_path / "site.pem",))
    _, said = run("report", "trial-0", "--pdf", report, "--site", clinic, "--database", store.where)
    assert "signed by IGRT QA of Klinik Süd" in said
    status, said = run("verify", report, "--site", clinic, "--database", store.where)
    assert (status, "whom the site file trusts" in said) == (0, True)
    status, said = run("verify", report, "--database", store.where)
    assert (status, "whom no site file given here trusts" in said) == (0, True)
    content = report.read_bytes()
    report.write_bytes(content.replace(b"/Reason (report of", b"/Reason (Report of"))
    status, said = run("verify", report, "--site", clinic, "--database", store.where)
    assert (status, "does not fit" in said) == (1, True)
    assert "Traceback" not in said


def test_good_signature_is_told_of_a_report_that_the_store_contradicts(keys: Keys, signed: bytes, tmp_path: Path) -> None:
    other = filled(tmp_path / "other.sqlite", 8, 1)
    found = told(signed, other, keystore.trusted(keys))
    assert found.faults
    assert "whom the site file trusts" in found.said[0]


def test_new_key_leaves_comments_and_what_the_old_one_signed(store: Store, printed: bytes, tmp_path: Path) -> None:
    clinic = tmp_path / "site.toml"
    clinic.write_text('name = "Klinik Süd"   # ours\n\n[[machine]]\nname = "Linac 1"\n', "utf-8")
    assert run("keystore", "--site", clinic)[0] == 0
    assert "# ours" in clinic.read_text("utf-8")
    old = sign(printed, keystore.opened(site.read(clinic).keystore or Keys()), "")
    status, said = run("keystore", "--site", clinic)
    assert (status, "with --renew a new key takes its place" in said) == (2, True)
    assert run("keystore", "--site", clinic, "--renew")[0] == 0
    keys = site.read(clinic).keystore or Keys()
    assert (keys.file, len(keys.trusted)) == (tmp_path / "site-2.p12", 2)
    new = sign(printed, keystore.opened(keys), "")
    (one,), (other,) = signatures(old, keystore.trusted(keys)), signatures(new, keystore.trusted(keys))
    assert one.good
    assert other.good
    assert one.fingerprint != other.fingerprint


def test_misspelt_key_of_the_keystore_is_named(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('name = "A"\nmachine = []\n[keystore]\nfil = "site.p12"\n')
    with pytest.raises(SiteError, match=r"keystore: nobody knows the key 'fil'; did you mean 'file'\?"):
        site.read(tmp_path / "site.toml")


def test_signed_file_without_a_record_is_told_by_its_signature(store: Store, keys: Keys, tmp_path: Path) -> None:
    """As an audit is: nothing inside it could be held against the store."""
    writer, target = pypdf.PdfWriter(), BytesIO()
    writer.add_blank_page(200, 200)
    writer.write(target)
    assert keys.file is not None
    clinic, file = keys.file.with_name("site.toml"), tmp_path / "audit.pdf"
    clinic.write_text('name = "A"\nmachine = []\n[keystore]\nfile = "site.p12"\ntrusted = ["site.pem"]\n')
    content = sign(target.getvalue(), keystore.opened(keys), "audit")
    file.write_bytes(content)
    status, said = run("verify", file, "--site", clinic, "--database", store.where)
    assert (status, "whom the site file trusts" in said, "no record can be read in it" in said) == (0, True, True)
    assert run("verify", file, "--database", store.where)[0] == 3
    place = content.index(b"/MediaBox")
    file.write_bytes(content[:place] + b"/mediaBox" + content[place + 9 :])
    assert run("verify", file, "--site", clinic, "--database", store.where)[0] == 1
    file.write_bytes(target.getvalue())
    assert run("verify", file, "--site", clinic, "--database", store.where)[0] == 2


def test_words_say_what_a_signature_is_worth() -> None:
    good = Signature("A", "ab" * 32, NOW, True, True, True, True)
    assert (good.fault, "whom the site file trusts" in good.words) == ("", True)
    assert "whom no site file given here trusts" in replace(good, known=False).words
    assert "not written as this program writes one" in replace(good, exact=False).words
    assert not replace(good, exact=False).good
    assert "changed after it was signed" in replace(good, intact=False).fault
    assert "cannot be read" in Signature("", "", None, False, False, False, False).fault


@pytest.mark.parametrize(
    "clinic", ["Клиника радиационной онкологии города Москвы", "Universitätsklinikum für Strahlentherapie Süd", "放射線治療" * 20]
)
def test_clinic_of_any_letters_gets_a_key(tmp_path: Path, clinic: str) -> None:
    """A name in a certificate has 64 places, and not every letter takes one."""
    keystore.make(tmp_path / "site.p12", clinic)
    said = keystore.opened(Keys(file=tmp_path / "site.p12")).name.removeprefix("IGRT QA of ")
    assert said
    assert clinic.startswith(said)


@pytest.mark.parametrize("written", ["öpen\r\nmore".encode(), "öpen\n".encode("utf-8-sig"), "öpen\r\n".encode("utf-16")])
def test_passphrase_as_windows_writes_it(tmp_path: Path, written: bytes) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    sealed = BestAvailableEncryption("öpen".encode())
    (tmp_path / "k.p12").write_bytes(serialize_key_and_certificates(b"x", key, keystore._certificate(key, "Clinic"), None, sealed))
    (tmp_path / "secret.txt").write_bytes(written)
    assert keystore.opened(Keys(file=tmp_path / "k.p12", passphrase_file=tmp_path / "secret.txt")).passphrase == "öpen".encode()


@pytest.mark.parametrize("left", ["of the key before", "\udcff"])
def test_passphrase_that_the_key_does_not_need_is_no_hindrance(
    printed: bytes, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    """After ``keystore --renew`` the variable still has that of the certificate that was replaced."""
    monkeypatch.setenv("IGRTQA_PASSPHRASE", left)
    assert put(printed, tmp_path / "report.pdf", keys, "").endswith("signed by IGRT QA of Klinik Süd")


def test_key_that_nobody_would_believe_is_refused(printed: bytes, tmp_path: Path) -> None:
    """With it every report would be signed, and every one of them by a stranger."""
    for number, key in enumerate((rsa.generate_private_key(65537, 1024), dsa.generate_private_key(2048))):
        made(tmp_path, f"weak{number}", key)
        said = put(printed, tmp_path / "report.pdf", Keys(file=tmp_path / f"weak{number}.p12"), "")
        assert "NOT signed" in said
        assert "RSA with 2048 bits or more" in said
        assert (tmp_path / "report.pdf").read_bytes() == printed


@pytest.mark.skipif(os.name != "posix", reason="rights and links as of POSIX")
def test_new_key_leaves_the_site_file_as_it_was_written(tmp_path: Path) -> None:
    """Ends of lines, comments in a list, rights, and a link to it."""
    real, link = tmp_path / "real.toml", tmp_path / "site.toml"
    before = b'name = "A"\r\nmachine = []\r\n[keystore]\r\nfile = "old.p12" # ours\r\ntrusted = [\r\n  "old.pem", # until 2030\r\n]\r\n'
    real.write_bytes(before)
    real.chmod(0o664)
    link.symlink_to(real)
    assert run("keystore", "--renew", "--site", link)[0] == 0
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o664
    after = real.read_bytes().decode()
    assert after.replace("site.p12", "old.p12").replace('"site.pem",', "").split() == before.decode().split()
    assert after.count("\r\n") >= before.count(b"\r\n")
    assert site.read(link).keystore == Keys(file=tmp_path / "site.p12", trusted=(tmp_path / "old.pem", tmp_path / "site.pem"))


def test_one_trusted_file_needs_no_list(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('name = "A"\nmachine = []\n[keystore]\nfile = "a.p12"\ntrusted = "a.pem"\n')
    assert site.read(tmp_path / "site.toml").keystore == Keys(file=tmp_path / "a.p12", trusted=(tmp_path / "a.pem",))
    assert run("keystore", "--renew", "--site", tmp_path / "site.toml")[0] == 0
    assert (site.read(tmp_path / "site.toml").keystore or Keys()).trusted == (tmp_path / "a.pem", tmp_path / "site.pem")


def test_no_key_is_left_where_the_site_file_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_to: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    clinic = tmp_path / "site.toml"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        status, said = run("init", clinic, said="A\n\n")
    assert (status, "no key was made" in said, list(tmp_path.iterdir())) == (2, True, [])
    (tmp_path / "site.pem").mkdir()  # the certificate cannot be written, and the key is then of no use
    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", lambda _place: False)
        status, said = run("init", clinic, said="A\n\n")
    assert (status, "cannot be written" in said, [one.name for one in tmp_path.iterdir()]) == (2, True, ["site.pem"])


def test_site_file_is_not_written_over_its_own_key(tmp_path: Path) -> None:
    for name in ("site.p12", "site.pem"):
        status, said = run("init", tmp_path / name, said="A\n\n")
        assert (status, "ends in .toml" in said, list(tmp_path.iterdir())) == (2, True, [])


def test_file_too_large_to_be_a_report_is_not_searched(store: Store, tmp_path: Path) -> None:
    with (tmp_path / "huge.pdf").open("wb") as file:
        file.truncate(300_000_000)
    status, said = run("verify", tmp_path / "huge.pdf", "--database", store.where)
    assert (status, "300 MB" in said, "check which file" in said) == (2, True, True)
