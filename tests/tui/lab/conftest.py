"""Documents on *Lab* with a lab that has no kernel."""

from tests.support.fake_lab import lab  # noqa: F401
