"""Packages behind a bus: what models of buses, the host and the C driver get is golden's."""

import subprocess

import numpy as np
import pytest

import hwgen
from hwgen.package.system import system_of
from support.buses.jobs import job_of
from support.buses.run import run_bench
from support.known import chain_of
from support.networks import random_input, random_network

PACKAGES = {  # seed, border, and what else of it
    "axi": (4, {"border": "axi", "width": 32}),
    "axi, dense, low reset, 40 bits": (
        8,
        {
            "border": "axi",
            "width": 64,
            "elements": "dense",
            "reset_low": True,
            "address_bits": 40,
        },
    ),
    "wishbone": (3, {"border": "wishbone", "width": 16}),
}
_GLUE = """\
#include <stdint.h>
extern uint32_t (*test_read)(uintptr_t);
extern void (*test_write)(uintptr_t, uint32_t);
uint32_t (*test_read)(uintptr_t);
void (*test_write)(uintptr_t, uint32_t);
"""


def _library(package, folder):
    """Compile the driver, its registers being whoever calls it."""
    top = package.manifest.top
    glue, made = folder / "glue.c", folder / "driver.so"
    glue.write_text(_GLUE)
    driver = package.folder / "driver"
    upper = top.upper()
    command = [
        *("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-fPIC", "-shared"),
        f"-D{upper}_READ(a)=test_read(a)",
        f"-D{upper}_WRITE(a,v)=test_write(a,v)",
        *("-include", str(glue), str(driver / f"{top}.c"), "-o", str(made)),
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return made


QUICK = "wishbone"


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in PACKAGES],
)
def test_what_comes_out_is_golden(name, tmp_path):
    seed, more = PACKAGES[name]
    network = random_network(seed, layers=2, channels=5)
    plan = hwgen.plan(network, target="ulx3s-85f", goal="min area")
    package = hwgen.generate(plan, tmp_path / "net", **more)
    x = random_input(network, 24, seed)
    y = network.run(x)
    manifest = package.manifest
    ends = manifest.inputs[0].stream, manifest.outputs[0].stream
    frames, results = (
        [end.pack_memory(values[n : n + 1]) for n in range(len(values))]
        for end, values in zip(ends, (x, y), strict=True)
    )
    p = system_of(manifest, bytes.fromhex(network.digest))
    other = tmp_path / "other.net"
    chain_of(["another"]).save(other)
    for what, values in (("inputs", x), ("outputs", y)):
        np.save(tmp_path / f"{what}.npy", values[:9])
    job = {
        **job_of(p, frames, results, low=manifest.reset_low, count=16, patience=20_000),
        "package": str(package.folder),
        "name": manifest.top,
        "library": str(_library(package, tmp_path)),
        "other": str(other),
        "inputs": str(tmp_path / "inputs.npy"),
        "outputs": str(tmp_path / "outputs.npy"),
        "types": [_c_type(package, end) for end in ("input", "output")],
    }
    sources = [package.verilog, *package.verilog.parent.glob("primitives/*.v")]
    modules = ("support.buses.bench", "support.buses.drivers_bench")
    assert run_bench(tmp_path / "run", sources, job, top="net", modules=modules) == (10, 0)


def _c_type(package, end):
    """Return NumPy's name of the type that the header gives an element."""
    header = (package.folder / "driver" / f"{package.manifest.top}.h").read_text()
    (found,) = (
        line.split()[1]
        for line in header.splitlines()
        if line.startswith("typedef") and line.endswith(f"_{end}_t;")
    )
    return found.removesuffix("_t")
