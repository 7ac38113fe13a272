"""What the tests of the roles share. `cargo xtask test ansible` runs them, and sets the environment."""

import os
import pathlib
import signal
import sys

import pytest

ROLES = pathlib.Path(__file__).parent.parent
# A request to end is treated as an interruption, so that everything that was started is ended
# first.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))


@pytest.fixture(scope="session")
def logs():
    """A directory for what the tests write, which is new in every run."""
    return pathlib.Path(os.environ["ANSIBLE_TEST_DIR"])


@pytest.fixture(scope="session")
def roles():
    return sorted((ROLES / "roles").iterdir())
