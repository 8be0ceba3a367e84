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
    // A wire a carry: a vector that is partly made of itself looks like a loop to simulators.
    wire into = CI | CYINIT;
    wire carry_0 = S[0] ? into : DI[0];
    wire carry_1 = S[1] ? carry_0 : DI[1];
    wire carry_2 = S[2] ? carry_1 : DI[2];
    wire carry_3 = S[3] ? carry_2 : DI[3];
    assign CO = {carry_3, carry_2, carry_1, carry_0};
    assign O = S ^ {carry_2, carry_1, carry_0, into};
endmodule
`default_nettype wire
