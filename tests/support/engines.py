"""Random engines, with their meaning as loops over the definition, and what must hold of each."""

import random
from dataclasses import replace

from hwgen_rtl_templates.bias import BiasParameters
from hwgen_rtl_templates.dot_product import offset
from hwgen_rtl_templates.encodings import (
    Booth,
    Codebook,
    PowersOfTwo,
    Radix4,
    Ternary,
    TwosComplement,
)
from hwgen_rtl_templates.engine import Engine, EngineParameters
from hwgen_rtl_templates.mac import MacParameters
from hwgen_rtl_templates.pool import MaximumParameters
from hwgen_rtl_templates.weights import WeightParameters
from hwgen_rtl_templates.window import WindowParameters
from support.stream_bench import check_component, in_lanes, pack, unpack


def random_window(rng: random.Random, *, pool: bool = False) -> dict:
    kernel = (rng.randint(1, 3 if pool else 5), rng.randint(1, 3 if pool else 5))
    most = [k // 2 if pool else 2 for k in kernel]
    padding = tuple((rng.randint(0, n), rng.randint(0, n)) for n in most)
    dilation = (1, 1) if pool else (rng.choice((1, 1, 2)), rng.choice((1, 1, 2)))
    least = [
        max(1, d * (k - 1) + 1 - sum(p)) for k, p, d in zip(kernel, padding, dilation, strict=True)
    ]
    bits, signed = rng.randint(1, 5), rng.random() < 0.3
    return {
        "channels": rng.choice((1, 2, 3, 4, 5, 6)),
        "height": least[0] + rng.randint(0, 4),
        "width": least[1] + rng.randint(0, 4),
        "kernel": kernel,
        "stride": (rng.randint(1, 3), rng.randint(1, 3)),
        "padding": padding,
        "dilation": dilation,
        "bits": bits,
        "signed": signed and bits > 1,
    }


def taps(shape: dict, row: int, column: int):
    """Yield, for each tap of a window, its index and where it falls, or None outside."""
    for i in range(shape["kernel"][0]):
        for j in range(shape["kernel"][1]):
            y = row * shape["stride"][0] - shape["padding"][0][0] + i * shape["dilation"][0]
            x = column * shape["stride"][1] - shape["padding"][1][0] + j * shape["dilation"][1]
            inside = 0 <= y < shape["height"] and 0 <= x < shape["width"]
            yield i * shape["kernel"][1] + j, (y, x) if inside else None


def random_frames(rng: random.Random, shape: dict) -> list:
    lo = -(1 << (shape["bits"] - 1)) if shape["signed"] else 0
    hi = lo + (1 << shape["bits"]) - 1
    return [
        [
            [[rng.randint(lo, hi) for _ in range(shape["channels"])] for _ in range(shape["width"])]
            for _ in range(shape["height"])
        ]
        for _ in range(FRAMES)
    ]


def dot_products(shape: dict, weights: list, bias: list, pad: int):
    """Return a function that gives an output pixel of a frame by definition."""
    channels = shape["channels"]

    def result(frame, row, column):
        total = list(bias)
        for tap, place in taps(shape, row, column):
            for c in range(channels):
                x = frame[place[0]][place[1]][c] if place else pad
                for m, row_weights in enumerate(weights):
                    total[m] += row_weights[tap * channels + c] * x
        return total

    return result


def array_case(seed: int):
    """Return an engine with a MAC array, frames, and the results by definition."""
    rng = random.Random(seed)
    shape = random_window(rng)
    channels, outputs = shape["channels"], rng.randint(1, 7)
    k = shape["kernel"][0] * shape["kernel"][1] * channels
    simd, pe = rng.randint(1, min(k, 12)), rng.randint(1, outputs)
    pad = rng.randint(0, (1 << (shape["bits"] - shape["signed"])) - 1)
    window = WindowParameters(**shape, lanes=simd, pad_value=pad)
    encoding, some = ENCODINGS[seed % len(ENCODINGS)]
    weights = [[rng.choice(some) for _ in range(k)] for _ in range(outputs)]
    bias = [rng.randint(-50, 50) for _ in range(outputs)]
    groups = -(-outputs // pe)
    # what is read: all, the same words for all groups, or words of its own for each
    count = (0, 1, groups)[seed % 3]
    read = [
        rng.sample(range(len(window.taps)), rng.randint(1, len(window.taps))) for _ in range(count)
    ]
    if seed % 2:
        read = [sorted(words) for words in read]
    window = replace(window, live=tuple(map(tuple, read)) or None)
    for m in range(outputs) if count else ():
        words = read[m // pe % count]
        weights[m] = [w if n // window.word in words else 0 for n, w in enumerate(weights[m])]

    def beats(group):
        """The weights of a group of rows, beat by beat of the words that it reads."""
        words = read[group % count] if count else range(len(window.taps))
        places = [word * window.word + n for word in words for n in range(window.word)]
        places += [None] * (-len(places) % simd)
        rows = [weights[m] if m < outputs else [0] * k for m in range(group * pe, group * pe + pe)]
        for start in range(0, len(places), simd):
            beat = places[start : start + simd]
            codes = [encoding.code(0 if n is None else row[n]) for row in rows for n in beat]
            yield pack(codes, encoding.bits)

    mac = MacParameters(
        WeightParameters(
            pe,
            simd,
            encoding,
            tuple(word for g in range(groups) for word in beats(g)),
            rng.choice(("block", "logic")),
        ),
        x_bits=shape["bits"],
        x_signed=shape["signed"],
        bits=18,
        signed=True,
        folds=window.folds * (1 if window.varied else groups),
    )
    options = [
        n
        for n in range(1, pe + 1)
        if (pe % n == 0 or groups == 1) and -(-pe // n) <= min(window.folds)
    ]
    lanes = rng.choice(options)
    lacks = [offset(encoding, row, shape["bits"], shape["signed"]) for row in weights]
    if seed % 5 == 0:
        bias, added = [-n for n in lacks], None
    else:
        corrections = tuple(a + b for a, b in zip(bias, lacks, strict=True))
        added = BiasParameters(outputs, lanes, 18, True, corrections, 18, True)
    engine = EngineParameters(window, mac, outputs, lanes, None, pe, added)
    frames = random_frames(rng, shape)

    return engine, frames, dot_products(shape, weights, bias, pad)


def pool_case(seed: int):
    """Return an engine that takes maxima, frames, and the results by definition."""
    rng = random.Random(seed)
    shape = random_window(rng, pool=True)
    channels = shape["channels"]
    lanes = rng.choice([n for n in range(1, channels + 1) if channels % n == 0])
    least = -(1 << (shape["bits"] - 1)) if shape["signed"] else 0
    window = WindowParameters(
        **shape,
        lanes=lanes,
        pad_value=least & ((1 << shape["bits"]) - 1),
        slices=channels // lanes,
    )
    path = MaximumParameters(lanes, window.slices, shape["bits"], shape["signed"])
    options = [
        n
        for n in range(1, lanes + 1)
        if (lanes % n == 0 or lanes == channels) and -(-lanes // n) <= min(window.folds)
    ]
    engine = EngineParameters(window, path, channels, rng.choice(options), None, lanes)

    def result(frame, row, column):
        places = [place for _, place in taps(shape, row, column) if place]
        return [max(frame[y][x][c] for y, x in places) for c in range(channels)]

    return engine, random_frames(rng, shape), result


def flatten(engine: EngineParameters, pixels: list) -> list:
    """Return what the beats of pixels hold, lane by lane, None where nothing counts."""
    path = engine.datapath.lanes
    groups = [pixel[n : n + path] for pixel in pixels for n in range(0, len(pixel), path)]
    return in_lanes(groups, engine.lanes)


def check_pixels(engine: EngineParameters, pixels: list, wanted: list, seed: int) -> None:
    """Send pixels, lists of elements, through an engine, without stalls and with them: what leaves
    are the `wanted` ones, on the clocks of the schedule."""
    rng = random.Random(seed + 1)
    tight = engine.with_depth(max(engine.drain.pieces))
    engine = engine.at_full_rate() if seed % 2 else tight
    window = engine.window
    beats = [
        pack(pixel[n : n + window.word], window.bits)
        for pixel in pixels
        for n in range(0, window.channels, window.word)
    ]
    expected = flatten(engine, wanted)
    stalls = ((0.0, 0.0), (rng.random() * 0.6, rng.random() * 0.6))
    check_component(
        Engine(engine),
        beats,
        expected,
        engine.element,
        seed=seed,
        stalls=stalls,
        schedule=engine.schedule,
    )


def check(case, seed: int) -> None:
    engine, frames, result = case(seed)
    pixels = [pixel for frame in frames for row in frame for pixel in row]
    wanted = [result(frame, *at) for frame in frames for at in engine.window.positions()]
    check_pixels(engine, pixels, wanted, seed)


def check_full_rate(engine, where: str) -> None:
    """The busiest part of an engine is idle for at most 3 % of an interval, or 3 clocks."""
    engine = engine.at_full_rate()
    frames = 6
    ends = engine.schedule([0] * (engine.beats_in * frames))[
        engine.beats_out - 1 :: engine.beats_out
    ]
    interval = ends[-1] - ends[-2]
    assert interval <= max(engine.busy + 3, engine.busy / 0.97), f"{where}: {interval}"
    assert interval >= engine.busy


ENCODINGS = [
    (TwosComplement(4), range(-8, 8)),
    (TwosComplement(3, False), range(8)),
    (Ternary(), (-1, 0, 1)),
    (Booth(4), range(-8, 8)),
    (Radix4(5), range(-8, 8)),
    (PowersOfTwo(most=3), (0, 1, 2, 4, 8, -1, -2, -4, -8)),
    (PowersOfTwo(most=3, terms=2), (0, 3, 5, -6, 9, -7, 8)),
    (Codebook(2, TwosComplement(4), (0, 7, -8, 3)), (0, 7, -8, 3)),
    (TwosComplement(1, False), (0, 1)),
]

FRAMES = 4


def matrices(weights: WeightParameters):
    """Return the weights of each beat, (rows, columns)."""
    for word in weights.words:
        codes = unpack(word, weights.pe * weights.simd, weights.bits, False)
        beat = [weights.encoding.weight(code) for code in codes]
        yield [beat[n : n + weights.simd] for n in range(0, len(beat), weights.simd)]


def bias_of(engine: EngineParameters) -> BiasParameters:
    """Return the biases of an engine without what its encoding of the weights lacks."""
    path, pe = engine.datapath, engine.datapath.weights.pe
    biases = list(engine.bias.biases) if engine.bias else [0] * engine.channels
    groups = [g for g, fold in enumerate(path.folds) for _ in range(fold)]
    for group, beat in zip(groups, matrices(path.weights), strict=True):
        for m, row in enumerate(beat, group * pe):
            if m < engine.channels:
                biases[m] -= offset(path.weights.encoding, row, path.x_bits, path.x_signed)
    return BiasParameters(engine.channels, engine.lanes, 18, True, tuple(biases), 18, True)
