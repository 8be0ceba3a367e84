// Flip-flop of a slice. It starts with REGSET, which configuration puts into it.
// Source: Lattice FPGA-DS-02012, ECP5 and ECP5-5G Family Data Sheet (slice, registers); Project
// Trellis, TRELLIS_FF. The global reset GSR, which configuration releases, is taken as released.
// Modelled: rising clock, synchronous set or reset that comes before the clock enable.
`default_nettype none
module TRELLIS_FF #(
    parameter GSR = "ENABLED",
    parameter CEMUX = "1",
    parameter CLKMUX = "CLK",
    parameter LSRMUX = "LSR",
    parameter LSRMODE = "LSR",
    parameter SRMODE = "LSR_OVER_CE",
    parameter REGSET = "RESET"
) (
    input wire CLK, input wire LSR, input wire CE, input wire DI,
    output reg Q
);
    localparam START = REGSET == "SET";
    wire enable = CEMUX == "1" ? 1'b1 : CEMUX == "0" ? 1'b0 : CEMUX == "INV" ? ~CE : CE;
    wire clear = LSRMUX == "INV" ? ~LSR : LSR;

    initial Q = START;
    always @(posedge CLK)
        if (clear) Q <= START;
        else if (enable) Q <= DI;

    initial begin
        if (CLKMUX != "CLK" || LSRMODE != "LSR" || SRMODE != "LSR_OVER_CE") begin
            $display("TRELLIS_FF %m: must be CLK, LSR, LSR_OVER_CE, not %0s, %0s, %0s",
                     CLKMUX, LSRMODE, SRMODE);
            $finish;
        end
        if (CEMUX != "1" && CEMUX != "0" && CEMUX != "INV" && CEMUX != "CE") begin
            $display("TRELLIS_FF %m: CEMUX must be 1, 0, INV or CE, not %0s", CEMUX);
            $finish;
        end
        if ((LSRMUX != "LSR" && LSRMUX != "INV") || (REGSET != "SET" && REGSET != "RESET")) begin
            $display("TRELLIS_FF %m: LSRMUX, REGSET must be LSR or INV, SET or RESET, not %0s, %0s",
                     LSRMUX, REGSET);
            $finish;
        end
    end
endmodule
`default_nettype wire
