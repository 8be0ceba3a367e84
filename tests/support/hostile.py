"""Names that somebody might give a layer, to see where they end up."""

from hwgen.network import Network, Node

NAMES = (
    "always",
    "a.b c;",
    "größe λ 层",
    'say "cheese"',
    "it's",
    "two\nlines\r\nand \t tabs",
    "x\nendmodule\nmodule evil; initial $finish; endmodule",
    '*/ `include "/etc/passwd" /*',
    "`$(touch pwned)`; touch pwned; $(touch pwned)",
    "a](http://evil.example) | <script>alert(1)</script>",
    "axi_input",
    "axi_output",
    "s_axis_tdata",
    "clk",
    "conv",
    "conv_window",
    "Conv",
    "conv ",
    "dut",
    "build",
    "verilator lint_off ALL",
    "synthesis translate_off",
    "\\",
    "a\\",
    "@TOP@",
    "{{ x }}: &y *z",
    "../../etc/passwd",
    "7",
    "x" * 200,
    "\ud800",
    "\x00\x1b[31m",
    "%s%n$display",
)


def renamed(network: Network, names: tuple[str, ...]) -> Network:
    """Return the network with other names on its nodes, the first ones first."""
    new = {node.name: name for node, name in zip(network.nodes, names, strict=False)}
    return Network(
        tuple(
            Node(new.get(node.name, node.name), node.op, tuple(new.get(n, n) for n in node.inputs))
            for node in network.nodes
        )
    )
