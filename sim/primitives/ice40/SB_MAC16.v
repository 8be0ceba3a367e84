// Multiplier of 16 by 16 bits, or two of 8 by 8 bits (the upper halves of A and B, and the lower),
// each operand signed or not, with registers at the inputs and behind the multipliers.
// Source: Lattice FPGA-TN-02007 (TN1295), DSP Function Usage Guide for iCE40 Devices; Lattice,
// iCE40 Technology Library (SB_MAC16).
// Not modelled: the adders, their inputs C and D, and what accumulates; outputs come from the
// multipliers. Resets are those of the input and multiplier registers.
`default_nettype none
module SB_MAC16 #(
    parameter [0:0] NEG_TRIGGER = 1'b0,
    parameter [0:0] A_REG = 1'b0,
    parameter [0:0] B_REG = 1'b0,
    parameter [0:0] C_REG = 1'b0,
    parameter [0:0] D_REG = 1'b0,
    parameter [0:0] TOP_8x8_MULT_REG = 1'b0,
    parameter [0:0] BOT_8x8_MULT_REG = 1'b0,
    parameter [0:0] PIPELINE_16x16_MULT_REG1 = 1'b0,  // of the crossed partial products
    parameter [0:0] PIPELINE_16x16_MULT_REG2 = 1'b0,  // of the whole product
    parameter [1:0] TOPOUTPUT_SELECT = 2'd0,  // 2: product of 8 by 8 bits, 3: of 16 by 16
    parameter [1:0] TOPADDSUB_LOWERINPUT = 2'd0,
    parameter [0:0] TOPADDSUB_UPPERINPUT = 1'b0,
    parameter [1:0] TOPADDSUB_CARRYSELECT = 2'd0,
    parameter [1:0] BOTOUTPUT_SELECT = 2'd0,
    parameter [1:0] BOTADDSUB_LOWERINPUT = 2'd0,
    parameter [0:0] BOTADDSUB_UPPERINPUT = 1'b0,
    parameter [1:0] BOTADDSUB_CARRYSELECT = 2'd0,
    parameter [0:0] MODE_8x8 = 1'b0,
    parameter [0:0] A_SIGNED = 1'b0,
    parameter [0:0] B_SIGNED = 1'b0
) (
    input wire CLK, input wire CE,
    input wire [15:0] A, input wire [15:0] B, input wire [15:0] C, input wire [15:0] D,
    input wire AHOLD, input wire BHOLD, input wire CHOLD, input wire DHOLD,
    input wire IRSTTOP, input wire IRSTBOT, input wire ORSTTOP, input wire ORSTBOT,
    input wire OLOADTOP, input wire OLOADBOT, input wire OHOLDTOP, input wire OHOLDBOT,
    input wire ADDSUBTOP, input wire ADDSUBBOT, input wire CI, input wire ACCUMCI,
    input wire SIGNEXTIN,
    output wire [31:0] O, output wire CO, output wire ACCUMCO, output wire SIGNEXTOUT
);
    localparam HALVES = MODE_8x8;
    reg [15:0] held_a, held_b;
    wire [15:0] a = A_REG ? held_a : A;
    wire [15:0] b = B_REG ? held_b : B;

    // Halves of operands as numbers. The lower one has a sign only where it is alone.
    wire signed [8:0] a_top = {A_SIGNED & a[15], a[15:8]};
    wire signed [8:0] b_top = {B_SIGNED & b[15], b[15:8]};
    wire signed [8:0] a_bottom = {HALVES & A_SIGNED & a[7], a[7:0]};
    wire signed [8:0] b_bottom = {HALVES & B_SIGNED & b[7], b[7:0]};
    wire signed [17:0] top = a_top * b_top;
    wire signed [17:0] bottom = a_bottom * b_bottom;
    wire signed [17:0] crossed_a = a_top * b_bottom;
    wire signed [17:0] crossed_b = a_bottom * b_top;

    reg signed [17:0] held_top, held_bottom, held_crossed_a, held_crossed_b;
    wire signed [17:0] top_ = TOP_8x8_MULT_REG ? held_top : top;
    wire signed [17:0] bottom_ = BOT_8x8_MULT_REG ? held_bottom : bottom;
    wire signed [17:0] crossed_a_ = PIPELINE_16x16_MULT_REG1 ? held_crossed_a : crossed_a;
    wire signed [17:0] crossed_b_ = PIPELINE_16x16_MULT_REG1 ? held_crossed_b : crossed_b;
    wire signed [32:0] whole = (top_ * 33'sd65536) + (crossed_a_ + crossed_b_) * 33'sd256 + bottom_;
    reg [31:0] held_whole;
    wire [31:0] whole_ = PIPELINE_16x16_MULT_REG2 ? held_whole : whole[31:0];

    always @(posedge CLK or posedge IRSTTOP)
        if (IRSTTOP) begin
            held_a <= 16'd0;
            held_top <= 18'sd0;
            held_crossed_b <= 18'sd0;
        end else if (CE) begin
            if (!AHOLD) held_a <= A;
            held_top <= top;
            if (!HALVES) held_crossed_b <= crossed_b;
        end
    always @(posedge CLK or posedge IRSTBOT)
        if (IRSTBOT) begin
            held_b <= 16'd0;
            held_bottom <= 18'sd0;
            held_crossed_a <= 18'sd0;
            held_whole <= 32'd0;
        end else if (CE) begin
            if (!BHOLD) held_b <= B;
            held_bottom <= bottom;
            if (!HALVES) held_crossed_a <= crossed_a;
            if (!HALVES) held_whole <= whole[31:0];
        end

    assign O[31:16] = TOPOUTPUT_SELECT[0] ? whole_[31:16] : top_[15:0];
    assign O[15:0] = BOTOUTPUT_SELECT[0] ? whole_[15:0] : bottom_[15:0];
    assign {CO, ACCUMCO, SIGNEXTOUT} = 3'bxxx;

    initial
        if (NEG_TRIGGER || C_REG || D_REG || !TOPOUTPUT_SELECT[1] || !BOTOUTPUT_SELECT[1]
            || (HALVES && (TOPOUTPUT_SELECT[0] || BOTOUTPUT_SELECT[0]))) begin
            $display("SB_MAC16 %m: outputs must be products of the mode, the edge the rising one");
            $finish;
        end
endmodule
`default_nettype wire
