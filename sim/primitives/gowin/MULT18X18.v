// Multiplier of 18 by 18 bits, each of them signed or not, as logic without registers.
// Source: Gowin UG287, Digital Signal Processing (DSP) User Guide (MULT18X18).
// Not modelled, and refused: registers, the shift chain of operands.
`default_nettype none
module MULT18X18 #(
    parameter [0:0] AREG = 1'b0,
    parameter [0:0] BREG = 1'b0,
    parameter [0:0] OUT_REG = 1'b0,
    parameter [0:0] PIPE_REG = 1'b0
) (
    input wire [17:0] A, input wire [17:0] B, input wire ASIGN, input wire BSIGN,
    input wire CLK, input wire CE, input wire RESET,
    input wire [17:0] SIA, input wire [17:0] SIB, input wire ASEL, input wire BSEL,
    output wire [35:0] DOUT
);
    wire [35:0] wide_a = {{18{ASIGN & A[17]}}, A};
    wire [35:0] wide_b = {{18{BSIGN & B[17]}}, B};
    assign DOUT = wide_a * wide_b;

    initial
        if (AREG || BREG || OUT_REG || PIPE_REG) begin
            $display("MULT18X18 %m: no registers");
            $finish;
        end
    wire shifted = ASEL | BSEL;
    always @(shifted)
        if (shifted === 1'b1) begin
            $display("MULT18X18 %m: ASEL and BSEL must be 0");
            $finish;
        end
endmodule
`default_nettype wire
