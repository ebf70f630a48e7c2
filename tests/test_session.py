import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from qa import dicom, session
from qa import procedure as procedures
from qa.acquisition import Acquisition, Calibration, Image, Refused, Slice, Volume
from qa.evidence import Table
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.protocol import Judgement, Limit, Outcome, Protocol, verdicts
from qa.reading import AnalysisError, Measured, NotMeasured, ProtocolError, QaError, Quantity, Reading
from qa.record import Record
from qa.store import Store

MEAN = Quantity("mean_signal", "%", "mean of the image", "test")
SIZE = Quantity("image_size", "mm", "width of the image", "test")


def image(name: str = "a.dcm", machine: str = "LINAC-B", acquired: datetime | None = None, notes: tuple[str, ...] = ()) -> Image:
    return Image(
        name=name,
        sop_instance_uid=f"1.2.{name}",
        sha256="00ff",
        shape=(3, 5),
        load=lambda: np.full((3, 5), 0.25, np.float32),
        spacing_mm=(0.4, 0.3),
        sid_mm=1500.0,
        sad_mm=1000.0,
        gantry_deg=0.0,
        collimator_deg=0.0,
        couch_deg=0.0,
        radiation="MV",
        machine=machine,
        acquired=acquired,
        notes=notes,
    )


def acquisition(*images: Image, radiation: str = "MV") -> Acquisition:
    return Acquisition(images, images[0].machine, radiation, f"{radiation}, {images[0].machine}")


def accepts(acquisition: Acquisition) -> str:
    return "" if acquisition.radiation == "MV" else "needs MV images"


def analyse(acquisition: Acquisition) -> Analysis:
    readings: list[Reading] = [Measured(MEAN, 100 * float(image.pixels.mean()), 0.5, image.at) for image in acquisition.images]
    return Analysis((*readings, NotMeasured(SIZE, "no ruler in the image")), (Table("t", ("a",), (("b",),)),))


def rehearse(rng: np.random.Generator) -> Rehearsal:
    raise NotImplementedError


@dataclass(frozen=True)
class Batch:
    acquisitions: tuple[Acquisition, ...]
    refused: tuple[Refused, ...] = ()


LIMIT = Limit("m", "mean", MEAN.key, "%", 30.0, None, "absolute", ("imrt",), "daily", "test", False)
PROTOCOL = Protocol("own", "Our own", 2.0, (LIMIT,), "daily", "test")


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Procedure]:
    """The procedures there are, in place of those of the suite; a test may put others in."""
    found = {"mean": Procedure("mean", "Mean signal", "7", (MEAN, SIZE), accepts, analyse, rehearse)}
    monkeypatch.setattr(procedures, "names", lambda: tuple(found))
    monkeypatch.setattr(procedures, "load", found.__getitem__)
    return found


@pytest.fixture
def handed_in(monkeypatch: pytest.MonkeyPatch, known: dict[str, Procedure]) -> object:
    """Sets what reading the files gives."""

    def set_batch(*acquisitions: Acquisition, refused: tuple[Refused, ...] = ()) -> None:
        @contextmanager
        def opened(paths: Sequence[Path], progress: Callable[[int, int], None], scale_of: object = None) -> Iterator[Batch]:
            progress(1, 1)
            yield Batch(acquisitions, refused)

        monkeypatch.setattr(dicom, "opened", opened)

    return set_batch


def test_record_holds_what_was_measured_judged_and_used(handed_in, tmp_path: Path) -> None:
    said: list[str] = []
    handed_in(acquisition(image("a.dcm", notes=("angles taken from the file name",)), image("b.dcm")))
    store = Store(tmp_path / "records.sqlite")
    result = session.run([tmp_path], PROTOCOL, phantom="ball 7", performer=" Zoë ", store=store, progress=said.append)
    (record,) = result.records
    assert [r.value for r in record.readings if isinstance(r, Measured)] == [25.0, 25.0]
    assert record.readings[2] == NotMeasured(SIZE, "no ruler in the image")
    assert [(j.reading, j.outcome) for j in record.judgements] == [(0, Outcome.PASS), (1, Outcome.PASS)]
    assert (record.procedure, record.procedure_version, record.protocol, record.coverage_factor) == ("mean", "7", "own", 2.0)
    assert (record.machine, record.phantom, record.performer) == ("LINAC-B", "ball 7", "Zoë")
    assert [(i.name, i.used) for i in record.inputs] == [("a.dcm", True), ("b.dcm", True)]
    assert {"igrtqa", "python", "numpy", "scipy", "pydicom"} <= dict(record.versions).keys()
    assert dict(record.versions)["numpy"] == np.__version__
    assert "angles taken from the file name (1 of 2 images)" in record.notes
    assert record.evidence == (Table("t", ("a",), (("b",),)),)
    assert store.get(record.record_id) == record
    assert said == ["reading: 1 of 1 files", "Mean signal: MV, LINAC-B"]


def test_procedures_are_told_which_phantom_it_is_said_to_be(handed_in, known: dict[str, Procedure]) -> None:
    told: list[str] = []

    def listen(acquisition: Acquisition) -> Analysis:
        told.append(acquisition.phantom)
        return analyse(acquisition)

    known["mean"] = replace(known["mean"], analyse=listen)
    handed_in(acquisition(image()))
    (record,) = session.run(["folder"], PROTOCOL, phantom=" CatPhan 604 ").records
    assert told == [record.phantom] == ["CatPhan 604"]


def test_nothing_that_was_handed_in_disappears(handed_in) -> None:
    kilovolt = acquisition(image("k.dcm"), radiation="kV")
    handed_in(acquisition(image("a.dcm")), kilovolt, refused=(Refused("notes.txt", "not a DICOM file"),))
    result = session.run(["folder"], PROTOCOL)
    assert [(left.acquisition, left.reasons) for left in result.left_out] == [(kilovolt, (("mean", "needs MV images"),))]
    assert result.refused == (Refused("notes.txt", "not a DICOM file"),)
    (record,) = result.records
    assert [(i.name, i.used, i.reason) for i in record.inputs] == [
        ("a.dcm", True, ""),
        ("k.dcm", False, "kV, LINAC-B: mean: needs MV images"),
        ("notes.txt", False, "not a DICOM file"),
    ]


def test_two_machines_give_two_records(handed_in) -> None:
    handed_in(acquisition(image(machine="A")), acquisition(image(machine="B")))
    assert [record.machine for record in session.run(["folder"], PROTOCOL).records] == ["A", "B"]
    with pytest.raises(QaError, match=r"2 machines \(A, B\)"):
        session.run(["folder"], PROTOCOL, machine="A")


def test_machine_of_another_name_is_kept_beside_the_images_own(handed_in) -> None:
    handed_in(acquisition(image()))
    (record,) = session.run(["folder"], PROTOCOL, machine="Linac 2").records
    assert record.machine == "Linac 2"
    assert any("LINAC-B" in note and "Linac 2" in note for note in record.notes)
    (record,) = session.run(["folder"], PROTOCOL, machine="LINAC-B").records
    assert not any("LINAC-B" in note for note in record.notes)


def test_time_of_the_first_image_is_kept_as_utc(handed_in) -> None:
    east = timezone(timedelta(hours=2))
    handed_in(
        acquisition(
            image(acquired=datetime(2024, 7, 1, 9, 5, tzinfo=east)), image(acquired=datetime(2024, 7, 1, 9, 0, tzinfo=east)), image()
        )
    )
    (record,) = session.run(["folder"], PROTOCOL).records
    assert record.acquired == datetime(2024, 7, 1, 7, 0, tzinfo=UTC)
    assert record.acquired.utcoffset() == timedelta(0)
    handed_in(acquisition(image(acquired=datetime(2024, 7, 1, 9, 0))))
    (record,) = session.run(["folder"], PROTOCOL).records
    assert record.acquired == datetime(2024, 7, 1, 9, 0).astimezone()
    assert any("no time zone" in note for note in record.notes)
    handed_in(acquisition(image()))
    (record,) = session.run(["folder"], PROTOCOL).records
    assert record.acquired is None
    assert any("do not say when" in note for note in record.notes)


@pytest.mark.parametrize(
    ("error", "said"),
    [(AnalysisError("no field in any image"), "no field in any image"), (ZeroDivisionError("division by zero"), "test_session.py, line")],
)
def test_analysis_that_gives_up_leaves_a_record_without_numbers(
    handed_in, known: dict[str, Procedure], tmp_path: Path, error: Exception, said: str
) -> None:
    def give_up(acquisition: Acquisition) -> Analysis:
        raise error

    known["mean"] = Procedure("mean", "Mean signal", "7", (MEAN, SIZE), accepts, give_up, rehearse)
    handed_in(acquisition(image()))
    store = Store(tmp_path / "records.sqlite")
    (record,) = session.run(["folder"], PROTOCOL, store=store).records
    assert [(type(r), r.quantity) for r in record.readings] == [(NotMeasured, MEAN), (NotMeasured, SIZE)]
    assert all(isinstance(r, NotMeasured) and said in r.reason for r in record.readings)
    assert verdicts(record.judgements) == {"imrt": Outcome.NOT_MEASURED}
    assert store.get(record.record_id) == record


def test_every_accepting_procedure_makes_its_own_record(handed_in, known: dict[str, Procedure]) -> None:
    known["other"] = Procedure("other", "Other", "1", (MEAN,), accepts, lambda a: Analysis((Measured(MEAN, 1.0, 0.1),)), rehearse)
    handed_in(acquisition(image()))
    everything = session.run(["folder"], PROTOCOL).records
    assert [(r.procedure, bool(r.judgements)) for r in everything] == [("mean", True), ("other", False)]  # not asked for: not judged
    both = session.run(["folder"], PROTOCOL, procedures=["other", "mean", "other"]).records
    assert [(r.procedure, len(r.judgements)) for r in both] == [("other", 0), ("mean", 1)]


def finds_nothing(acquisition: Acquisition) -> Analysis:
    return Analysis((NotMeasured(SIZE, "no ruler in it"),))


def test_a_test_that_finds_nothing_of_its_own_in_images_of_another_makes_no_record(handed_in, known, tmp_path: Path) -> None:
    """The other one is named with the reason, and the protocol that asks for it stays unfulfilled."""
    known["other"] = Procedure("other", "Other", "1", (SIZE,), accepts, finds_nothing, rehearse)
    of_other = replace(LIMIT, limit_id="o", procedure="other", quantity=SIZE.key, unit="mm")
    asks_for_both = Protocol("own", "Our own", 2.0, (LIMIT, of_other), "daily", "test")
    handed_in(acquisition(image()))
    store = Store(tmp_path / "records.sqlite")
    result = session.run(["folder"], asks_for_both, store=store)
    assert [r.procedure for r in result.records] == ["mean"]
    assert [s.record_id for s in store.list()] == [result.records[0].record_id]
    assert result.missing == ("other",)
    (words,) = result.set_aside
    assert words.startswith("Other found nothing")
    assert "Mean signal" in words
    assert "no ruler in it" in words


def test_a_test_that_finds_nothing_in_images_that_nobody_measures_keeps_its_attempt(handed_in, known: dict[str, Procedure]) -> None:
    known["mean"] = replace(known["mean"], analyse=finds_nothing)
    handed_in(acquisition(image()))
    result = session.run(["folder"], PROTOCOL)
    assert [r.procedure for r in result.records] == ["mean"]
    assert result.set_aside == ()


def test_images_of_which_one_was_measured_elsewhere_still_belong_to_the_other_test(handed_in, known: dict[str, Procedure]) -> None:
    def only_first(acquisition: Acquisition) -> Analysis:
        first, second = acquisition.images
        return Analysis((Measured(MEAN, 1.0, 0.1, first.at), NotMeasured(MEAN, "not mine", second.at)))

    known["mean"] = replace(known["mean"], analyse=only_first)
    known["other"] = Procedure("other", "Other", "1", (SIZE,), accepts, finds_nothing, rehearse)
    handed_in(acquisition(image("a.dcm"), image("b.dcm")))
    assert [r.procedure for r in session.run(["folder"], PROTOCOL).records] == ["mean", "other"]


def test_a_calibration_is_made_only_where_it_is_asked_for(handed_in, known: dict[str, Procedure]) -> None:
    known["other"] = replace(known["mean"], name="other", provides="a scale")
    handed_in(acquisition(image()))
    assert [r.procedure for r in session.run(["folder"], PROTOCOL).records] == ["mean"]
    asks = Protocol("own", "Our own", 2.0, (LIMIT, replace(LIMIT, limit_id="o", procedure="other")), "daily", "test")
    assert [r.procedure for r in session.run(["folder"], asks).records] == ["mean", "other"]


def test_a_correction_that_the_protocol_applies_must_be_in_force(
    handed_in, known: dict[str, Procedure], monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[tuple[Calibration, ...]] = []

    def analyse_it(given: Acquisition) -> Analysis:
        handed.append(given.calibrations)
        return analyse(given)

    known["mean"] = replace(known["mean"], analyse=analyse_it, applies=("a ruler",))
    handed_in(acquisition(image()))
    applies = replace(PROTOCOL, name="own", apply=("a ruler",))
    (record,) = session.run(["folder"], applies).records
    assert {j.outcome for j in record.judgements} == {Outcome.NOT_MEASURED}
    assert all("applies the calibration a ruler, and none is in force" in j.reason for j in record.judgements)
    day = datetime(2026, 1, 5, tzinfo=UTC)
    ruler = Calibration("a ruler", "record-1", day, day, ())
    monkeypatch.setattr(
        session, "in_force", lambda archive, kinds, *rest: ((ruler,) if kinds else (), ("a ruler: record-1",) if kinds else ())
    )
    (record,) = session.run(["folder"], applies).records
    assert {j.outcome for j in record.judgements} == {Outcome.PASS}
    assert "a ruler: record-1" in record.notes
    (record,) = session.run(["folder"], PROTOCOL).records
    assert handed == [(), (ruler,), ()]
    assert "a ruler: record-1" not in record.notes
    with pytest.raises(ProtocolError, match="none of its tests applies a calibration 'a rulr'; they apply 'a ruler'"):
        session.run(["folder"], replace(PROTOCOL, apply=("a rulr",)))


def test_numbers_say_which_beam_they_are_of(handed_in, known: dict[str, Procedure]) -> None:
    """Baselines and trends hold together what has the same texts: two beams are two things."""
    one, other = replace(image("a.dcm"), energy="6 MV"), replace(image("b.dcm"), energy="10 MV FFF")
    handed_in(acquisition(one), acquisition(other), acquisition(replace(image("c.dcm"), energy="")), acquisition(one, other))
    beams = [{reading.at.get("beam") for reading in record.readings} for record in session.run(["folder"], PROTOCOL).records]
    assert beams == [{"6 MV"}, {"10 MV FFF"}, {None}, {None}]
    setting = {"setting": "a phantom | 6 MV"}
    known["mean"] = replace(known["mean"], analyse=lambda a: Analysis((Measured(MEAN, 1.0, 0.1, setting),)))
    handed_in(acquisition(one))
    (record,) = session.run(["folder"], PROTOCOL).records
    assert record.readings[0].at == setting


def test_a_day_whose_sets_were_measured_is_not_measured_again(handed_in, known: dict[str, Procedure]) -> None:
    """Only what no set shows needs its day."""
    known["other"] = replace(known["mean"], name="other", accepts=lambda a: "" if a.day else "needs a day")
    known["mean"] = replace(known["mean"], accepts=lambda a: "needs a set" if a.day else "")
    one, two = acquisition(image("a.dcm")), acquisition(image("b.dcm"), radiation="kV")
    whole = day_of(*one.images, *two.images)
    handed_in(one, two, whole)
    assert [r.procedure for r in session.run(["folder"], PROTOCOL).records] == ["mean", "mean"]
    known["mean"] = replace(known["mean"], accepts=lambda a: "" if a.radiation == "MV" else "needs MV")
    assert [r.procedure for r in session.run(["folder"], PROTOCOL).records] == ["mean", "other"]


def test_procedure_of_the_protocol_that_measured_nothing_is_named(handed_in, known: dict[str, Procedure]) -> None:
    known["other"] = Procedure("other", "Other", "1", (MEAN,), lambda a: "needs a volume", analyse, rehearse)
    asks_for_both = Protocol("own", "Our own", 2.0, (LIMIT, replace(LIMIT, limit_id="o", procedure="other")), "daily", "test")
    handed_in(acquisition(image()))
    result = session.run(["folder"], asks_for_both)
    assert [record.procedure for record in result.records] == ["mean"]
    assert result.missing == ("other",)


def test_fault_while_accepting_is_a_reason(handed_in, known: dict[str, Procedure]) -> None:
    known["mean"] = Procedure("mean", "Mean signal", "7", (MEAN,), lambda a: str(1 // 0), analyse, rehearse)
    handed_in(acquisition(image()))
    with pytest.raises(QaError, match=r"mean: the analysis broke down \(ZeroDivisionError"):
        session.run(["folder"], PROTOCOL)


def test_nothing_accepted_says_why_for_everything(handed_in) -> None:
    unread = tuple(Refused(f"{n}.txt", "not a DICOM file") for n in range(3))
    handed_in(acquisition(image(), radiation="kV"), refused=(*unread, Refused("z.zip", "empty")))
    with pytest.raises(QaError) as caught:
        session.run(["folder"], PROTOCOL)
    for expected in ("kV, LINAC-B: mean: needs MV images", "0.txt and 2 more: not a DICOM file", "z.zip: empty"):
        assert expected in str(caught.value)
    handed_in()
    with pytest.raises(QaError, match="No file was found"):
        session.run(["folder"], PROTOCOL)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"procedure": "means"}, "no procedure means; its limits would never be judged"),
        ({"quantity": "mean"}, "measures no 'mean'"),
        ({"unit": "mm"}, "unit is 'mm'"),
    ],
)
def test_protocol_that_cannot_be_answered_is_refused_before_reading(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Procedure], changes: dict[str, str], expected: str
) -> None:
    monkeypatch.setattr(dicom, "opened", lambda *_: pytest.fail("images were read"))
    with pytest.raises(ProtocolError, match=expected):
        session.run(["folder"], Protocol("own", "Our own", 2.0, (LIMIT, replace(LIMIT, **changes)), "daily", "test"))


def test_records_before_a_failing_store_stay_stored(handed_in, known: dict[str, Procedure], tmp_path: Path) -> None:
    def second_has_no_number(acquisition: Acquisition) -> Analysis:
        return Analysis((Measured(MEAN, 1.0, 0.1, {"x": math.nan if acquisition.machine == "B" else 0.0}),))

    known["mean"] = Procedure("mean", "Mean signal", "7", (MEAN,), accepts, second_has_no_number, rehearse)
    handed_in(acquisition(image(machine="A")), acquisition(image(machine="B")))
    store = Store(tmp_path / "records.sqlite")
    with pytest.raises(QaError, match="finite numbers only"):
        session.run(["folder"], PROTOCOL, store=store)
    kept: list[Record] = [store.get(summary.record_id) for summary in store.list()]
    assert [record.machine for record in kept] == ["A"]


def test_an_image_that_could_not_be_read_keeps_the_rest_from_passing() -> None:
    """The worst image may be the one that was lost; a text file beside the images loses nothing."""
    from qa.no_pass import lowered

    limit = Limit("x", "p", "q", "mm", 1.0, None, "absolute", ("srs",), "monthly", "s", True)
    judged = tuple(Judgement(limit, 0, outcome, "why") for outcome in Outcome)
    assert lowered(judged, ()) == judged
    after = lowered(judged, ("a/bad.dcm",))
    assert [j.outcome for j in after] == [Outcome.NOT_MEASURED] * 3 + [Outcome.DISAGREEMENT, Outcome.FAIL]
    assert "a/bad.dcm" in after[0].reason


# volumes and days


def volume(name: str = "ct", machine: str = "LINAC-B", notes: tuple[str, ...] = ()) -> Volume:
    slices = tuple(Slice(f"{name}/{k}.dcm", f"1.3.{name}.{k}", f"{k:02d}") for k in range(3))
    return Volume(
        name=f"{name}/0.dcm to 2.dcm (3 slices)",
        series_instance_uid=f"1.3.{name}",
        frame_of_reference_uid="1.4",
        sha256="aa",
        slices=slices,
        shape=(3, 4, 5),
        load=lambda: np.zeros((3, 4, 5), np.float32),
        origin_mm=(0.0, 0.0, 0.0),
        steps_mm=((0.0, 2.0, 0.0), (0.0, 0.0, -1.0), (1.0, 0.0, 0.0)),
        patient_position="HFS",
        machine=machine,
        acquired=datetime(2024, 7, 1, 7, 30, tzinfo=UTC),
        notes=notes,
    )


MV, KV = image("mv.dcm"), replace(image("kv.dcm"), radiation="kV")
MV_SET, KV_SET = acquisition(MV), acquisition(KV, radiation="kV")


def day_of(*images: Image, volumes: tuple[Volume, ...] = (), radiation: str = "MV+kV") -> Acquisition:
    return Acquisition(images, "LINAC-B", radiation, f"{radiation}, LINAC-B, 2024-07-01", volumes, day=True)


@pytest.fixture
def daily(known: dict[str, Procedure]) -> Procedure:
    """A procedure that takes days with an MV image, beside the one that takes MV sets."""

    def takes(acquisition: Acquisition) -> str:
        if not acquisition.day:
            return "needs a whole day"
        return "" if "MV" in acquisition.radiation else "needs an MV image of the same day"

    known["daily"] = Procedure("daily", "Daily", "1", (SIZE,), takes, lambda a: Analysis((NotMeasured(SIZE, "x"),)), rehearse)
    return known["daily"]


def test_a_day_and_its_parts_are_each_measured_and_nothing_is_left_out(handed_in, daily: Procedure) -> None:
    scan = volume()
    cbct = Acquisition((), "LINAC-B", "CBCT", "CBCT, LINAC-B", (scan,))
    handed_in(MV_SET, KV_SET, cbct, day_of(MV, KV, volumes=(scan,), radiation="MV+kV+CBCT"))
    result = session.run(["folder"], PROTOCOL, procedures=["mean", "daily"])
    assert [record.procedure for record in result.records] == ["mean", "daily"]
    assert result.left_out == ()
    of_set, of_day = result.records
    assert [(i.name, i.used) for i in of_set.inputs] == [("mv.dcm", True)]
    assert [(i.name, i.sha256, i.sop_instance_uid, i.used) for i in of_day.inputs] == [
        ("mv.dcm", "00ff", "1.2.mv.dcm", True),
        ("kv.dcm", "00ff", "1.2.kv.dcm", True),
        ("ct/0.dcm", "00", "1.3.ct.0", True),
        ("ct/1.dcm", "01", "1.3.ct.1", True),
        ("ct/2.dcm", "02", "1.3.ct.2", True),
    ]
    assert of_day.acquired == datetime(2024, 7, 1, 7, 30, tzinfo=UTC)


def test_a_day_that_is_left_out_says_why_once_per_file(handed_in, daily: Procedure) -> None:
    scan = volume()
    cbct = Acquisition((), "LINAC-B", "CBCT", "CBCT, LINAC-B", (scan,))
    day = day_of(KV, volumes=(scan,), radiation="kV+CBCT")
    handed_in(acquisition(image("other.dcm")), KV_SET, cbct, day)
    result = session.run(["folder"], PROTOCOL, procedures=["mean", "daily"])
    assert [left.acquisition for left in result.left_out] == [KV_SET, cbct, day]
    assert result.left_out[-1].reasons == (("daily", "needs an MV image of the same day"),)  # its sets say the rest
    (record,) = result.records
    unused = {i.name: i for i in record.inputs if not i.used}
    assert list(unused) == ["kv.dcm", "ct/0.dcm to 2.dcm (3 slices)"]
    assert all("daily: needs an MV image of the same day" in i.reason for i in unused.values())
    assert unused["ct/0.dcm to 2.dcm (3 slices)"].sop_instance_uid == "1.3.ct"
    assert unused["ct/0.dcm to 2.dcm (3 slices)"].sha256 == "aa"


def test_a_day_is_no_matter_for_a_procedure_that_one_of_its_sets_is_enough_for(handed_in) -> None:
    handed_in(MV_SET, KV_SET, day_of(MV, KV))
    result = session.run(["folder"], PROTOCOL)
    assert [(left.acquisition, left.reasons) for left in result.left_out] == [(KV_SET, (("mean", "needs MV images"),))]
    (record,) = result.records
    assert [(i.name, i.used, i.reason) for i in record.inputs] == [
        ("mv.dcm", True, ""),
        ("kv.dcm", False, "kV, LINAC-B: mean: needs MV images"),
    ]


def test_caveats_of_volumes_are_kept(handed_in, daily: Procedure) -> None:
    handed_in(day_of(replace(MV, notes=("no time zone",)), volumes=(volume(notes=("SliceThickness is 3 mm",)),), radiation="MV+CBCT"))
    (record,) = session.run(["folder"], PROTOCOL, procedures=["daily"]).records
    assert "no time zone (1 of 1 images)" in record.notes
    assert "SliceThickness is 3 mm (1 of 1 volumes)" in record.notes


def test_a_lost_volume_counts_where_a_volume_may_belong(handed_in, known: dict[str, Procedure]) -> None:
    """A CT series that could not be read may be of the day; a set of MV images is whole without it. A file of any kind may be of both."""
    known["mean"] = Procedure("mean", "Mean signal", "7", (MEAN, SIZE), lambda a: "" if "MV" in a.radiation else "no", analyse, rehearse)
    ct = Refused("ct/0.dcm to 2.dcm (3 files)", "CT slices that give no volume: a slice is missing", True, True, ("ct/0.dcm",))
    handed_in(MV_SET, day_of(MV, KV), refused=(ct,))
    of_set, of_day = session.run(["folder"], PROTOCOL).records
    assert {j.outcome for j in of_set.judgements} == {Outcome.PASS}
    assert {j.outcome for j in of_day.judgements} == {Outcome.NOT_MEASURED}
    assert "ct/0.dcm to 2.dcm (3 files)" in of_day.judgements[0].reason
    assert [i.name for i in of_set.inputs if not i.used][-1] == ct.name
    handed_in(MV_SET, day_of(MV, KV), refused=(Refused("broken.dcm", "truncated", True),))
    assert all({j.outcome for j in r.judgements} == {Outcome.NOT_MEASURED} for r in session.run(["folder"], PROTOCOL).records)
