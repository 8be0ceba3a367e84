"""The host and a board in simulation, UART pins included: every bit equals golden, damage costs
the frames that it hits, and what goes wrong is said."""

import binascii
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tty
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import hwgen
from hwgen import PruneRecipe, QuantizeRecipe, Recipe
from hwgen.api import choose_frames
from hwgen.errors import BoardError, HwgenError, SimulationError
from hwgen.host import Accelerator, Description
from hwgen.host.framing import Unframer, frame
from hwgen.package.stream_format import StreamFormat
from support.known import chain_of
from support.relay import Direction, Relay

PATIENCE = 60.0  # seconds: the machine may be busy
DAMAGES = 1000
EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_on_a_board.py"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    plan = hwgen.plan(chain_of(["one", "two"]), target="icebreaker", goal="min area")
    return hwgen.generate(plan, tmp_path_factory.mktemp("host") / "small")


@pytest.fixture(scope="module")
def port(package):
    with package.simulated_board() as port:
        yield port


def test_a_frame_on_the_line():
    """Flags, escapes and the CRC of Ethernet, lowest byte first; its check value is 0xCBF43926."""
    assert frame(b"123456789") == b"\x7e123456789\x26\x39\xf4\xcb\x7e"
    crc = binascii.crc32(b"\x7d\x7e").to_bytes(4, "little")
    assert not {0x7D, 0x7E} & {*crc}
    assert frame(b"\x7d\x7e") == b"\x7e\x7d\x5d\x7d\x5e" + crc + b"\x7e"


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=8), st.integers(1, 50))
def test_frames_come_back(bodies, piece):
    line, unframer = b"".join(map(frame, bodies)), Unframer()
    parts = [line[at : at + piece] for at in range(0, len(line), piece)]
    assert [body for part in parts for body in unframer.feed(part)] == bodies
    assert unframer.damaged == 0


@given(st.binary(min_size=1, max_size=30), st.data())
def test_a_flipped_bit_costs_the_frame(body, data):
    line = bytearray(frame(body))
    at = data.draw(st.integers(1, len(line) - 2))
    line[at] ^= 1 << data.draw(st.integers(0, 7))
    unframer = Unframer()
    found = unframer.feed(bytes(line) + frame(b"next"))
    assert found == [b"next"] and unframer.damaged >= 1


def test_a_description_comes_back():
    binary = StreamFormat(3, 1, False, 8, (3, 8, 8), (3, 8, 8), -1, 2)
    signed = StreamFormat(2, 9, True, 24, (10,), (10, 1, 1))
    description = Description(bytes(range(8)), 2048, binary, signed)
    assert Description.decode(description.encode()) == description
    with pytest.raises(HwgenError, match="in 3 bytes of version 9; build its bitstream with this"):
        Description.decode(b"\x09ab")
    wide = StreamFormat(1, 8, False, 8, (70_000,), (70_000, 1, 1))
    with pytest.raises(HwgenError, match=r"^Input must have dimensions .* fold the first layer"):
        Description(bytes(8), 512, wide, signed).encode()


def test_outputs_equal_golden(package, port):
    network = package.network
    x = choose_frames(network, 200, 1)
    with Accelerator(port, network, timeout=PATIENCE) as accelerator:
        moved = []
        y = accelerator.infer(x, lambda step, done, total: moved.append((step, done, total)))
        assert np.array_equal(y, network.run(x)) and y.dtype == np.int64
        assert moved == [("infer", n + 1, 200) for n in range(200)]
        assert accelerator.last.frames == 200 and accelerator.last.rate > 0
        assert (accelerator.last.lost, accelerator.last.damaged) == (0, 0)
        assert accelerator.infer(x[:0]).shape == (0, *network.output.shape)
        assert accelerator.description.digest.hex() == network.digest[:16]


def test_damage_costs_the_frames_that_it_hits(package, port):
    network = package.network
    x = choose_frames(network, 450, 2)
    there, back = (Direction(seed, 0.012, DAMAGES // 2) for seed in (5, 6))
    with (
        Relay(port, there, back) as relay,
        Accelerator(relay.port, network, timeout=PATIENCE) as accelerator,
    ):
        batches = 0
        lost = damaged = 0
        while there.damages + back.damages < DAMAGES and batches < 10:
            assert np.array_equal(accelerator.infer(x), network.run(x))
            lost += accelerator.last.lost
            damaged += accelerator.last.damaged
            batches += 1
        assert np.array_equal(accelerator.infer(x), network.run(x))
        assert accelerator.last.lost == 0  # the line is good again, and nothing is left over
    assert there.damages + back.damages == DAMAGES
    assert 0.3 * DAMAGES < lost <= len(there.hit) + len(back.hit)
    assert damaged > 0


def test_another_network_is_noticed(port):
    other = chain_of(["one", "two"], seed=1)
    message = rf"holds network [0-9a-f]{{16}}, not {other.digest[:16]}; program it"
    with pytest.raises(BoardError, match=message):
        Accelerator(port, other, timeout=PATIENCE)
    with Accelerator(port, timeout=PATIENCE) as accelerator:
        assert accelerator.description.input.shape == other.input.shape


def test_what_does_not_fit_is_refused(port):
    with Accelerator(port, timeout=PATIENCE) as accelerator:
        with pytest.raises(SimulationError, match=r"^Batch must have shape \(frames, 2, 3, 3\)"):
            accelerator.infer(np.zeros((1, 3, 3), dtype=np.int64))
        with pytest.raises(SimulationError, match="^Batch must be integers, not float64; quantize"):
            accelerator.infer(np.zeros((1, 2, 3, 3)))
        with pytest.raises(SimulationError, match=r"^Batch must lie in \[-4, 3\]"):
            accelerator.infer(np.full((1, 2, 3, 3), 4))


def test_nobody_answers():
    master, slave = os.openpty()
    tty.setraw(slave)
    try:
        with pytest.raises(BoardError, match=r"^Nobody answers at .* within 0.6 s; is a bitstream"):
            Accelerator(os.ttyname(slave), timeout=0.6)
    finally:
        os.close(master)
        os.close(slave)


def test_no_such_port(tmp_path):
    with pytest.raises(BoardError, match=r"cannot be opened .* is the board connected"):
        Accelerator(str(tmp_path / "ttyUSB9"))


def test_a_port_that_vanishes(package):
    """The board is pulled out in the middle of a batch."""
    x = choose_frames(package.network, 50_000, 3)
    seen, pulled = threading.Event(), threading.Event()
    found = []

    def infer(port):
        try:
            with Accelerator(port, timeout=PATIENCE) as accelerator:
                accelerator.infer(x, lambda *_: seen.set())
        except BoardError as error:
            found.append(str(error))
        pulled.set()

    with package.simulated_board() as port:
        thread = threading.Thread(target=infer, args=(port,), daemon=True)
        thread.start()
        assert seen.wait(PATIENCE)
    assert pulled.wait(PATIENCE)
    assert "is gone or does not take anything any more" in found[0]


def test_a_board_that_goes_silent(package, port):
    """Nothing comes back any more: an error, not a hang."""
    network = package.network
    there, back = Direction(0, 0.0, 0), Direction(0, 0.0, 0)
    with (
        Relay(port, there, back) as relay,
        Accelerator(relay.port, network, timeout=1.0) as accelerator,
    ):
        back.carry = lambda data: b""
        start = time.monotonic()
        with pytest.raises(BoardError, match="has been silent for 1 s"):
            accelerator.infer(choose_frames(network, 5, 4))
        assert time.monotonic() - start < PATIENCE


def test_a_target_without_a_board(package, tmp_path):
    plan = hwgen.plan(package.network, target="icebreaker", goal="min area")
    other = hwgen.generate(plan, tmp_path / "other")
    other.manifest = replace(other.manifest, target="nowhere")
    with (
        pytest.raises(BoardError, match="^Target must be one of the boards .*icebreaker"),
        other.simulated_board(),
    ):
        pass


@pytest.mark.slow
def test_a_hundred_digits_on_an_icebreaker(tmp_path, one_thread):
    """Real digits through a network that was trained on them, as the example of the documents
    sends them."""
    from hwgen.tasks.digits import Digits

    task = Digits(seed=0)
    quantize = QuantizeRecipe(weights="int4", activations="uint4", epochs=0)
    recipe = Recipe(PruneRecipe(channels=0.5, epochs=2), quantize, epochs=3)
    done = hwgen.compress(task.model, recipe, train=task.train, calibration=task.calibration)
    network = hwgen.import_torch(done.module, task.example)
    network.save(tmp_path / "digits.net")
    plan = hwgen.plan(network, target="icebreaker", goal="1000 fps")
    package = hwgen.generate(plan, tmp_path / "digits")
    with package.simulated_board() as port:
        command = [sys.executable, str(EXAMPLE), str(tmp_path / "digits.net"), port]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.fullmatch(
        r"(\d+) of 100 digits right, 100 equal to golden, \d+ digits a second\n", done.stdout
    )
    assert found and int(found[1]) > 60, done.stdout


def test_a_simulated_board_in_the_shell(package):
    """`hwgen simulate --board` answers; `--serve` serves until Ctrl-C."""
    hwgen_program = Path(sys.executable).with_name("hwgen")
    command = [str(hwgen_program), "simulate", str(package.folder), "--board"]
    done = subprocess.run([*command, "--json", "-"], capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)
    x = choose_frames(package.network, 16, 0)
    assert figures["equal"] and figures["compared"] == package.network.run(x).size
    assert np.array_equal(figures["outputs"], package.network.run(x))
    assert done.stderr.startswith("Board: generate (1 of 2)\n")
    serving = subprocess.Popen([*command, "--serve"], stdout=subprocess.PIPE, text=True)
    port = serving.stdout.readline().strip()
    with Accelerator(port, package.network, timeout=PATIENCE) as accelerator:
        assert np.array_equal(accelerator.infer(x), package.network.run(x))
    serving.send_signal(signal.SIGINT)
    assert serving.wait(PATIENCE) == 0
    with pytest.raises(BoardError):
        Accelerator(port, timeout=0.5)
    refused = subprocess.run([*command[:-1], "--serve"], capture_output=True, text=True)
    assert (refused.returncode, refused.stderr) == (1, "hwgen: Option --serve goes with --board\n")
