// Two bits of a carry chain. In each, the look-up table of four inputs is the sum without its
// carry and chooses whether the carry goes on; where it does not, the table of the two inputs A
// and B makes a new one.
// Source: Lattice FPGA-DS-02012, ECP5 and ECP5-5G Family Data Sheet (slice in ripple mode);
// Lattice FPGA Libraries Reference Guide, CCU2C; Project Trellis, TRELLIS_COMB in mode CCU2.
`default_nettype none
module CCU2C #(
    parameter [15:0] INIT0 = 16'h0000,
    parameter [15:0] INIT1 = 16'h0000,
    parameter INJECT1_0 = "YES",  // "YES": the bit uses no carry
    parameter INJECT1_1 = "YES"
) (
    input wire CIN,
    input wire A0, input wire B0, input wire C0, input wire D0,
    input wire A1, input wire B1, input wire C1, input wire D1,
    output wire S0, output wire S1, output wire COUT
);
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

    localparam ALONE0 = INJECT1_0 == "YES";
    localparam ALONE1 = INJECT1_1 == "YES";
    wire middle;
    wire sum0 = pick(INIT0, A0, B0, C0, D0);
    wire sum1 = pick(INIT1, A1, B1, C1, D1);
    wire new0 = ALONE0 ? 1'b0 : pick(INIT0, A0, B0, 1'b0, 1'b0);
    wire new1 = ALONE1 ? 1'b0 : pick(INIT1, A1, B1, 1'b0, 1'b0);

    assign S0 = sum0 ^ (ALONE0 ? 1'b0 : CIN);
    assign middle = sum0 ? CIN : new0;
    assign S1 = sum1 ^ (ALONE1 ? 1'b0 : middle);
    assign COUT = sum1 ? middle : new1;

    initial
        if ((INJECT1_0 != "YES" && INJECT1_0 != "NO") || (INJECT1_1 != "YES" && INJECT1_1 != "NO"))
        begin
            $display("CCU2C %m: INJECT1 must be YES or NO, not %0s, %0s", INJECT1_0, INJECT1_1);
            $finish;
        end
endmodule
`default_nettype wire
