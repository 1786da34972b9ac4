"""Names that hold a false accept rate."""

from __future__ import annotations

from maskrec.contracts.rate_names import far_name, tar_name


def test_a_rate_is_written_in_six_digits_at_most() -> None:
    assert [far_name(0.001), far_name(1e-5), tar_name(0.01234567)] == ["far=0.001", "far=1e-05", "tar@far=0.0123457"]
