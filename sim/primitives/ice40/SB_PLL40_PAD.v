// PLL whose source is a pin, with the simple feedback: its clock is the pin's times (DIVF + 1) over
// (DIVR + 1) over 2**DIVQ, with no relation of phases. It locks after 32 periods of the pin, unless
// phase detector, oscillator or output are outside what they can do.
// Source: Lattice FPGA-TN-02052, iCE40 sysCLOCK PLL Design and Usage Guide; Lattice FPGA-DS-02029,
// iCE40 LP/HX Family Data Sheet (sysCLOCK PLL timing).
`timescale 1ps / 1ps
`default_nettype none
module SB_PLL40_PAD #(
    parameter FEEDBACK_PATH = "SIMPLE",
    parameter [3:0] DIVR = 4'd0,
    parameter [6:0] DIVF = 7'd0,
    parameter [2:0] DIVQ = 3'd0,
    parameter [2:0] FILTER_RANGE = 3'd0
) (
    input wire PACKAGEPIN, output wire PLLOUTCORE, output wire PLLOUTGLOBAL,
    input wire EXTFEEDBACK, input wire [7:0] DYNAMICDELAY, output wire LOCK,
    input wire BYPASS, input wire RESETB, input wire LATCHINPUTVALUE,
    output wire SDO, input wire SDI, input wire SCLK
);
    real last = 0, period = 0;  // of the pin, ps
    integer periods = 0;
    always @(posedge PACKAGEPIN or negedge RESETB)
        if (!RESETB) periods = 0;
        else begin
            period = $realtime - last;
            last = $realtime;
            if (periods < 33) periods = periods + 1;
        end

    // In MHz. A period is known from the second edge on.
    wire known = periods > 1;
    real detector, oscillator, result;
    always @* begin
        detector = known ? 1.0e6 / period / (DIVR + 1) : 0.0;
        oscillator = detector * (DIVF + 1);
        result = oscillator / (1 << DIVQ);
    end
    wire can = FEEDBACK_PATH == "SIMPLE" & detector >= 9.99 & detector <= 133.1
        & oscillator >= 532.5 & oscillator <= 1066.5 & result >= 15.99 & result <= 275.1;

    reg clock = 0;
    always
        if (known & can) #(0.5e6 / result) clock = ~clock;
        else @(posedge PACKAGEPIN) clock = 0;
    assign PLLOUTCORE = BYPASS ? PACKAGEPIN : clock;
    assign PLLOUTGLOBAL = PLLOUTCORE;
    assign LOCK = known & can & periods == 33;
    assign SDO = 1'b0;
endmodule
`default_nettype wire
