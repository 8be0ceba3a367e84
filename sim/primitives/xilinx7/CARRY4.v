// Four bits of a carry chain: a bit whose S is low makes its carry from DI.
// Source: Xilinx UG953, 7 Series Libraries Guide, CARRY4; UG474, 7 Series FPGAs CLB.
`default_nettype none
module CARRY4 (
    output wire [3:0] CO,
    output wire [3:0] O,
    input wire CI,
    input wire CYINIT,
    input wire [3:0] DI,
    input wire [3:0] S
);
    wire [4:0] carry = {CO, CI | CYINIT};
    assign O = S ^ carry[3:0];
    assign CO = {
        S[3] ? carry[3] : DI[3], S[2] ? carry[2] : DI[2],
        S[1] ? carry[1] : DI[1], S[0] ? carry[0] : DI[0]
    };
endmodule
`default_nettype wire
