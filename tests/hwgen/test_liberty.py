"""Liberty files: functions, cells, and models of cells that a simulator runs."""

import itertools
import subprocess
import tempfile
from pathlib import Path

import pytest

from hwgen.cost.asic.liberty import NAND2, NOR2, Latch, Register, read_liberty
from hwgen.cost.asic.liberty_function import parse_function
from hwgen.cost.asic.library_cells import cell_models, reset_cells
from hwgen.errors import HwgenError
from hwgen.targets import TARGETS

OSU = [Path(target.library) for target in TARGETS.values() if target.library]

LIBRARY = """
/* what files hold, and how differently they hold it */
library (odd) {
  capacitive_load_unit (10, ff);
  define(note, cell, string);
  lu_table_template (t) { variable_1 : input_net_transition; index_1 ("1, 2, \\
      3"); }
  cell (ND2) { area : 1.5; // the one that counts
    pin (A) { direction : input; capacitance : 0.3 }
    pin ("B") { direction : "input"; capacitance : 0.2; }
    pin (Y) { direction : output; function : "(A B)'"
      timing () { related_pin : "A B"; } } }
  cell (ND2X9) { area : 9; pin (A, B) { direction : input; }
    pin (Y) { direction : output; function : "!A + !B"; } }
  cell (FREE) { area : 0.1; dont_use : true; pin (A, B) { direction : input; }
    pin (Y) { direction : output; function : "!(A B)"; } }
  cell (NR2) { area : 2; pin (A, B) { direction : input; }
    pin (Y) { direction : output; function : "A' * B'"; } }
  cell (INV) { area : 1; pin (A) { direction : input; capacitance : 0.5; }
    pin (Y) { direction : output; function : "!A"; } }
  cell (TRI) { area : 3; pin (A, E) { direction : input; }
    pin (Y) { direction : output; function : "A"; three_state : "!E"; } }
  cell (FF) { area : 7; ff (IQ, IQN) { next_state : "(D & !S) | (I & S)"; clocked_on : "CK'";
      clear : "!RN"; preset : "SET"; }
    pin (D, S, I, CK, RN, SET) { direction : input; }
    pin (Q) { direction : output; function : "IQ"; }
    pin (QN) { direction : output; function : "IQN"; } }
  cell (LAT) { area : 5; latch (IQ, IQN) { data_in : "D"; enable : "G"; }
    pin (D, G) { direction : input; } pin (Q) { direction : output; function : "IQ"; } }
  cell (TIE) { area : 1; pin (Y) { direction : output; function : "1"; } }
  cell (BLACK) { area : 1; pin (A) { direction : input; } pin (Y) { direction : output; } }
}
"""


@pytest.fixture
def odd(tmp_path):
    (tmp_path / "odd.lib").write_text(LIBRARY)
    return read_liberty(tmp_path / "odd.lib")


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("A", "A"),
        ("!A", "1-A"),
        ("A'", "1-A"),
        ("(A B)'", "1-(A&B)"),
        ("A B + C", "(A&B)|C"),
        ("A + B C", "A|(B&C)"),
        ("A ^ B C", "(A^B)&C"),  # in Liberty, unlike in C, ^ binds closer than and
        ("A * !B | C & 1", "(A&(1-B))|C"),
        ("!(A'+B)^C", "(1-((1-A)|B))^C"),
        ("!!A''", "A"),
        ("(((A B)+(B C))+(C A))", "(A&B)|(B&C)|(C&A)"),
        ("0 + A", "A"),
    ],
)
def test_functions(text, python):
    function = parse_function(text)
    assert set(function.names) <= set("ABC")
    for bits in itertools.product((0, 1), repeat=3):
        pins = dict(zip("ABC", bits, strict=True))
        assert function.value(pins) == eval(python, {}, pins), (text, pins)


@pytest.mark.parametrize("text", ["", "A +", "(A", "A)", "!", "A $ B", "A B'' )", "+ A"])
def test_functions_that_are_none(text):
    with pytest.raises(ValueError, match="function"):
        parse_function(text)


def test_what_a_file_says(odd):
    assert (odd.name, odd.femtofarads, odd.gate_um2) == ("odd", 10, 1.5)
    assert odd.gate(NAND2, "NAND").name == "ND2" and odd.driver.name == "INV"
    assert odd.cells["ND2X9"].table == NAND2 and odd.cells["NR2"].table == NOR2
    assert odd.cells["FREE"].unused and odd.cells["FREE"].table is None
    assert odd.cells["TRI"].table is None
    assert [pin.capacitance for pin in odd.cells["ND2"].inputs] == [0.3, 0.2]
    assert isinstance(odd.cells["FF"].holds, Register)
    assert isinstance(odd.cells["LAT"].holds, Latch)
    assert "NR2 gate (.A(~D), .B(R), .Y(next));" in reset_cells(odd)


def test_models_compute_what_the_file_says(odd, tmp_path):
    """In Icarus: gates by their tables; a flip-flop holds nothing known before its first clock."""
    (tmp_path / "models.v").write_text(cell_models(odd, ["ND2", "NR2", "FF", "TIE"]))
    (tmp_path / "bench.v").write_text("""
module bench;
  reg a = 0, b = 0, d = 1, ck = 1, rn = 1, set = 0;
  wire nand_, nor_, q, qn, one;
  ND2 n(.A(a), .B(b), .Y(nand_)); NR2 m(.A(a), .B(b), .Y(nor_)); TIE t(.Y(one));
  FF f(.D(d), .S(1'b0), .I(1'b0), .CK(ck), .RN(rn), .SET(set), .Q(q), .QN(qn));
  integer n_;
  initial begin
    for (n_ = 0; n_ < 4; n_ = n_ + 1) begin {a, b} = n_; #1 $write("%b%b%b ", nand_, nor_, one); end
    $write("%b%b ", q, qn);
    ck = 0; #1 $write("%b%b ", q, qn); ck = 1; d = 0; #1 $write("%b%b ", q, qn);
    rn = 0; #1 $write("%b%b ", q, qn); rn = 1; set = 1; #1 $write("%b%b\\n", q, qn);
  end
endmodule
""")
    command = ["iverilog", "-g2005", "-o", "b.vvp", "bench.v", "models.v"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run(
        ["vvp", "b.vvp"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["111", "101", "101", "001", "xx", "10", "10", "01", "10"]


@pytest.mark.parametrize("name", ["LAT", "TRI", "BLACK", "GONE"])
def test_a_cell_without_a_function_has_no_model(name, odd):
    with pytest.raises(HwgenError, match=f"Cell {name} .*odd.lib"):
        cell_models(odd, [name])


@pytest.mark.parametrize("path", OSU, ids=lambda path: path.stem)
def test_libraries_of_debian(path):
    library = read_liberty(path)
    assert len(library.cells) >= 32 and library.femtofarads == 1000
    flip_flop = library.cells["DFFPOSX1"]
    assert isinstance(flip_flop.holds, Register) and flip_flop.area == 4 * library.gate_um2
    # of 0.18, 0.35 and 0.5 um: 2.4 by 10 um, and so much larger
    assert library.gate_um2 == {"osu018_stdcells": 24, "osu035_stdcells": 96}.get(path.stem, 216)
    usable = [cell.name for cell in library.cells.values() if cell.outputs and not cell.unused]
    models = cell_models(library, [n for n in usable if "TBUF" not in n and n != "LATCH"])
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "models.v").write_text(models)
        subprocess.run(["iverilog", "-t", "null", "models.v"], cwd=folder, check=True)


@pytest.mark.parametrize(
    "text",
    ["", "library (a) {", "}", "library (a) { }", "cell (a) { area : 1; }", "\x1f\x8b\x08 gz",
     "library (a) { cell (b) { area : big; } }",
     'library (a) { cell (b) { pin (y) { function : "a +"; } } }'],
)  # fmt: skip
def test_files_that_are_none(text, tmp_path):
    (tmp_path / "bad.lib").write_text(text)
    with pytest.raises(HwgenError, match=r"bad\.lib must be a Liberty file"):
        read_liberty(tmp_path / "bad.lib")


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(HwgenError, match=r"gone\.lib cannot be read"):
        read_liberty(tmp_path / "gone.lib")


def test_a_library_without_a_gate_that_is_needed(odd, tmp_path):
    text = LIBRARY.replace("A' * B'", "A B").replace("(A B)'", "A B").replace("!A + !B", "A B")
    (tmp_path / "poor.lib").write_text(text)
    poor = read_liberty(tmp_path / "poor.lib")
    with pytest.raises(HwgenError, match="must have a NOR of two inputs"):
        reset_cells(poor)
    with pytest.raises(HwgenError, match="must have a NAND of two inputs"):
        assert poor.gate_um2
