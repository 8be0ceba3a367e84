// A place of a carry chain that adds or subtracts: the sum of I0, I1 and the carry, or of I0, the
// complement of I1 and the carry. ALU_MODE 0 adds, 1 subtracts, 2 adds where I3 is high.
// Source: Gowin UG288, Configurable Function Unit (CFU) User Guide (ALU).
// Not modelled, and refused: comparisons, counters and multiplication.
`default_nettype none
module ALU #(parameter ALU_MODE = 0) (
    input wire I0, input wire I1, input wire I3, input wire CIN,
    output wire SUM, output wire COUT
);
    wire adds = ALU_MODE == 0 || (ALU_MODE == 2 && I3);
    wire other = adds ? I1 : ~I1;
    assign SUM = I0 ^ other ^ CIN;
    assign COUT = I0 & other | CIN & (I0 ^ other);

    initial
        if (ALU_MODE > 2) begin
            $display("ALU %m: ALU_MODE must be 0, 1 or 2, not %0d", ALU_MODE);
            $finish;
        end
endmodule
`default_nettype wire
