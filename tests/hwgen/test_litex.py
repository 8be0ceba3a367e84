"""The SoC of `examples/litex_digits.py`: a processor runs a package's C driver as it is."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest

import hwgen
from support.known import digits

ROOT = Path(__file__).parent.parent.parent
FRAMES = 5
PASS = re.compile(
    rf"PASS: {FRAMES} frames by polling in (\d+) clocks and with 1 interrupt in (\d+), .*"
    "; 0 results differ from golden; "
)
PACKAGES = {
    "a network": None,
    "64 bits, dense, low reset": {"width": 64, "elements": "dense", "reset_low": True},
    "16 bits, 40 bits of addresses": {"width": 16, "address_bits": 40},
}


@pytest.fixture(scope="module")
def litex(tmp_path_factory):
    """Folder with the packages of the extra, kept for as long as it asks for the same ones; where
    they are installed, an empty one."""
    if find_spec("litex"):
        return tmp_path_factory.mktemp("installed")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = extras["optional-dependencies"]["litex"]
    name = sha256(" ".join([sys.version, *wanted]).encode()).hexdigest()[:16]
    kept = ROOT / "build" / f"litex-{name}"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-compile")
            subprocess.run([*pip, "--target", f"{folder}/made", *wanted], check=True)
            shutil.move(f"{folder}/made", kept)
    return kept


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKAGES)
def test_what_a_processor_gets_is_golden(name, litex, tmp_path):
    network, more = digits(channels=4), PACKAGES[name]
    plan = hwgen.plan(network, target="ulx3s-85f", goal="min area")
    if more is None:
        given = tmp_path / "digits.net"
        network.save(given)
    else:
        given = hwgen.generate(plan, tmp_path / "net", border="wishbone", **more).folder
    done = subprocess.run(
        [sys.executable, ROOT / "examples/litex_digits.py", given, "--count", str(FRAMES)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(litex)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    found = PASS.match(done.stdout)
    assert done.returncode == 0 and found, said
    # a frame waits for the slowest layer, and the last one for its way through
    least = FRAMES * plan.interval
    for clocks in map(int, found.groups()):
        assert least < clocks < least + 2 * plan.latency, said
