// Sixteen words of four bits in look-up tables: written at a clock edge, read at once.
// Source: Gowin UG285, BSRAM and SSRAM User Guide (RAM16SDP4).
`default_nettype none
module RAM16SDP4 #(
    parameter [15:0] INIT_0 = 16'h0,  // of each bit, word by word
    parameter [15:0] INIT_1 = 16'h0,
    parameter [15:0] INIT_2 = 16'h0,
    parameter [15:0] INIT_3 = 16'h0
) (
    input wire [3:0] DI, input wire [3:0] WAD, input wire WRE, input wire CLK,
    input wire [3:0] RAD,
    output wire [3:0] DO
);
    reg [3:0] words[0:15];
    integer n;
    initial
        for (n = 0; n < 16; n = n + 1) words[n] = {INIT_3[n], INIT_2[n], INIT_1[n], INIT_0[n]};

    always @(posedge CLK)
        if (WRE !== 1'b0) words[WAD] <= WRE === 1'b1 ? DI : 4'bx;
    assign DO = words[RAD];
endmodule
`default_nettype wire
