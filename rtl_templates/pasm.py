"""MAC array for codebooks that sums up first and multiplies afterwards."""

__all__ = ["PasmArray"]

from amaranth import *
from amaranth.lib import memory, wiring

from hwgen_rtl_templates.adder_row import AdderRowParameters, RowSum
from hwgen_rtl_templates.bits import PASS, ZERO
from hwgen_rtl_templates.dot_product import CLEARED
from hwgen_rtl_templates.mac import MacArray, MacParameters, array_ports
from hwgen_rtl_templates.tables import lookup


class PasmArray(wiring.Component):
    """`pe` dot products side by side, with weights from a book.

    Members
    -------
    x : beats of a window; after the last of a dot product, `parameters.rest` clocks without one
    w : beats of a weight source, on the same clocks: indices into the book
    o : the accumulators of each dot product, `latency` clocks after its last beat

    Each row and column has a small memory with a register for each entry of the book. An input is
    added to the register that its weight's index names. After the last beat the registers are read
    and cleared, entry by entry; a row's columns are summed up, and a single multiplication a row
    and entry remains. Reset takes no memory's contents away, so that the same pass comes first.

    References
    ----------
    Garland and Gregg, Low Complexity Multiply-Accumulate Units for Convolutional Neural Networks
    with Weight-Sharing, ACM TACO 2018 (parallel accumulate, shared MAC).
    """

    def __init__(self, parameters: MacParameters):
        self.parameters = parameters
        super().__init__(array_ports(parameters))

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        clearing, entry, emits = self._passes(m)
        x = self._inputs(m)
        adding = Signal()
        m.d.sync += adding.eq(self.x.valid)

        m.submodules.products = products = MacArray(p.entry_products)
        valid = Signal()
        for row in range(p.weights.pe):
            m.submodules[f"row{row}_columns"] = columns = MacArray(p.column_sums)
            m.d.comb += [
                columns.x.valid.eq(clearing & emits),
                columns.x.payload.last.eq(1),
                columns.w.payload.eq(p.column_sums.weights.words[0]),
                products.x.payload.x[row].eq(columns.o.payload[0]),
            ]
            for column in range(p.weights.simd):
                name = f"row{row}_column{column}"
                index = Signal(p.weights.bits, name=f"{name}_index", reset_less=True)
                m.d.sync += index.eq(Mux(entry[0], entry[1], self.w.payload[row][column]))
                lane = x[row if p.depthwise else column]
                held = self._bank(m, index, lane, clearing, adding | clearing, name)
                m.d.comb += columns.x.payload.x[column].eq(held)
            m.d.comb += valid.eq(columns.o.valid) if row == 0 else []
        self._multiply(m, products, valid)
        m.d.comb += [self.o.valid.eq(products.o.valid), self.o.payload.eq(products.o.payload)]
        return m

    def _passes(self, m: Module) -> tuple[Value, tuple[Value, Value], Value]:
        """Return whether registers are read and cleared; whether they will be on the next clock,
        and which; and whether what is read belongs to a dot product."""
        entries = self.parameters.weights.encoding.entries
        reading = Signal(init=1)
        emits = Signal()
        clearing = Signal()
        entry = Signal(range(entries))
        end = entry == entries - 1
        m.d.sync += clearing.eq(reading)
        with m.If(self.x.valid & self.x.payload.last):
            m.d.sync += [reading.eq(1), emits.eq(1)]
        with m.Elif(reading):
            m.d.sync += [reading.eq(~end), entry.eq(Mux(end, 0, entry + 1))]
        return clearing, (reading, entry), emits

    def _inputs(self, m: Module) -> list[Value]:
        """Return the inputs, counted from their least value, zero where there is no beat."""
        p = self.parameters
        least = 1 << (p.x_bits - 1) if p.x_signed else 0
        inputs = []
        for lane in range(p.x_lanes):
            held = Signal(p.x_bits, name=f"x{lane}", reset_less=True)
            bits = Value.cast(self.x.payload.x[lane]).as_unsigned() ^ least
            m.d.sync += held.eq(Mux(self.x.valid, bits, 0))
            inputs.append(held)
        return inputs

    def _bank(
        self, m: Module, index: Value, x: Value, clearing: Value, enable: Value, name: str
    ) -> Value:
        """Return what the register that `index` names holds; add `x` to it, or clear it."""
        p = self.parameters
        bits = p.banks.bits
        m.submodules[f"{name}_bank"] = bank = memory.Memory(
            shape=unsigned(bits),
            depth=p.weights.encoding.entries,
            init=(),
            attrs={"ram_style": "distributed"},
        )
        read, write = bank.read_port(domain="comb"), bank.write_port()
        added = min(bits, p.x_bits)
        q = (PASS,) * added + (ZERO,) * (bits - added)
        row = RowSum((CLEARED,) * bits, q, grows=False)
        m.submodules[f"{name}_adder"] = adder = p.adder(AdderRowParameters((row,)))
        m.d.comb += [
            read.addr.eq(index),
            adder.p_0.eq(Cat(Cat(bit, clearing) for bit in read.data)),
            adder.q_0.eq(x),
            write.addr.eq(index),
            write.data.eq(adder.o_0),
            write.en.eq(enable),
        ]
        return read.data

    def _multiply(self, m: Module, products: MacArray, valid: Value) -> None:
        """Multiply each row's sums, which follow one another, with the entries of the book."""
        p = self.parameters
        book = p.weights.encoding.book
        place = Signal(range(len(book)))
        last = place == len(book) - 1
        following = Signal.like(place)
        code = Signal(p.entry_products.weights.bits, init=book[0])
        m.d.comb += following.eq(Mux(last, 0, place + 1))
        with m.If(valid):
            m.d.sync += [place.eq(following), code.eq(lookup(m, following, book, "next_code"))]
        m.d.comb += [
            products.x.valid.eq(valid),
            products.x.payload.first.eq(place == 0),
            products.x.payload.last.eq(last),
        ]
        m.d.comb += [products.w.payload[row][0].eq(code) for row in range(p.weights.pe)]
