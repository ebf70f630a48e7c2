"""Rigid poses: exact where nothing is wrong, as uncertain as they scatter, the textbook's formulas, and what is refused."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from qa import rigid
from qa.reading import AnalysisError

CUBE = np.array([(0.0, 0.0, 0.0), (28.0, 20.0, -22.0), (-26.0, -18.0, -24.0), (20.0, -28.0, 18.0), (-20.0, 26.0, 22.0)])
POSE = rigid.turned(3.0, -2.0, 11.0), np.array([12.0, -30.0, 7.0])


def placed(points, pose=POSE):
    return points @ pose[0].T + pose[1]


def alike(points, s):
    return {"noise": np.broadcast_to(s**2 * np.eye(3), (len(points), 3, 3))}


@pytest.mark.parametrize("count", [3, 4, 5])
def test_an_exact_pose_is_found_exactly(count):
    found = rigid.fit(CUBE[:count], placed(CUBE[:count]), alike(CUBE[:count], 0.1))
    assert found.rotation == pytest.approx(POSE[0], abs=1e-12)
    assert found.translation_mm == pytest.approx(POSE[1], abs=1e-10)
    assert found.fre_mm < 1e-10


def test_points_in_a_plane_give_no_reflection():
    flat = CUBE * (1.0, 1.0, 0.0)
    rotation, _ = rigid.kabsch(flat, placed(flat))
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    assert rotation == pytest.approx(POSE[0], abs=1e-12)


def test_a_mirrored_phantom_is_told_from_a_turned_one():
    assert not rigid.mirrored(CUBE, placed(CUBE))
    assert rigid.mirrored(CUBE, placed(CUBE * (-1.0, 1.0, 1.0)))
    rotation, _ = rigid.kabsch(CUBE, CUBE * (-1.0, 1.0, 1.0))
    assert np.linalg.det(rotation) == pytest.approx(1.0)


@pytest.mark.parametrize("points", [CUBE[:2], np.outer(np.arange(4.0), (1.0, 2.0, -1.0))], ids=["two", "a line"])
def test_what_does_not_fix_a_pose_is_refused(points):
    with pytest.raises(AnalysisError, match="line"):
        rigid.kabsch(points, points)


def test_the_covariance_is_the_scatter_and_the_textbooks():
    """20 000 trials: <FRE^2> = (1 - 2/N) FLE^2; <TRE^2> = FLE^2/N (1 + 1/3 sum d^2/f^2); sd about axis k = s/sqrt(sum r_k^2)."""
    rng, s, n, target = np.random.default_rng(1), 0.1, len(CUBE), np.array([40.0, 10.0, -30.0])
    fle2 = 3 * s**2
    stated = rigid.fit(CUBE, placed(CUBE), alike(CUBE, s))
    errors, fre2 = [], []
    for noise in rng.normal(0, s, (20_000, n, 3)):
        rotation, translation = rigid.kabsch(CUBE, placed(CUBE) + noise)
        turn = rigid.rotation_vector(rotation @ POSE[0].T)
        errors.append(np.concatenate([turn, translation - POSE[1], rotation @ target + translation - placed(target)]))
        fre2.append(((placed(CUBE) + noise - CUBE @ rotation.T - translation) ** 2).sum(axis=1).mean())
    scatter = np.cov(np.array(errors).T)
    scale = np.sqrt(np.diag(stated.covariance))
    assert (scatter[:6, :6] - stated.covariance) / np.outer(scale, scale) == pytest.approx(np.zeros((6, 6)), abs=0.05)
    assert np.trace(scatter[6:, 6:]) == pytest.approx(np.trace(stated.at(target)), rel=0.03)
    assert np.mean(fre2) == pytest.approx((1 - 2 / n) * fle2, rel=0.02)
    middle = CUBE - CUBE.mean(axis=0)
    _, axes = np.linalg.eigh(middle.T @ middle)
    away = lambda p: np.array([np.linalg.norm(np.cross(p, axis), axis=-1) for axis in axes.T])  # noqa: E731
    f2, d2 = (away(middle) ** 2).mean(axis=1), away(target - CUBE.mean(axis=0)) ** 2
    assert np.trace(stated.at(target)) == pytest.approx(fle2 / n * (1 + (d2 / f2).sum() / 3), rel=1e-9)
    about = (POSE[0] @ axes).T @ stated.covariance[:3, :3] @ (POSE[0] @ axes)
    assert np.sqrt(np.diag(about)) == pytest.approx(s / np.sqrt(n * f2), rel=1e-9)


def test_a_change_is_where_the_room_went():
    """Two poses before and after the room's points were turned and shifted: the change is that motion, whatever the first pose."""
    motion = rigid.turned(1.0, 2.0, -3.0), np.array([5.0, 6.0, -7.0])
    before = rigid.fit(CUBE, placed(CUBE), alike(CUBE, 0.1))
    after = rigid.fit(CUBE, placed(placed(CUBE), motion), alike(CUBE, 0.1))
    found = rigid.change(before, after)
    assert found.rotation == pytest.approx(motion[0], abs=1e-12)
    assert found.translation_mm == pytest.approx(motion[1], abs=1e-10)


def test_the_covariance_of_a_change_is_its_scatter_and_common_errors_drop_out():
    rng, s, c = np.random.default_rng(2), 0.05, 0.3
    motion = rigid.turned(4.0, -3.0, 20.0), np.array([25.0, -16.0, 9.0])
    first, second = placed(CUBE), placed(placed(CUBE), motion)

    def certificate(rotation):
        gain = np.zeros((len(CUBE), 3, len(CUBE), 3))
        for k in range(len(CUBE)):
            gain[k, :, k, :] = c * rotation
        return {"certificate": gain.reshape(len(CUBE), 3, -1)}

    own = alike(CUBE, s)
    after_turn = motion[0] @ POSE[0]
    stated = rigid.change(rigid.fit(CUBE, first, own, certificate(POSE[0])), rigid.fit(CUBE, second, own, certificate(after_turn)))
    assert np.sqrt(np.diag(stated.components["certificate"])) == pytest.approx(np.zeros(6), abs=1e-9)
    errors = []
    for _ in range(4000):
        wrong = CUBE + rng.normal(0, c, CUBE.shape)
        found = rigid.change(
            rigid.fit(wrong, first + rng.normal(0, s, CUBE.shape), own), rigid.fit(wrong, second + rng.normal(0, s, CUBE.shape), own)
        )
        errors.append(np.concatenate([rigid.rotation_vector(found.rotation @ motion[0].T), found.translation_mm - motion[1]]))
    assert np.std(errors, axis=0) / np.sqrt(np.diag(stated.covariance)) == pytest.approx(np.ones(6), abs=0.06)


def test_pitch_roll_and_yaw_are_those_of_the_iec_order():
    """Against scipy's turns about moving axes: z first, then the turned x, then the y that both have turned."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        pitch, roll, yaw = rng.uniform(-60, 60, 3)
        turn = rigid.turned(pitch, roll, yaw)
        assert turn == pytest.approx(Rotation.from_euler("ZXY", [yaw, pitch, roll], degrees=True).as_matrix(), abs=1e-12)
        assert rigid.angles_deg(turn) == pytest.approx([pitch, roll, yaw], abs=1e-9)
        assert rigid.rotation_vector(turn) == pytest.approx(Rotation.from_matrix(turn).as_rotvec(), abs=1e-9)
        small = rng.normal(0, 1e-6, 3)
        apart = rigid.angles_deg(Rotation.from_rotvec(small).as_matrix() @ turn) - [pitch, roll, yaw]
        assert apart == pytest.approx(rigid.angle_gain(turn) @ small, abs=1e-9)
    assert (rigid.turned(1.0, 0.0, 0.0) @ (0.0, 1.0, 0.0))[2] > 0, "pitch lifts what is towards the gantry"
    assert (rigid.turned(0.0, 1.0, 0.0) @ (1.0, 0.0, 0.0))[2] < 0, "roll lowers what is to the right"
    with pytest.raises(AnalysisError, match="upright"):
        rigid.angles_deg(rigid.turned(90.0, 0.0, 0.0))
