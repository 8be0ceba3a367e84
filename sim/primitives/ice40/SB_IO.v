// Pin with its buffers, without registers: the input as it is (PIN_TYPE[1:0] = 01), and as output
// none, always driven or driven while enabled (PIN_TYPE[5:2] = 0000, 0110, 1010). Other types end
// the simulation.
// Source: Lattice, iCE40 Technology Library (SB_IO); Lattice FPGA-DS-02029, iCE40 LP/HX Family Data
// Sheet (programmable I/O).
`default_nettype none
module SB_IO #(
    parameter [5:0] PIN_TYPE = 6'b000000,
    parameter [0:0] PULLUP = 1'b0,
    parameter [0:0] NEG_TRIGGER = 1'b0,
    parameter IO_STANDARD = "SB_LVCMOS"
) (
    inout wire PACKAGE_PIN,
    input wire LATCH_INPUT_VALUE, input wire CLOCK_ENABLE,
    input wire INPUT_CLK, input wire OUTPUT_CLK, input wire OUTPUT_ENABLE,
    input wire D_OUT_0, input wire D_OUT_1,
    output wire D_IN_0, output wire D_IN_1
);
    wire drives = PIN_TYPE[5:2] == 4'b0110 | (PIN_TYPE[5:2] == 4'b1010 & OUTPUT_ENABLE);
    assign PACKAGE_PIN = drives ? D_OUT_0 : 1'bz;
    assign D_IN_0 = PACKAGE_PIN;
    assign D_IN_1 = 1'bx;
    generate
        if (PULLUP) pullup weak(PACKAGE_PIN);
    endgenerate
    initial
        if (PIN_TYPE[1:0] != 2'b01 | NEG_TRIGGER
            | (PIN_TYPE[5:2] != 4'b0000 & PIN_TYPE[5:2] != 4'b0110 & PIN_TYPE[5:2] != 4'b1010)) begin
            $display("SB_IO: no model of PIN_TYPE %b", PIN_TYPE);
            $finish;
        end
endmodule
`default_nettype wire
