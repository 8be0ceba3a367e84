// What block RAMs of 18 kbit with two ports have in common; models of such cells instantiate it.
// Bits are stored in bytes of BYTE bits, nine or eight. An address counts eighths of a byte; a
// port of 2**LOG eighths is 1, 2, 4, 8 (9), 16 (18) or 32 (36) bits wide.
// Source: Lattice FPGA-TN-02204 (TN1264), ECP5 and ECP5-5G Memory Usage Guide; Gowin UG285, BSRAM
// and SSRAM User Guide: of both, the order of bits between widths, and byte enables.
// What one port reads while the other writes it is unknown (x) but where A_OLD or B_OLD says that it
// is what was there; what both write at once is unknown.
// Ports are taken to share a clock.
`default_nettype none
module BLOCK_RAM_18K #(
    parameter BYTE = 9,
    parameter A_LOG = 4,
    parameter B_LOG = 4,
    parameter A_THROUGH = 0,  // whether a port that reads while it writes shows what is written
    parameter B_THROUGH = 0,
    parameter A_OLD = 0,  // whether a port that reads what the other writes shows what was there
    parameter B_OLD = 0,
    parameter [18431:0] START = 18432'd0  // byte by byte
) (
    input wire a_clock, input wire [13:0] a_at, input wire [35:0] a_in,
    input wire [3:0] a_writes,  // which bytes of its word
    input wire a_reads, input wire a_reset, output reg [35:0] a_out,
    input wire b_clock, input wire [13:0] b_at, input wire [35:0] b_in,
    input wire [3:0] b_writes,
    input wire b_reads, input wire b_reset, output reg [35:0] b_out
);
    localparam A_BYTES = A_LOG < 3 ? 1 : 1 << (A_LOG - 3);
    localparam B_BYTES = B_LOG < 3 ? 1 : 1 << (B_LOG - 3);
    localparam [8:0] WHOLE = (10'd1 << BYTE) - 10'd1;

    reg [8:0] bytes[0:2047];
    integer row, place;
    reg [575:0] cut;  // 64 bytes: simulators copy all of START for each part of it
    initial begin
        for (row = 0; row < 2048; row = row + 64) begin
            cut = START[BYTE * row +: 576];
            for (place = 0; place < 64; place = place + 1)
                bytes[row + place] = cut[BYTE * place +: BYTE];
        end
        a_out = 0;
        b_out = 0;
    end

    // Byte `number` of the word of 2**log eighths at an address.
    function [10:0] byte_at(input [13:0] at, input integer log, input integer number);
        byte_at = log < 4 ? at[13:3] : ((at >> log) << (log - 3)) + number;
    endfunction
    // Its lowest bit that belongs to the word, and those that do.
    function [2:0] low_bit(input [13:0] at, input integer log);
        low_bit = log < 3 ? (at[2:0] >> log) << log : 3'd0;
    endfunction
    function [8:0] bits_at(input [13:0] at, input integer log);
        bits_at = log < 3 ? ((9'd1 << (1 << log)) - 9'd1) << low_bit(at, log) : WHOLE;
    endfunction
    // The bits of a byte that a port writes.
    function [8:0] written(
        input [10:0] place, input [13:0] at, input integer log, input [3:0] writes
    );
        integer number;
        begin
            written = 0;
            for (number = 0; number < 4; number = number + 1)
                if (writes[number] !== 1'b0 && byte_at(at, log, number) === place)
                    written = bits_at(at, log);
        end
    endfunction
    // A word of data, as it lies in the bytes.
    function [8:0] spread(
        input [35:0] data, input [13:0] at, input integer log, input integer number
    );
        spread = log < 3 ? data[8:0] << low_bit(at, log) : (data >> (BYTE * number)) & WHOLE;
    endfunction

    reg [8:0] a_byte, b_byte, a_lost, b_lost;
    integer a_number, b_number, a_bit, b_bit;
    always @(posedge a_clock) begin
        if (a_reads || a_writes !== 4'd0)
        for (a_number = 0; a_number < A_BYTES; a_number = a_number + 1) begin
            a_byte = bytes[byte_at(a_at, A_LOG, a_number)];
            a_lost = 0;
            if (b_writes !== 4'd0)
                a_lost = written(byte_at(a_at, A_LOG, a_number), b_at, B_LOG, b_writes);
            if (a_lost !== 9'd0 && !A_OLD)
                for (a_bit = 0; a_bit < 9; a_bit = a_bit + 1)
                    if (a_lost[a_bit]) a_byte[a_bit] = 1'bx;
            if (a_writes[a_number] !== 1'b0) begin
                for (a_bit = 0; a_bit < 9; a_bit = a_bit + 1)
                    if (bits_at(a_at, A_LOG) >> a_bit & 1'b1)
                        bytes[byte_at(a_at, A_LOG, a_number)][a_bit]
                            <= a_writes[a_number] === 1'b1 && !a_lost[a_bit]
                             ? spread(a_in, a_at, A_LOG, a_number) >> a_bit : 1'bx;
                if (A_THROUGH) a_byte = spread(a_in, a_at, A_LOG, a_number);
            end
            if (a_reads)
                a_out[BYTE * a_number +: BYTE]
                    <= (a_byte & bits_at(a_at, A_LOG)) >> low_bit(a_at, A_LOG);
        end
        if (a_reset) a_out <= 0;
    end
    always @(posedge b_clock) begin
        if (b_reads || b_writes !== 4'd0)
        for (b_number = 0; b_number < B_BYTES; b_number = b_number + 1) begin
            b_byte = bytes[byte_at(b_at, B_LOG, b_number)];
            b_lost = 0;
            if (a_writes !== 4'd0)
                b_lost = written(byte_at(b_at, B_LOG, b_number), a_at, A_LOG, a_writes);
            if (b_lost !== 9'd0 && !B_OLD)
                for (b_bit = 0; b_bit < 9; b_bit = b_bit + 1)
                    if (b_lost[b_bit]) b_byte[b_bit] = 1'bx;
            if (b_writes[b_number] !== 1'b0) begin
                for (b_bit = 0; b_bit < 9; b_bit = b_bit + 1)
                    if (bits_at(b_at, B_LOG) >> b_bit & 1'b1)
                        bytes[byte_at(b_at, B_LOG, b_number)][b_bit]
                            <= b_writes[b_number] === 1'b1 && !b_lost[b_bit]
                             ? spread(b_in, b_at, B_LOG, b_number) >> b_bit : 1'bx;
                if (B_THROUGH) b_byte = spread(b_in, b_at, B_LOG, b_number);
            end
            if (b_reads)
                b_out[BYTE * b_number +: BYTE]
                    <= (b_byte & bits_at(b_at, B_LOG)) >> low_bit(b_at, B_LOG);
        end
        if (b_reset) b_out <= 0;
    end
endmodule
`default_nettype wire
