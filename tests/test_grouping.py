"""Sets and days: what is of one machine and day goes together, what is not never does."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from rt_files import rt_image
from rt_files import write as write_image

from phantoms.ctseries import write
from phantoms.volume import Grid, scan
from qa.acquisition import Acquisition
from qa.dicom import opened
from qa.grouping import machine_of

DAY = datetime(2024, 1, 2, 8, 30)  # that of rt_image


def kv(**values: Any) -> FileDataset:
    exposure = Dataset()
    exposure.KVP = "100"
    return rt_image(ExposureSequence=Sequence([exposure]), **values)


def cbct(folder: Path, *, name: str = "L1", serial: str = "", start: datetime = DAY, seed: int = 1) -> None:
    empty = scan((), Grid((4, 6, 8), (2.0, 1.1, 1.3)), np.random.default_rng(seed))
    write(empty, folder, seed=seed, name=name, serial=serial, start=start)
    (folder / "truth.json").unlink()


def found(folder: Path, *images: FileDataset) -> tuple[Acquisition, ...]:
    """Everything in the folder, with the images written into it as 0.dcm, 1.dcm, ..."""
    for number, dataset in enumerate(images):
        write_image(folder / f"{number}.dcm", dataset)
    with opened([folder]) as batch:
        assert batch.refused == ()
        return batch.acquisitions


def shown(acquisitions: tuple[Acquisition, ...]) -> list[tuple[str, str, int]]:
    """(radiation, numbers of the images, how many volumes) of each."""
    return [(a.radiation, "".join(Path(i.name).stem for i in a.images), len(a.volumes)) for a in acquisitions]


def days(acquisitions: tuple[Acquisition, ...]) -> tuple[Acquisition, ...]:
    return tuple(acquisition for acquisition in acquisitions if acquisition.day)


def test_mv_of_one_couch_place_makes_no_day(tmp_path: Path) -> None:
    assert days(found(tmp_path / "set", rt_image(), rt_image(), rt_image(TableTopVerticalPosition=None))) == ()


def mv(kvp: str, **values: Any) -> FileDataset:
    exposure = Dataset()
    exposure.KVP = kvp
    return rt_image(ExposureSequence=Sequence([exposure]), **values)


def test_beams_are_sets_of_their_own_and_voltages_of_a_kv_pair_are_not(tmp_path: Path) -> None:
    """Every beam has a focal spot, and so an isocentre, of its own: two beams are no set that covers what neither covers."""
    unsaid = rt_image(ExposureSequence=None, RTImageDescription="MV")
    beams = [mv("6000"), mv("10000"), mv("6000"), mv("10000", RTImageDescription="10X-FFF"), unsaid]
    assert shown(found(tmp_path / "mv", *beams)) == [("MV", "02", 0), ("MV", "1", 0), ("MV", "3", 0), ("MV", "4", 0)]
    low = Dataset()
    low.KVP = "80"
    pair = found(tmp_path / "kv", kv(), rt_image(ExposureSequence=Sequence([low])))
    assert ("kV", "01", 0) in shown(pair)


def test_mv_of_several_couch_places_is_a_day_and_its_sets_stay(tmp_path: Path) -> None:
    all_of_it = found(tmp_path / "set", rt_image(), rt_image(TableTopLateralPosition="30"))
    assert shown(all_of_it) == [("MV", "0", 0), ("MV", "1", 0), ("MV", "01", 0)]
    assert [acquisition.day for acquisition in all_of_it] == [False, False, True]


def test_a_day_holds_everything_wherever_the_couch_stood(tmp_path: Path) -> None:
    cbct(tmp_path / "set" / "ct")
    all_of_it = found(tmp_path / "set", rt_image(), kv(), kv(TableTopVerticalPosition="-120.9"))
    assert shown(all_of_it) == [("MV", "0", 0), ("kV", "1", 0), ("kV", "2", 0), ("CBCT", "", 1), ("MV+kV+CBCT", "012", 1)]
    (day,) = days(all_of_it)
    assert day.title == "MV+kV+CBCT, L1, 2024-01-02"
    assert day.machine == "L1"
    assert [acquisition.day for acquisition in all_of_it] == [False] * 4 + [True]


def test_volume_set_says_what_it_is(tmp_path: Path) -> None:
    cbct(tmp_path / "set" / "ct", serial="7")
    volume, day = found(tmp_path / "set")
    assert volume.title == "CBCT 125 kV, L1 (serial 7), 2024-01-02, couch readout unknown"
    assert (volume.radiation, volume.images, len(volume.volumes), volume.day) == ("CBCT", (), 1, False)
    assert (day.title, day.radiation) == ("CBCT, L1 (serial 7), 2024-01-02", "CBCT")


def test_kv_alone_is_a_day(tmp_path: Path) -> None:
    (day,) = days(found(tmp_path / "set", kv(), kv()))
    assert shown((day,)) == [("kV", "01", 0)]


def test_other_days_and_machines_never_mix(tmp_path: Path) -> None:
    cbct(tmp_path / "set" / "ct", start=datetime(2024, 1, 3, 8, 30))
    cbct(tmp_path / "set" / "ct2", name="L2", seed=2)
    images = (rt_image(), kv(AcquisitionDate="20240103"), kv(RadiationMachineName="L2"), kv())
    assert [(day.title, *shown((day,))[0][1:]) for day in days(found(tmp_path / "set", *images))] == [
        ("MV+kV, L1, 2024-01-02", "03", 0),
        ("kV+CBCT, L1, 2024-01-03", "1", 1),
        ("kV+CBCT, L2, 2024-01-02", "2", 1),
    ]


def test_a_scan_over_midnight_is_of_the_day_it_began(tmp_path: Path) -> None:
    import pydicom

    cbct(tmp_path / "set" / "ct", start=datetime(2024, 1, 2, 23, 59))
    for name in ("002.dcm", "003.dcm"):
        tags = pydicom.dcmread(tmp_path / "set" / "ct" / name)
        tags.AcquisitionDate, tags.AcquisitionTime = "20240103", "000100"
        tags.save_as(tmp_path / "set" / "ct" / name)
    (day,) = days(found(tmp_path / "set"))
    assert day.title == "CBCT, L1, 2024-01-02"


def test_unknown_dates_are_a_day_of_their_own(tmp_path: Path) -> None:
    unknown = {"AcquisitionDate": "00010101"}
    assert [day.title for day in days(found(tmp_path / "set", rt_image(**unknown), kv(**unknown), kv()))] == [
        "MV+kV, L1, date unknown",
        "kV, L1, 2024-01-02",
    ]


@pytest.mark.parametrize(
    ("stated", "machines", "expected"),
    [
        ("L1", {"L1", "L1 (serial 7)"}, "L1"),  # the very same
        ("L1 (serial 7)", {"L1"}, "L1"),  # the serial number in the CT files only
        ("L1", {"L1 (serial 7)"}, "L1 (serial 7)"),  # in the RT Images only
        ("L1 (serial 7)", {"L1 (serial 8)"}, "L1 (serial 7)"),  # contradicting
        ("L1", {"L1 (serial 7)", "L1 (serial 8)"}, "L1"),  # no telling which
        ("L1 (serial 7)", {"L1", "L1 (serial 8)"}, "L1"),
        ("L1 (serial 7)", {"L2", "L2 (serial 7)"}, "L1 (serial 7)"),  # another name
        ("unknown machine (serial 7)", {"unknown machine"}, "unknown machine (serial 7)"),
        ("unknown machine", {"unknown machine"}, "unknown machine"),
        ("L1", set(), "L1"),
    ],
)
def test_which_machine_a_ct_series_is_of(stated: str, machines: set[str], expected: str) -> None:
    assert machine_of(stated, machines) == expected


def test_serial_number_in_the_ct_alone_does_not_part_a_machine(tmp_path: Path) -> None:
    cbct(tmp_path / "set" / "ct", serial="7")
    acquisitions = found(tmp_path / "set", rt_image())
    assert {acquisition.machine for acquisition in acquisitions} == {"L1"}
    assert shown(days(acquisitions)) == [("MV+CBCT", "0", 1)]


def test_serial_numbers_that_differ_part_machines_of_one_name(tmp_path: Path) -> None:
    cbct(tmp_path / "set" / "ct", serial="7")
    acquisitions = found(tmp_path / "set", rt_image(DeviceSerialNumber="8"))
    assert shown(days(acquisitions)) == [("CBCT", "", 1)]


@pytest.mark.real
def test_real_igrt_chain_is_one_day() -> None:
    folder = os.environ.get("IGRTQA_REAL_DATA")
    if not folder:
        pytest.skip("IGRTQA_REAL_DATA is not set")
    with opened([Path(folder) / "igrt_chain.zip"]) as batch:
        (day,) = days(batch.acquisitions)
    assert [image.radiation for image in day.images].count("kV") == 4
    assert len(day.images) == 16
    assert day.title == f"MV+kV, {day.machine}, 2022-01-21"
