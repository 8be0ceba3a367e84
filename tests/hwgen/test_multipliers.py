"""Multipliers, portable and of each family: the emitted Verilog against products of integers, over
all operands where these are few, and over corners and random ones where they are many."""

import gc
import itertools
import random
import subprocess

import pytest

from hwgen.codegen.modules import split
from hwgen.codegen.verilog import write_modules
from hwgen.cost import synthesise
from hwgen.primitives import PRIMITIVES
from hwgen.targets import get_target
from hwgen_rtl_templates.multiplier import Multiplier, MultiplierParameters, Packing, packed, shared
from hwgen_rtl_templates.multiplier_ecp5 import Ecp5Multiplier
from hwgen_rtl_templates.multiplier_ice40 import Ice40Multiplier

KINDS = (Multiplier, Ecp5Multiplier, Ice40Multiplier)
EVERY = 1000  # combinations of operands that are all tried
SOME = 100


def ends(bits, is_signed):
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if is_signed else (0, (1 << bits) - 1)


def operands(kind, p, seed, every=EVERY):
    """Return inputs with weights: all there are, or corners and random ones."""
    xs, ws = ends(p.x_bits, p.x_signed), ends(p.w_bits, p.w_signed)
    least = ws[0] + kind.borrows(p)  # of weights above the first
    ranges = [xs, ws, *[(least, ws[1])] * (p.weights - 1)]
    if p.x_bits + p.weights * p.w_bits <= every.bit_length():
        return list(itertools.product(*(range(lo, hi + 1) for lo, hi in ranges)))
    rng = random.Random(seed)
    corners = [sorted({lo, hi, *({-1, 0, 1} & {*range(lo, hi + 1)})}) for lo, hi in ranges]
    found = list(itertools.product(*corners))[:SOME]
    return found + [tuple(rng.randint(lo, hi) for lo, hi in ranges) for _ in range(SOME)]


def bench(name, kind, p, stimulus):
    """Return a bench that feeds operands on consecutive clocks and prints all outputs."""
    inputs = [("x", p.x_bits), *((f"w_{n}", p.w_bits) for n in range(p.weights))]
    outputs = [f"{port}_{n}" for n in range(p.weights) for port in ("o", "carry")]
    width = sum(bits for _, bits in inputs)
    words = []
    for x, *weights in stimulus:
        stored = packed(weights) if kind.borrows(p) else weights
        word = 0
        for value, (_, bits) in zip((x, *stored), inputs, strict=True):
            assert value in range(-(1 << bits), 1 << bits)
            word = word << bits | value & ((1 << bits) - 1)
        words.append(word)
    lines = "\n".join(f"words[{n}] = {width}'h{word:x};" for n, word in enumerate(words))
    wires = "".join(f"wire signed [47:0] {port};\n" for port in outputs if port[0] == "o")
    wires += "".join(f"wire {port};\n" for port in outputs if port[0] != "o")
    joined = ", ".join(f".{port}({port})" for port in [*(i for i, _ in inputs), *outputs])
    return f"""
module bench_{name}(input clk);
reg [{width - 1}:0] words [0:{len(words) - 1}];
integer at = 0;
wire [{width - 1}:0] word = words[at];
{"".join(f"wire [{bits - 1}:0] {port};" for port, bits in inputs)}
assign {{{", ".join(port for port, _ in inputs)}}} = word;
{wires}
{name} dut (.clk(clk), {joined});
initial begin
{lines}
end
always @(negedge clk) if ($time > 0) begin
    if (at >= {kind.latency - 1} && at < {len(words) + kind.latency - 1})
        $display("{name} {" ".join(["%0d"] * len(outputs))}", {", ".join(outputs)});
    at <= at + 1;
end
endmodule
"""


def products(folder, cases):
    """Return, for each case of (kind, parameters, stimulus), the products that Icarus finds."""
    modules, benches, clocks = [], "", 0
    for n, (kind, p, stimulus) in enumerate(cases):
        modules += split(kind(p), f"m{n}")
        benches += bench(f"m{n}", kind, p, stimulus)
        clocks = max(clocks, len(stimulus) + kind.latency + 2)
    instances = "".join(f"bench_m{n} b{n}(.clk(clk));\n" for n in range(len(cases)))
    (folder / "bench.v").write_text(
        f"{write_modules(modules)}\n{benches}\nmodule bench; reg clk = 0;\n{instances}"
        f"initial begin repeat ({clocks}) begin #1 clk = 1; #1 clk = 0; end $finish; end\n"
        "endmodule\n"
    )
    models = [str(PRIMITIVES / cell) for cell in ("ecp5/MULT18X18D.v", "ice40/SB_MAC16.v")]
    command = ["iverilog", "-g2005", "-s", "bench", "-o", "bench.vvp", "bench.v", *models]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    run = ["vvp", "-n", "bench.vvp"]
    text = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=300).stdout
    found = [[] for _ in cases]
    for line in text.splitlines():
        name, *values = line.split()
        pairs = zip(values[::2], values[1::2], strict=True)
        found[int(name[1:])].append([int(o) + int(carry) for o, carry in pairs])
    return found


def parameters(kind, seed):
    """Return parameters of every sign and width that fit: narrow ones first."""
    signs = list(itertools.product((False, True), repeat=2))
    found = [
        MultiplierParameters(x_bits, x_signed, w_bits, w_signed, weights)
        for x_bits, w_bits, weights in ((1, 1, 2), (3, 2, 3), (2, 3, 2), (4, 3, 2), (3, 4, 1))
        for x_signed, w_signed in signs
    ]
    rng = random.Random(seed)
    while len(found) < 50:
        p = MultiplierParameters(
            rng.randint(1, kind.side),
            rng.random() < 0.5,
            rng.randint(1, kind.side),
            rng.random() < 0.7,
            rng.randint(1, 4),
        )
        if kind.fits(p):
            found.append(p)
    widest = [(kind.side, x, kind.side, w, 1) for x, w in signs]
    widest += [(8, x, 4, True, 2) for x in (False, True)] + [(8, True, 8, True, 2)]
    return [p for p in (*found, *(MultiplierParameters(*w) for w in widest)) if kind.fits(p)]


@pytest.mark.parametrize("kind", KINDS)
def test_products_of_the_verilog(kind, tmp_path):
    cases = [(kind, p, operands(kind, p, n)) for n, p in enumerate(parameters(kind, 1))]
    assert len(cases) > 50
    for (_, p, stimulus), found in zip(cases, products(tmp_path, cases), strict=True):
        assert found == [[x * w for w in weights] for x, *weights in stimulus], p


@pytest.mark.parametrize(
    "kind", [Ecp5Multiplier, *(pytest.param(k, marks=pytest.mark.slow) for k in KINDS[::2])]
)
def test_two_products_of_4_by_8_bits_exhaustively(kind, tmp_path):
    """The case that matters most: every input with every pair of weights."""
    p = MultiplierParameters(8, True, 4, True, 2)
    stimulus = operands(kind, p, 0, every=1 << 16)
    assert len(stimulus) == (1 << 12) * (16 - kind.borrows(p))
    (found,) = products(tmp_path, [(kind, p, stimulus)])
    assert found == [[x * w for w in weights] for x, *weights in stimulus]


def test_what_is_stored_makes_the_operand():
    """Fields side by side are the sum of the weights with their shifts."""
    for weights in itertools.product(range(-4, 4), repeat=3):
        stored = packed(weights)
        for shift in (4, 7):
            mask = (1 << shift) - 1
            *lower, last = stored
            operand = sum((w & mask) << (n * shift) for n, w in enumerate(lower))
            operand += last << (2 * shift)
            assert operand == sum(w << (n * shift) for n, w in enumerate(weights))


def test_how_many_weights_share_a_block():
    def count(kind, x, x_signed, lo, hi):
        p = shared(kind, x, x_signed, (lo, hi), 9)
        return p and (p.weights, p.w_bits)

    assert Packing.of(MultiplierParameters(8, True, 4, True, 2)).shift == 12
    assert count(Ecp5Multiplier, 8, True, -7, 7) == (2, 4)
    assert count(Ecp5Multiplier, 8, True, -8, 7) == (2, 5)  # a bit more, for what is one less
    assert count(Ecp5Multiplier, 8, False, 0, 15) == (2, 4)
    assert count(Ecp5Multiplier, 8, True, -127, 127) == (1, 8)
    assert count(Ecp5Multiplier, 18, True, -127, 127) == (1, 8)
    assert count(Ecp5Multiplier, 19, True, -1, 1) is None
    assert count(Ice40Multiplier, 8, True, -128, 127) == (2, 8)
    assert count(Ice40Multiplier, 9, True, -128, 127) == (1, 8)
    assert count(Ice40Multiplier, 16, True, -1, 1) == (1, 2)
    assert count(Ice40Multiplier, 17, True, -1, 1) is None
    assert shared(Ecp5Multiplier, 8, True, (-7, 7), 1).weights == 1


@pytest.mark.parametrize(
    ("kind", "target", "cell"),
    [(Ecp5Multiplier, "ulx3s-25f", "MULT18X18D"), (Ice40Multiplier, "icebreaker", "SB_MAC16")],
)
def test_a_block_is_all_it_takes(kind, target, cell):
    """The fields of a product cost no logic."""
    p = MultiplierParameters(4, True, 2, True, 3)
    text = write_modules(split(kind(p), "m"))
    assert dict(synthesise(text, "m", get_target(target)).cells) == {cell: 1}


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_messages():
    with pytest.raises(
        ValueError, match="Operands must fit 18 bits, not 8 bits and 2 weights of 9"
    ):
        Multiplier(MultiplierParameters(8, True, 9, True, 2))
    with pytest.raises(ValueError, match="Operands must fit 16 bits, not 17 bits and 1 weights"):
        Ice40Multiplier(MultiplierParameters(17, True, 9, True))
    gc.collect()  # components that came to nothing warn when they go
    with pytest.raises(ValueError, match="Bits and number of weights must be positive"):
        MultiplierParameters(0, True, 9, True)
