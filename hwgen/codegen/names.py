"""Names that are safe in Verilog, whatever a layer is called."""

__all__ = ["comment_text", "free_name", "is_plain", "plain_name", "safe_names", "top_name"]

import re
import textwrap
from collections.abc import Collection, Iterable

# IEEE 1364-2005 and 1800-2017 reserved words that a layer might be called by.
_KEYWORD_TEXT = """
    alias always always_comb always_ff always_latch and assert assign assume automatic before begin
    bind bins bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking
    cmos config const constraint context continue cover covergroup coverpoint cross deassign
    default defparam design disable dist do edge else end endcase endchecker endclass endclocking
    endconfig endfunction endgenerate endgroup endinterface endmodule endpackage endprimitive
    endprogram endproperty endsequence endspecify endtable endtask enum event eventually expect
    export extends extern final first_match for force foreach forever fork forkjoin function
    generate genvar global highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies
    import incdir include initial inout input inside instance int integer interconnect interface
    intersect join join_any join_none large let liblist library local localparam logic longint
    macromodule matches medium modport module nand negedge nettype new nexttime nmos nor
    noshowcancelled not notif0 notif1 null or output package packed parameter pmos posedge
    primitive priority program property protected pull0 pull1 pulldown pullup pulsestyle_ondetect
    pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime ref reg
    reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always
    s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal showcancelled
    signed small soft solve specify specparam static string strong strong0 strong1 struct super
    supply0 supply1 sync_accept_on sync_reject_on table tagged task this throughout time
    timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef
    union unique unique0 unsigned until until_with untyped use uwire var vectored virtual void
    wait wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor
"""
_KEYWORDS = frozenset(_KEYWORD_TEXT.split())

_LONGEST = 64
_HARNESS = (
    *("hwgen_harness", "hwgen_random", "hwgen_source", "hwgen_sink", "hwgen_tap"),
)  # modules that `sim` puts around a package


def _safe(name: str, reserved: Collection[str] = ()) -> str:
    word = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:_LONGEST].rstrip("_")
    if not word or word[0].isdigit() or word.lower() in _KEYWORDS or word in reserved:
        word = f"layer_{word}".rstrip("_")
    return word


def is_plain(name: str) -> bool:
    """Say whether a name needs no escape in Verilog."""
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is not None and name not in _KEYWORDS


def plain_name(name: str) -> str:
    """Return a name near to this one that needs no escape in Verilog."""
    word = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_") or "signal"
    return word if is_plain(word) else f"{word}_" if not word[0].isdigit() else f"n{word}"


def top_name(folder: str, cells: Collection[str]) -> str:
    """Return the name of the top module of a package in a folder of this name: as `safe_names`
    makes it, and none of the cells of devices, which are modules as well."""
    return _safe(folder, {*cells, *_HARNESS})


def safe_names(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return a Verilog identifier for each name: letters, digits and single underscores, no
    reserved word, no two alike (case aside), none of `taken`.

    None holds a double underscore, so that NAME__PART is nobody else's.
    """
    used = {word.lower() for word in taken}
    safe: dict[str, str] = {}
    for name in names:
        safe[name] = free_name(_safe(name), used)
        used.add(safe[name].lower())
    return safe


def free_name(word: str, used: Collection[str]) -> str:
    """Return the word, with a number behind it if it is used already (lower case in `used`)."""
    free, count = word, 2
    while free.lower() in used:
        free = f"{word}_{count}"
        count += 1
    return free


def comment_text(text: object, longest: int = 100) -> str:
    """Return text that is safe in a comment of Verilog, a makefile or YAML: one line of plain
    characters, others as `?`."""
    line = re.sub(r"[^A-Za-z0-9 _.,:;+=()\[\]-]", "?", " ".join(str(text).split()))
    return line if len(line) <= longest else textwrap.shorten(line, longest, placeholder=" ...")
