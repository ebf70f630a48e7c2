"""Registration objects written with pydicom: what is read from them, where it goes, and what is refused in which words."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from phantoms import ctseries
from phantoms.registration import DEFORMABLE, Item, write
from phantoms.volume import Grid, Scan, scan
from phantoms.volume_phantoms import ball_block
from qa import dicom

GRID = Grid((20, 22, 26), (1.3, 1.2, 1.0))


def matrix(turn_deg=(1.0, -2.0, 0.5), shift=(3.0, -4.0, 5.0), factor=1.0):
    whole = np.eye(4)
    whole[:3, :3] = factor * Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix()
    whole[:3, 3] = shift
    return whole


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two volumes of one machine and day."""
    place = tmp_path_factory.mktemp("day")
    for k in range(2):
        scanned = scan(ball_block((0.0, 0.0, 0.0)).solids, GRID, np.random.default_rng(k), Scan((0.6, 0.6), noise_hu=20.0))
        ctseries.write(scanned, place / f"cbct_{k}", seed=k)
    return place


def frames(folder):
    with dicom.opened([folder]) as batch:
        return [volume.frame_of_reference_uid for a in batch.acquisitions if a.day for volume in a.volumes]


def read(folder, path):
    with dicom.opened([folder, path]) as batch:
        (day,) = [a for a in batch.acquisitions if a.day]
        assert all(not a.registrations for a in batch.acquisitions if not a.day)
        return day.registrations, tuple(r for r in batch.refused if not r.name.endswith("truth.json"))


def test_a_match_goes_to_the_day_of_its_volumes(folder, tmp_path):
    first, second = frames(folder)[0], "1.2.3"
    path = write(tmp_path / "match.dcm", first, [Item(first, np.eye(4)), Item(second, matrix(), ("1.2.3.4",))])
    (found,), refused = read(folder, path)
    assert refused == ()
    assert found.wrong == ""
    assert found.frame == first
    assert found.about == {first, second}
    assert [one.frame for one in found.placed] == [first, second]
    assert found.placed[1].images == {"1.2.3.4"}
    np.testing.assert_allclose(found.placed[1].matrix, matrix(), atol=1e-9)


def test_a_match_is_known_by_the_images_it_names_too(folder, tmp_path):
    with dicom.opened([folder]) as batch:
        uid = batch.acquisitions[0].volumes[0].slices[3].sop_instance_uid
    (found,), refused = read(folder, write(tmp_path / "match.dcm", "9.8", [Item("9.8.7", matrix(), (uid,))]))
    assert refused == ()
    assert found.wrong == ""


@pytest.mark.parametrize("registered", ["ours", "9.8"])
def test_a_match_of_other_images_in_the_frame_of_these_is_of_others(folder, tmp_path, registered):
    first = frames(folder)[0]
    items = [Item(first, np.eye(4), ("1.2.3.4",)), Item("1.2.3", matrix(), ("1.2.3.5",))]
    (found,), (refused,) = read(folder, write(tmp_path / "match.dcm", first if registered == "ours" else registered, items))
    assert "for other scans" in found.wrong
    assert "for other scans" in refused.reason


def test_several_matrices_are_applied_in_the_order_of_the_file(folder, tmp_path):
    import pydicom

    frame, one, other = frames(folder)[0], matrix(), matrix((0.0, 0.0, 10.0), (1.0, 0.0, 0.0))
    path = write(tmp_path / "match.dcm", frame, [Item("1.2.3", one)])
    data = pydicom.dcmread(path)
    steps = data.RegistrationSequence[0].MatrixRegistrationSequence[0].MatrixSequence
    steps.append(pydicom.Dataset())
    steps[1].FrameOfReferenceTransformationMatrixType = "RIGID"
    steps[1].FrameOfReferenceTransformationMatrix = [f"{v:.10g}" for v in other.ravel()]
    data.save_as(path)
    (found,), _ = read(folder, path)
    np.testing.assert_allclose(found.placed[0].matrix, other @ one, atol=1e-8)


def transposed():
    return matrix().T


def sheared():
    whole = matrix()
    whole[0, 1] += 0.01
    return whole


def mirrored():
    return matrix() @ np.diag([-1.0, 1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("made", "kind", "words"),
    [
        (lambda: matrix(factor=1.0005), "RIGID", "scales or shears (lengths times 1.00050"),
        (matrix, "RIGID_SCALE", "is RIGID_SCALE"),
        (matrix, "AFFINE", "is AFFINE"),
        (sheared, "RIGID", "scales or shears"),
        (mirrored, "RIGID", "mirror image"),
        (transposed, "RIGID", "by columns"),
        (lambda: matrix()[:3], "RIGID", "has 12 numbers"),
        (lambda: None, "RIGID", "no matrix"),
    ],
    ids=["scale", "stated scale", "affine", "shear", "mirror", "by columns", "twelve", "none"],
)
def test_what_is_not_rigid_is_refused_by_name_and_the_day_knows(folder, tmp_path, made, kind, words):
    frame = frames(folder)[0]
    (found,), (refused,) = read(folder, write(tmp_path / "match.dcm", frame, [Item("1.2.3", made(), kind=kind)]))
    assert words in refused.reason
    assert refused.name == "match.dcm"
    assert found.wrong == refused.reason
    assert found.placed == ()


def test_a_deformable_match_is_refused(folder, tmp_path):
    path = write(tmp_path / "match.dcm", frames(folder)[0], [Item("1.2.3", matrix())], sop_class=DEFORMABLE)
    assert "deformable" in read(folder, path)[1][0].reason


def test_no_registration_and_no_frame_are_refused(folder, tmp_path):
    assert "no registration in it" in read(folder, write(tmp_path / "a.dcm", frames(folder)[0], []))[1][0].reason
    assert "into which frame" in read(folder, write(tmp_path / "b.dcm", "", [Item(frames(folder)[0], matrix())]))[1][0].reason


def test_a_match_of_other_scans_is_refused_and_the_day_knows_that_there_was_one(folder, tmp_path):
    (found,), (refused,) = read(folder, write(tmp_path / "match.dcm", "1.2.3", [Item("1.2.4", matrix())]))
    assert "for other scans" in refused.reason
    assert "1.2.4" in refused.reason
    assert frames(folder)[0] in refused.reason
    assert found.wrong == refused.reason


def test_a_copy_counts_once(folder, tmp_path):
    frame = frames(folder)[0]
    path = write(tmp_path / "a" / "match.dcm", frame, [Item("1.2.3", matrix())])
    (tmp_path / "a" / "more.dcm").write_bytes(path.read_bytes())
    found, (refused,) = read(folder, tmp_path / "a")
    assert len(found) == 1
    assert "counted once" in refused.reason


def test_a_damaged_match_is_refused(folder, tmp_path):
    path = write(tmp_path / "match.dcm", frames(folder)[0], [Item("1.2.3", matrix())])
    data = path.read_bytes()
    for k in range(200, len(data), 97):
        path.write_bytes(data[:k])
        found, refused = read(folder, path)
        assert refused
        assert all(one.wrong for one in found)
