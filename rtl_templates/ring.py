"""What went by so many beats ago: registers that move on, or a memory that is gone round."""

__all__ = ["SHALLOW", "went_by"]

from amaranth import *
from amaranth.lib import memory

from hwgen_rtl_templates.tables import nest

SHALLOW = 4  # words up to which they are registers that move on


def went_by(
    m: Module,
    name: str,
    value: Value,
    words: int,
    advance: Value,
    style: str | None,
    at: Value | None = None,
) -> Value:
    """Return what a value was so many advances ago: from registers that move on, or a memory that
    is gone round.

    Parameters
    ----------
    at : a counter of so many advances, where there is one
    """
    if style is None:
        line = [Signal(len(value), name=f"{name}_{n}", reset_less=True) for n in range(words)]
        with m.If(advance):
            m.d.sync += [a.eq(b) for a, b in zip(line, (value, *line[:-1]), strict=True)]
        return line[-1]
    if at is None:
        (at,), _ = nest(m, advance, [(f"{name}_at", words)])
    m.submodules[f"{name}_memory"] = storage = memory.Memory(
        shape=unsigned(len(value)), depth=words, init=[], attrs={"ram_style": style}
    )
    writer, reader = (
        storage.write_port(),
        storage.read_port(domain="sync" if style == "block" else "comb"),
    )
    m.d.comb += [writer.addr.eq(at), writer.en.eq(advance), writer.data.eq(value)]
    if style == "block":  # the next word is read as this one is written
        m.d.comb += [reader.en.eq(advance), reader.addr.eq(Mux(at == words - 1, 0, at + 1))]
    else:
        m.d.comb += reader.addr.eq(at)
    return reader.data
