// Block RAM of 4 kbit with a writing and a reading port, each 16, 8, 4 or 2 bits wide: mode 0 to 3.
// In mode m a word is every 2**m-th of the 16 data pins, and the address from bit 8 on says which
// of 2**m neighbouring bits of a row of 16 each stands for.
// Source: Lattice FPGA-TN-02002 (TN1250), Memory Usage Guide for iCE40 Devices; Lattice, iCE40
// Technology Library (SB_RAM40_4K); Project IceStorm, RAM Tile Documentation (order of bits).
// What is read while it is written is unknown (x). Ports are taken to share a clock.
`default_nettype none
module SB_RAM40_4K #(
    parameter WRITE_MODE = 0,
    parameter READ_MODE = 0,
    parameter [255:0] INIT_0 = 256'h0,
    parameter [255:0] INIT_1 = 256'h0,
    parameter [255:0] INIT_2 = 256'h0,
    parameter [255:0] INIT_3 = 256'h0,
    parameter [255:0] INIT_4 = 256'h0,
    parameter [255:0] INIT_5 = 256'h0,
    parameter [255:0] INIT_6 = 256'h0,
    parameter [255:0] INIT_7 = 256'h0,
    parameter [255:0] INIT_8 = 256'h0,
    parameter [255:0] INIT_9 = 256'h0,
    parameter [255:0] INIT_A = 256'h0,
    parameter [255:0] INIT_B = 256'h0,
    parameter [255:0] INIT_C = 256'h0,
    parameter [255:0] INIT_D = 256'h0,
    parameter [255:0] INIT_E = 256'h0,
    parameter [255:0] INIT_F = 256'h0
) (
    output wire [15:0] RDATA,
    input wire RCLK, input wire RCLKE, input wire RE, input wire [10:0] RADDR,
    input wire WCLK, input wire WCLKE, input wire WE, input wire [10:0] WADDR,
    input wire [15:0] MASK, input wire [15:0] WDATA
);
    reg [15:0] rows[0:255];
    localparam [4095:0] START = {INIT_F, INIT_E, INIT_D, INIT_C, INIT_B, INIT_A, INIT_9, INIT_8,
        INIT_7, INIT_6, INIT_5, INIT_4, INIT_3, INIT_2, INIT_1, INIT_0};
    integer row;
    initial for (row = 0; row < 256; row = row + 1) rows[row] = START[16 * row +: 16];

    // The bits of a row that belong to a word.
    function [15:0] bits_at(input [2:0] place, input integer mode);
        integer n;
        for (n = 0; n < 16; n = n + 1)
            bits_at[n] = ((n ^ place) & ((1 << mode) - 1)) == 0;
    endfunction
    // The data pin of bit n of a row.
    function [3:0] pin(input integer n, input integer mode);
        pin = mode == 0 ? n : ((n >> mode) << mode) + (1 << (mode - 1)) - 1;
    endfunction

    wire writes = WCLKE & WE;
    wire [15:0] written = bits_at(WADDR[10:8], WRITE_MODE) & (WRITE_MODE == 0 ? ~MASK : 16'hffff);
    integer n;
    always @(posedge WCLK)
        if (writes !== 1'b0)
            for (n = 0; n < 16; n = n + 1)
                if (written[n])
                    rows[WADDR[7:0]][n] <= writes === 1'b1 ? WDATA[pin(n, WRITE_MODE)] : 1'bx;

    reg [15:0] held, place;
    integer m;
    always @(posedge RCLK)
        if (RCLKE & RE) begin
            held <= rows[RADDR[7:0]];
            place <= bits_at(RADDR[10:8], READ_MODE);
            if (writes !== 1'b0 && WADDR[7:0] === RADDR[7:0])
                for (m = 0; m < 16; m = m + 1)
                    if (written[m]) held[m] <= 1'bx;
        end

    reg [15:0] word;
    integer k;
    always @* begin
        word = 16'b0;
        for (k = 0; k < 16; k = k + 1)
            if (place[k] !== 1'b0) word[pin(k, READ_MODE)] = place[k] === 1'b1 ? held[k] : 1'bx;
    end
    assign RDATA = word;

    initial
        if (WRITE_MODE < 0 || WRITE_MODE > 3 || READ_MODE < 0 || READ_MODE > 3) begin
            $display("SB_RAM40_4K %m: modes must be 0 to 3, not %0d, %0d", WRITE_MODE, READ_MODE);
            $finish;
        end
endmodule
`default_nettype wire
