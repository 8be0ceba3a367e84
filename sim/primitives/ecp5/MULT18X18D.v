// Multiplier of 18 by 18 bits, each of them signed or not, with a register at each input, one in
// the multiplier and one at the output, each of which may be there or not; all on CLK0, CE0, RST0.
// Source: Lattice FPGA-TN-02205 (TN1267), ECP5 and ECP5-5G sysDSP Usage Guide (MULT18X18D).
// Not modelled: other clocks, asynchronous resets, the shift chain of operands, the C operand, and
// that the sign of an operand goes through its register: it must be constant.
`default_nettype none
module MULT18X18D #(
    parameter REG_INPUTA_CLK = "NONE",
    parameter REG_INPUTB_CLK = "NONE",
    parameter REG_INPUTC_CLK = "NONE",
    parameter REG_PIPELINE_CLK = "NONE",
    parameter REG_OUTPUT_CLK = "NONE",
    parameter SOURCEB_MODE = "B_SHIFT",  // of the operand that is not in use with SOURCEB = 0
    parameter MULT_BYPASS = "DISABLED"
) (
    input wire A0, input wire A1, input wire A2, input wire A3, input wire A4, input wire A5,
    input wire A6, input wire A7, input wire A8, input wire A9, input wire A10, input wire A11,
    input wire A12, input wire A13, input wire A14, input wire A15, input wire A16,
    input wire A17,
    input wire B0, input wire B1, input wire B2, input wire B3, input wire B4, input wire B5,
    input wire B6, input wire B7, input wire B8, input wire B9, input wire B10, input wire B11,
    input wire B12, input wire B13, input wire B14, input wire B15, input wire B16,
    input wire B17,
    input wire C0, input wire C1, input wire C2, input wire C3, input wire C4, input wire C5,
    input wire C6, input wire C7, input wire C8, input wire C9, input wire C10, input wire C11,
    input wire C12, input wire C13, input wire C14, input wire C15, input wire C16,
    input wire C17,
    input wire SIGNEDA, input wire SIGNEDB, input wire SOURCEA, input wire SOURCEB,
    input wire CLK0, input wire CE0, input wire RST0,
    output wire P0, output wire P1, output wire P2, output wire P3, output wire P4,
    output wire P5, output wire P6, output wire P7, output wire P8, output wire P9,
    output wire P10, output wire P11, output wire P12, output wire P13, output wire P14,
    output wire P15, output wire P16, output wire P17, output wire P18, output wire P19,
    output wire P20, output wire P21, output wire P22, output wire P23, output wire P24,
    output wire P25, output wire P26, output wire P27, output wire P28, output wire P29,
    output wire P30, output wire P31, output wire P32, output wire P33, output wire P34,
    output wire P35
);
    wire [17:0] a = {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1,
        A0};
    wire [17:0] b = {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1,
        B0};
    localparam HOLDS_A = REG_INPUTA_CLK == "CLK0";
    localparam HOLDS_B = REG_INPUTB_CLK == "CLK0";
    localparam HOLDS_MIDDLE = REG_PIPELINE_CLK == "CLK0";
    localparam HOLDS_P = REG_OUTPUT_CLK == "CLK0";
    reg [17:0] held_a, held_b;
    reg [35:0] held_middle, held_p;
    wire [17:0] used_a = HOLDS_A ? held_a : a;
    wire [17:0] used_b = HOLDS_B ? held_b : b;
    wire [35:0] wide_a = {{18{SIGNEDA & used_a[17]}}, used_a};
    wire [35:0] wide_b = {{18{SIGNEDB & used_b[17]}}, used_b};
    wire [35:0] product = wide_a * wide_b;
    wire [35:0] middle = HOLDS_MIDDLE ? held_middle : product;
    wire [35:0] p = HOLDS_P ? held_p : middle;
    always @(posedge CLK0)
        if (RST0) begin
            held_a <= 18'd0;
            held_b <= 18'd0;
            held_middle <= 36'd0;
            held_p <= 36'd0;
        end else if (CE0) begin
            held_a <= a;
            held_b <= b;
            held_middle <= product;
            held_p <= middle;
        end
    assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19,
        P18, P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} =
        p;

    wire source = SOURCEA | SOURCEB;
    always @(source)
        if (source === 1'b1) begin
            $display("MULT18X18D %m: SOURCEA and SOURCEB must be 0");
            $finish;
        end
    initial
        if (REG_INPUTC_CLK != "NONE" || MULT_BYPASS != "DISABLED"
            || (REG_INPUTA_CLK != "NONE" && !HOLDS_A) || (REG_INPUTB_CLK != "NONE" && !HOLDS_B)
            || (REG_PIPELINE_CLK != "NONE" && !HOLDS_MIDDLE)
            || (REG_OUTPUT_CLK != "NONE" && !HOLDS_P)) begin
            $display("MULT18X18D %m: registers must be on CLK0 or NONE, without C and bypass");
            $finish;
        end
endmodule
`default_nettype wire
