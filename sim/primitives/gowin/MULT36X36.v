// Multiplier of 36 by 36 bits, each of them signed or not, as logic without registers.
// Source: Gowin UG287, Digital Signal Processing (DSP) User Guide (MULT36X36).
// Not modelled, and refused: registers.
`default_nettype none
module MULT36X36 #(
    parameter [0:0] AREG = 1'b0,
    parameter [0:0] BREG = 1'b0,
    parameter [0:0] OUT1_REG = 1'b0,
    parameter [0:0] PIPE_REG = 1'b0
) (
    input wire [35:0] A, input wire [35:0] B, input wire ASIGN, input wire BSIGN,
    input wire CLK, input wire CE, input wire RESET,
    output wire [71:0] DOUT
);
    wire [71:0] wide_a = {{36{ASIGN & A[35]}}, A};
    wire [71:0] wide_b = {{36{BSIGN & B[35]}}, B};
    assign DOUT = wide_a * wide_b;

    initial
        if (AREG || BREG || OUT1_REG || PIPE_REG) begin
            $display("MULT36X36 %m: no registers");
            $finish;
        end
endmodule
`default_nettype wire
