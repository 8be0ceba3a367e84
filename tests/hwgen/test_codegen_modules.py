"""From components to modules: rows of adders that are alike share one, others do not."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.codegen.modules import split
from hwgen_rtl_templates.adder_row import AdderRow, AdderRowParameters, RowSum
from hwgen_rtl_templates.bits import AND, PASS, XOR

ROWS = [((PASS,) * 3, (PASS,) * 3), ((PASS,) * 3, (PASS,) * 3), ((PASS,) * 4, (PASS,) * 4)]
ROWS += [((PASS,) * 3, (AND,) * 3), ((PASS,) * 3, (XOR,) * 3)]


class Rows(wiring.Component):
    """A few rows, each with ports of its own."""

    def __init__(self):
        self.rows = [AdderRow(AdderRowParameters((RowSum(p, q),))) for p, q in ROWS]
        ports = {}
        for n, row in enumerate(self.rows):
            for name in row.signature.members:
                way = Out if name.startswith("o") else In
                ports[f"{name}_of_{n}"] = way(len(getattr(row, name)))
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        for n, row in enumerate(self.rows):
            m.submodules[f"row{n}"] = row
            for name in row.signature.members:
                outer, inner = getattr(self, f"{name}_of_{n}"), getattr(row, name)
                m.d.comb += outer.eq(inner) if name.startswith("o") else inner.eq(outer)
        return m


def test_rows_that_are_alike_share_a_module():
    modules = split(Rows(), "top")
    assert [module.name for module in modules] == ["top", *(f"top_row{n}" for n in (0, 2, 3, 4))]
    top = modules[0].rtlil
    assert top.count("cell \\top_row0 ") == 2
    assert all(top.count(f"cell \\top_row{n} ") == 1 for n in (2, 3, 4))
