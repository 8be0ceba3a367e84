"""A toy package, y = 2 * (x + 1), whole or with a fault, for what surrounds a package."""

import numpy as np
from amaranth.hdl import Cat, Const, Module, ResetSignal, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.package.manifest import (
    NETWORK,
    SPEC_VERSION,
    BorderStream,
    Estimate,
    Manifest,
    PackageLayer,
    Predicted,
    write_manifest,
)
from hwgen.package.stream_format import StreamFormat
from hwgen.planning.layers.folding import Folding
from hwgen.targets import Rom

SHAPE = (3, 2, 2)  # in beats of two lanes: a pixel's last beat is half used

BEATS = 8


class Map(wiring.Component):
    """A register stage that maps each lane by `function`; `fault` breaks it."""

    def __init__(self, bits_in, bits_out, function, fault=None):
        self.bits_in, self.bits_out, self.function, self.fault = (
            bits_in,
            bits_out,
            function,
            fault,
        )
        super().__init__(
            {
                "i": In(stream.Signature(2 * bits_in)),
                "o": Out(stream.Signature(2 * bits_out)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        beat = Signal(range(3 * BEATS + 1))  # stays at the end
        lanes = [self.i.payload.word_select(n, self.bits_in).as_signed() for n in range(2)]
        mapped = Signal(2 * self.bits_out)
        m.d.comb += mapped.eq(Cat(Const(0, 0), *(self._map(m, lane) for lane in lanes)))
        if self.fault == "value":  # in the third frame only: channel 1 of the third pixel
            with m.If(beat == 2 * BEATS + 4):
                m.d.comb += mapped.bit_select(self.bits_out, 1).eq(~self._map(m, lanes[1])[0])
        m.d.comb += self.i.ready.eq(self.o.ready | ~self.o.valid)
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(self.i.valid)
            m.d.sync += self.o.payload.eq(mapped)
            with m.If(self.i.valid & (beat != 3 * BEATS)):
                m.d.sync += beat.eq(beat + 1)
        with m.Elif(Const(self.fault == "drop")):
            m.d.sync += self.o.valid.eq(0)
        with m.Elif(Const(self.fault == "payload")):
            m.d.sync += self.o.payload[0].eq(~self.o.payload[0])
        if self.fault == "deadlock":
            with m.If(beat == BEATS + 3):
                m.d.comb += self.i.ready.eq(0)
                with m.If(self.o.ready):
                    m.d.sync += self.o.valid.eq(0)
        if self.fault == "extra":
            with m.If((beat == 2 * BEATS) & ~self.i.valid):
                m.d.sync += [self.o.valid.eq(1), beat.eq(beat + 1)]
        return m

    def _map(self, m, lane):
        out = Signal(signed(self.bits_out))
        m.d.comb += out.eq(self.function(lane))
        return out


class Toy(wiring.Component):
    """y = 2 * (x + 1), int4 in, int6 out; unused output lanes and bits hold ones."""

    def __init__(self, fault=None):
        self.fault = fault
        super().__init__(
            {
                "s_axis_tdata": In(8),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "s_axis_tlast": In(1),
                "m_axis_tdata": Out(16),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
                "m_axis_tlast": Out(1),
                "m_axis_tuser": Out(1),
                "frame_error": Out(1),
                "frame_error_clear": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.first = first = Map(4, 5, lambda x: x + 1)
        m.submodules.second = second = Map(5, 6, lambda x: x * 2, self.fault)
        seen, sent = Signal(range(BEATS)), Signal(range(BEATS))
        with m.If(self.s_axis_tvalid & self.s_axis_tready):
            m.d.sync += seen.eq(seen + 1)
            with m.If(self.s_axis_tlast != (seen == BEATS - 1 - (self.fault == "frame_error"))):
                m.d.sync += self.frame_error.eq(1)
        # The harness has rules to keep as well: what it offers stays until it is taken.
        offered, waiting = Cat(self.s_axis_tdata, self.s_axis_tlast), Signal()
        before = Signal.like(offered)
        m.d.sync += [
            waiting.eq(self.s_axis_tvalid & ~self.s_axis_tready),
            before.eq(offered),
        ]
        with m.If(waiting & (~self.s_axis_tvalid | (before != offered))):
            m.d.sync += self.frame_error.eq(1)
        with m.If(self.m_axis_tvalid & self.m_axis_tready):
            m.d.sync += sent.eq(sent + 1)
        odd = Const(63, 6)
        last = (sent == BEATS - 1 - (self.fault == "tlast")) & (self.fault != "lost")
        if self.fault == "fickle":
            last ^= ~self.m_axis_tready
        m.d.comb += [
            first.i.payload.eq(self.s_axis_tdata),
            first.i.valid.eq(self.s_axis_tvalid),
            self.s_axis_tready.eq(first.i.ready & (~ResetSignal() | (self.fault == "reset"))),
            second.i.payload.eq(first.o.payload),
            second.i.valid.eq(first.o.valid),
            first.o.ready.eq(second.i.ready),
            self.m_axis_tdata.eq(Cat(second.o.payload[:6], second.o.payload[6:] | 0, Const(15, 4))),
            self.m_axis_tvalid.eq(second.o.valid),
            second.o.ready.eq(self.m_axis_tready),
            self.m_axis_tlast.eq(last),
            self.m_axis_tuser.eq(self.fault == "tuser"),
        ]
        with m.If(sent[0]):
            m.d.comb += self.m_axis_tdata[6:12].eq(odd)
        return m


def border_stream(stream, name="x", port="s_axis"):
    """Return the entry of a stream at the border, its integers being its values."""
    bounds = (stream.lo, stream.hi)
    return BorderStream.of(
        stream,
        name=name,
        port=port,
        steps=(),
        format=None,
        scale=(1.0,),
        zero_point=0,
        range=bounds,
    )


def layer(name, node, bits):
    return PackageLayer.of(
        StreamFormat(2, bits, True, 2 * bits, SHAPE, SHAPE),
        name=name,
        nodes=(node,),
        node=node,
        path=(name,),
        payload="o__payload",
        valid="o__valid",
        ready="o__ready",
        folding=Folding(2, 2, 2),
        busy=BEATS,
        macs=0,
        estimate=Estimate(0, 0, 0, 0),
        queue=None,
    )


def toy_manifest(target="ulx3s-85f", shape=SHAPE):
    """Return the toy's manifest; `shape` is that of its output."""
    return Manifest(
        generator="hwgen",
        spec_version=SPEC_VERSION,
        versions={},
        top="toy",
        verilog="toy.v",
        primitives=(),
        network=NETWORK,
        target=target,
        clock_hz=50_000_000,
        goal="min area",
        rom=Rom.INITIAL,
        clock="clk",
        reset="rst",
        reset_low=False,
        bus=None,
        inputs=(border_stream(StreamFormat(2, 4, True, 8, SHAPE, SHAPE)),),
        outputs=(border_stream(StreamFormat(2, 6, True, 16, shape, SHAPE), "y", "m_axis"),),
        layers=(layer("first", "a", 5), layer("second", "b", 6)),
        estimate=Estimate(0, 0, 0, 0),
        predicted=Predicted(8, 9, 8, 1.0, 0.0, (9, 17)),
        files={},
    )


def write_package(folder, text, **of):
    """Write the package of some Verilog; `of` as `toy_manifest` takes it."""
    folder.mkdir()
    (folder / "toy.v").write_text(text)
    (folder / NETWORK).touch()
    write_manifest(toy_manifest(**of), folder)
    return folder


def toy_golden(x):
    return {"x": x, "a": x + 1, "b": 2 * (x + 1)}


def toy_frames(count, seed=0):
    x = np.random.default_rng(seed).integers(-8, 8, (count, *SHAPE))
    return x, toy_golden(x)["b"]
