# ruff: noqa: F811 - fixtures
"""Files forged by somebody who knows PDF: what no honest program writes is not called signed, nor the record's report."""

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pypdf
import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, append_signature_field
from pyhanko.sign.signers.pdf_cms import SimpleSigner
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner
from test_pdf_signature import keys, printed, store  # noqa: F401 - fixtures

from qa import keystore
from qa.site_tables import Keys
from qa.store import Store
from reports import pdf
from reports.held import Pages, hold, told
from reports.pdf_signature import Signature, sign, signatures

Change = Callable[[IncrementalPdfFileWriter], None]


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> SimpleSigner:
    file = tmp_path_factory.mktemp("stranger") / "k.p12"
    keystore.make(file, "Stranger")
    return SimpleSigner.load_pkcs12(str(file))


def signed_by(signer: SimpleSigner, content: bytes, change: Change = lambda writer: None, name: str = "Signature") -> bytes:
    """The file with a change that is made in the very revision that signs it, so that the signature covers it."""
    writer = IncrementalPdfFileWriter(BytesIO(content))
    change(writer)
    return bytes(PdfSigner(PdfSignatureMetadata(field_name=name), signer).sign_pdf(writer).getvalue())


def title(writer: IncrementalPdfFileWriter) -> None:
    info = writer.trailer["/Info"]
    info[generic.pdf_name("/Author")] = generic.pdf_string("Somebody else")
    writer.update_container(info)


def metadata(writer: IncrementalPdfFileWriter) -> None:
    """What Acrobat shows as the title, before that of the file's own table."""
    name = b"<rdf:Description rdf:about='' xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title>PASS</dc:title></rdf:Description>"
    whole = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>%s</rdf:RDF></x:xmpmeta>"
    stated = generic.StreamObject({generic.pdf_name("/Type"): generic.pdf_name("/Metadata")}, stream_data=whole % name)
    stated[generic.pdf_name("/Subtype")] = generic.pdf_name("/XML")
    writer.root[generic.pdf_name("/Metadata")] = writer.add_object(stated)
    writer.update_root()


def orphan(writer: IncrementalPdfFileWriter) -> None:
    """Objects that nothing refers to until a reader rebuilds the file, and takes the last catalogue that it finds."""
    writer.add_object(generic.StreamObject(stream_data=b"BT (PASS) Tj ET"))


def script(writer: IncrementalPdfFileWriter) -> None:
    act = {generic.pdf_name("/S"): generic.pdf_name("/JavaScript"), generic.pdf_name("/JS"): generic.pdf_string("app.alert('PASS')")}
    writer.root[generic.pdf_name("/OpenAction")] = generic.DictionaryObject(act)
    writer.update_root()


def field() -> Change:
    """An empty field of a signature beside the one that is made, white over the verdict."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        append_signature_field(writer, SigFieldSpec("Seen", on_page=0))
        (empty,) = (one.get_object() for one in writer.root["/AcroForm"]["/Fields"])
        empty[generic.pdf_name("/Rect")] = generic.ArrayObject([generic.NumberObject(number) for number in (90, 600, 300, 720)])
        white = generic.ArrayObject([generic.NumberObject(1)] * 3)
        empty[generic.pdf_name("/MK")] = generic.DictionaryObject({generic.pdf_name("/BG"): white})
        writer.update_container(empty)

    return change


def test_empty_field_over_a_verdict_is_not_the_records_report(store: Store, keys: Keys, printed: bytes, stranger: SimpleSigner) -> None:
    """Poppler draws it as a white box."""
    forged = signed_by(stranger, printed, field())
    assert signatures(forged, ())[0].intact
    assert hold(forged, store).pages is Pages.WORDS
    after = signed_by(stranger, sign(printed, keystore.opened(keys), ""), lambda writer: None, "Second")
    assert hold(after, store, keystore.trusted(keys)).pages is Pages.SAME  # a second signature alone


@pytest.mark.parametrize("change", [title, metadata, orphan, script])
def test_what_a_signature_does_not_need_is_not_the_records_report(
    store: Store, printed: bytes, stranger: SimpleSigner, change: Change
) -> None:
    assert hold(signed_by(stranger, printed), store).pages is Pages.SAME  # the signature alone
    forged = signed_by(stranger, printed, change)
    assert signatures(forged, ())[0].intact
    assert hold(forged, store).pages is Pages.WORDS


def test_object_that_no_table_lists_is_not_the_records_report(store: Store, printed: bytes, stranger: SimpleSigner) -> None:
    """MuPDF searches a file for its objects where the table cannot be right (a size of 9 million), and shows the last that it finds."""
    page = pypdf.PdfReader(BytesIO(printed)).pages[0].indirect_reference
    start = printed[printed.rindex(b"startxref") :]
    assert page is not None
    for hidden in (
        b"%d 0 obj\n<< /Type /Page >>\nendobj\n" % page.idnum,
        b"%d 0obj<< /Type /Page >>\nendobj\n" % page.idnum,
        b"trailer\n<< >>\n",
    ):
        assert hold(signed_by(stranger, printed + hidden + start), store).pages is Pages.WORDS


def widened(signed: bytes) -> bytes:
    """A signed file with another first page, in a later revision that states anew where the signature lies and how long it is.

    It covers what it covered. But its length is such that all of the file seems to be covered or to be the signature: it is written as
    plain bytes, which a signature never is, and takes up half the room that its length stands for.
    """
    reader = PdfFileReader(BytesIO(signed))
    (one,) = reader.embedded_signatures
    _, first, _, last = (int(number) for number in one.byte_range)
    field, page = one.sig_field.raw_get("/V").idnum, reader.root["/Pages"]["/Kids"].raw_get(0).idnum
    size, start = (re.findall(word + rb"\s(\d+)", signed)[-1] for word in (b"/Size", b"startxref"))
    dated, parent = str(one.sig_object["/M"]).encode(), reader.root.raw_get("/Pages").idnum
    digits = b"".join(b"\\%03o" % byte for byte in bytes(one.pkcs7_content).rstrip(b"\0"))

    def made(zeros: int) -> tuple[bytes, int]:
        places, out = [], signed
        said = b"/Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /M (%s) /ByteRange %s /Contents (%s)"
        spans = b"[%s]" % b" ".join(str(int(number)).encode() for number in one.byte_range)
        for number, body in (
            (field, said % (dated, spans, digits + b"\0" * zeros)),
            (page, b"/Type /Page /Parent %d 0 R /MediaBox [0 0 595 842]" % parent),
        ):
            places.append(b"%d 1\n%010d 00000 n \n" % (number, len(out)))
            out += b"%d 0 obj\n<< %s >>\nendobj\n" % (number, body)
        end = len(out)
        root, info = (reader.trailer.raw_get(name).idnum for name in ("/Root", "/Info"))
        trailer = b"<< /Size %s /Root %d 0 R /Info %d 0 R /Prev %s >>" % (size, root, info, start)
        out += b"xref\n%strailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (b"".join(places), trailer, end)
        return out, first + last + 2 * (len(digits) // 4 + zeros) + 2

    zeros = 0
    while (found := made(zeros))[0] and len(found[0]) != found[1]:
        zeros += len(found[0]) - found[1]
    return found[0]


def test_signature_that_says_where_it_lies_does_not_cover_what_came_after_it(store: Store, keys: Keys) -> None:
    """As an audit: no record inside that the pages could be held against."""
    writer, target = pypdf.PdfWriter(), BytesIO()
    writer.add_blank_page(200, 200)
    writer.write(target)
    trusted = keystore.trusted(keys)
    for plain in (target.getvalue(), pdf.render(store.get("trial-0"), store.standing("trial-0"))):
        signed = sign(plain, keystore.opened(keys), "audit")
        (one,) = signatures(signed, trusted)
        assert one.good
        forged = widened(signed)
        assert pypdf.PdfReader(BytesIO(forged)).pages[0].mediabox.width == 595
        assert [(found.intact, found.good) for found in signatures(forged, trusted)] == [(False, False)]
        found = told(forged, store, trusted)
        assert "does not fit" in found.faults[0]
        assert not any("trusts" in words for words in found.said)


def test_name_in_a_certificate_says_nothing_beyond_itself(tmp_path: Path, printed: bytes) -> None:
    """Whoever makes a certificate names it as they like: as whom the site file trusts, with what a terminal obeys, or over lines."""
    name = 'A" on 2026-01-01, whom the site file trusts\x1b[2K\nZ'
    shown = keystore.spelled(name)
    assert (shown.count('"'), "\x1b" in shown, "\n" in shown) == (0, False, False)
    assert len(keystore.spelled("B" * 1000)) == 64
    keystore.make(tmp_path / "k.p12", 'A", whom the site file trusts')
    (one,) = signatures(sign(printed, keystore.opened(Keys(file=tmp_path / "k.p12")), ""), ())
    assert one.words.startswith('signed by "IGRT QA of A\', whom the site file trusts" on ')
    assert "whom no site file given here trusts" in one.words
    assert Signature("A", "", None, False, True, True, True).fault.startswith('the signature of "A" does not fit')


def test_report_whose_record_cannot_be_read_is_left_open(store: Store, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one of a later version of the program: what the site signed is told, but nobody held it against the store."""
    monkeypatch.setattr("reports.page.contents", lambda *_of: {"record.json": b"{}", "standing.json": b'{"unknown": 1}'})
    plain, trusted = pdf.render(store.get("trial-0"), store.standing("trial-0")), keystore.trusted(keys)
    found = told(sign(plain, keystore.opened(keys), ""), store, trusted)
    assert (found.faults, found.whole) == ((), False)
    assert ["whom the site file trusts" in words for words in found.said] == [True, False]
