// Sixteen words of four bits in look-up tables: written at a clock edge, read at once.
// Source: Lattice FPGA-TN-02204 (TN1264), ECP5 and ECP5-5G Memory Usage Guide (distributed dual
// port RAM); Lattice FPGA Libraries Reference Guide, DPR16X4C; Project Trellis, TRELLIS_DPR16X4.
`default_nettype none
module TRELLIS_DPR16X4 #(
    parameter WCKMUX = "WCK",
    parameter WREMUX = "WRE",
    parameter [63:0] INITVAL = 64'h0
) (
    input wire [3:0] DI, input wire [3:0] WAD, input wire WRE, input wire WCK,
    input wire [3:0] RAD,
    output wire [3:0] DO
);
    reg [3:0] words[0:15];
    integer n;
    initial for (n = 0; n < 16; n = n + 1) words[n] = INITVAL[4 * n +: 4];

    always @(posedge WCK)
        if (WRE !== 1'b0) words[WAD] <= WRE === 1'b1 ? DI : 4'bx;
    assign DO = words[RAD];

    initial
        if (WCKMUX != "WCK" || WREMUX != "WRE") begin
            $display("TRELLIS_DPR16X4 %m: must be WCK, WRE, not %0s, %0s", WCKMUX, WREMUX);
            $finish;
        end
endmodule
`default_nettype wire
