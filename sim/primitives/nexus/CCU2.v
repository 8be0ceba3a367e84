// Two bits of a carry chain. In each, the look-up table of four inputs is the sum without its
// carry and chooses whether the carry goes on; where it does not, the table of the three inputs A,
// B and C, with D at 0, makes a new one.
// Source: Lattice FPGA-DS-02049, CrossLink-NX Family Data Sheet (slice in ripple mode); Project Oxide, OXIDE_COMB in mode CCU2.
`default_nettype none
module CCU2 #(
    parameter INIT0 = "0x0000",
    parameter INIT1 = "0x0000",
    parameter INJECT = "YES"  // "YES": the bits use no carry
) (
    input wire CIN,
    input wire A0, input wire B0, input wire C0, input wire D0,
    input wire A1, input wire B1, input wire C1, input wire D1,
    output wire S0, output wire S1, output wire COUT
);
    // The value of a text such as "0x96AA", as parameters of this family are written.
    function [15:0] hex(input [31:0] text);
        integer n;
        reg [7:0] letter;
        begin
            hex = 0;
            for (n = 3; n >= 0; n = n - 1) begin
                letter = text[8 * n +: 8];
                hex = hex << 4
                    | (letter >= "a" ? letter - "a" + 10 : letter >= "A" ? letter - "A" + 10
                       : letter - "0");
            end
        end
    endfunction
    // The table's entry; an unknown input that makes no difference leaves it known.
    function pick(input [15:0] table_, input a, input b, input c, input d);
        reg [7:0] of_d;
        reg [3:0] of_c;
        reg [1:0] of_b;
        begin
            of_d = d ? table_[15:8] : table_[7:0];
            of_c = c ? of_d[7:4] : of_d[3:0];
            of_b = b ? of_c[3:2] : of_c[1:0];
            pick = a ? of_b[1] : of_b[0];
        end
    endfunction
    localparam [15:0] TABLE0 = hex(INIT0), TABLE1 = hex(INIT1);
    localparam ALONE = INJECT == "YES";
    wire middle;
    wire sum0 = pick(TABLE0, A0, B0, C0, D0);
    wire sum1 = pick(TABLE1, A1, B1, C1, D1);
    wire new0 = ALONE ? 1'b0 : pick(TABLE0, A0, B0, C0, 1'b0);
    wire new1 = ALONE ? 1'b0 : pick(TABLE1, A1, B1, C1, 1'b0);

    assign S0 = sum0 ^ (ALONE ? 1'b0 : CIN);
    assign middle = sum0 ? CIN : new0;
    assign S1 = sum1 ^ (ALONE ? 1'b0 : middle);
    assign COUT = sum1 ? middle : new1;

    initial
        if (INJECT != "YES" && INJECT != "NO") begin
            $display("CCU2 %m: INJECT must be YES or NO, not %0s", INJECT);
            $finish;
        end
endmodule
`default_nettype wire
