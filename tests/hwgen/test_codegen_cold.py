"""Verilog of an ASIC: no first values, and tables that are only read as functions."""

import pytest
from hwgen.codegen.cold import without_starts

TABLE = """\
module table_of (
  input  wire [{high}:0] at,
  output reg  [3:0] o = 4'h0
);
  reg [1:0] state = 2'h2;
  (* rom_style = "logic" *)
  reg [3:0] storage [{last}:0];
  initial begin
{words}  end
  always @(posedge clk) o <= storage[at];
endmodule
"""
RAM = """\
  reg [3:0] ring [1:0];
  initial begin
    ring[0] = 4'h0;
    ring[1] = 4'h0;
  end
  always @(posedge clk) if (en) ring[at] <= data;
  assign out = ring[at];
"""


@pytest.mark.parametrize(("words", "bits"), [(2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4)])
def test_a_table_is_a_function_of_its_whole_address(words, bits):
    lines = "".join(f"    storage[{n}] = 4'h{(3 * n + 1) % 16:x};\n" for n in range(words))
    text = without_starts(TABLE.format(high=bits - 1, last=words - 1, words=lines))
    assert f"    input [{bits - 1}:0] at;\n" in text and "o <= storage(at);" in text
    for n in range(words):
        assert f"      {bits}'d{n}: storage = 4'h{(3 * n + 1) % 16:x};\n" in text
    assert "default: storage = {4{1'bx}};" in text
    assert "initial" not in text and "= 2'h2" not in text and "  reg [1:0] state;\n" in text


def test_what_is_written_stays_a_memory():
    text = without_starts(RAM)
    assert "  reg [3:0] ring [1:0];\n  always" in text and "ring[at] <= data;" in text
    assert "initial" not in text and "assign out = ring[at];" in text
