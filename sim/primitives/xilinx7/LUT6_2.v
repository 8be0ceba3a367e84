// Look-up table of six inputs, the lower half of which is an output of its own.
// Source: Xilinx UG953, 7 Series Libraries Guide, LUT6_2.
`default_nettype none
module LUT6_2 #(
    parameter [63:0] INIT = 64'h0000000000000000
) (
    output wire O5,
    output wire O6,
    input wire I0, input wire I1, input wire I2, input wire I3, input wire I4, input wire I5
);
    wire [5:0] entry = {I5, I4, I3, I2, I1, I0};
    assign O6 = INIT[entry];
    assign O5 = INIT[entry[4:0]];
endmodule
`default_nettype wire
