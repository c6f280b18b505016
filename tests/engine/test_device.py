"""How many threads there are, and how they wait for each other."""

import os

import pytest

from engine import device


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (3, 2), (4, 3), (64, 63)])
def test_a_core_is_left_to_others_unless_it_is_half_of_the_machine(
    cores: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "usable_cores", lambda: cores)
    assert device.default_threads() == threads


def test_threads_spin_shortly_unless_the_environment_says_how_they_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    device.spin_shortly()
    assert os.environ["GOMP_SPINCOUNT"] == device.SPINS
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    device.spin_shortly()
    assert os.environ["GOMP_SPINCOUNT"] == "7"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    device.spin_shortly()
    assert "GOMP_SPINCOUNT" not in os.environ
