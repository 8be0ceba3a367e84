// A board in simulation: the core of a board, its UART pins on a pseudo-terminal.
//
//     board CLOCKS_PER_BIT SEED
//
// writes the name of the terminal into the file `port` and serves it until it is ended. The bits
// on rx and tx are made and read here as a serial bridge does it; the design sees pins alone. Time
// stands still while nothing moves.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <termios.h>
#include <unistd.h>

#include "Vboard.h"
#include "verilated.h"

namespace {

const int RESET_CLOCKS = 8;
const int IDLE_BITS = 24;   // of silence on both pins before time stands still
const int REST_MS = 20;     // between looks at the lights while it does

int open_terminal() {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) || unlockpt(master)) {
        std::perror("board: pseudo-terminal");
        std::exit(1);
    }
    // Held open, so that hosts may come and go, and raw, so that bytes stay what they are.
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    termios settings;
    tcgetattr(slave, &settings);
    cfmakeraw(&settings);
    tcsetattr(slave, TCSANOW, &settings);
    fcntl(master, F_SETFL, O_NONBLOCK);
    std::FILE *unfinished = std::fopen("port.part", "w");
    std::fprintf(unfinished, "%s\n", ptsname(master));
    std::fclose(unfinished);
    std::rename("port.part", "port");
    return master;
}

// Bytes onto the pin that the board listens to.
struct Talker {
    int clocks, left = 0, bits = 0;
    unsigned word = 1;

    bool idle() const { return bits == 0; }
    void start(uint8_t byte) {
        word = (1u << 9 | unsigned(byte) << 1);  // stop bit, data, start bit
        bits = 10;
        left = clocks;
    }
    int pin() const { return bits ? word & 1 : 1; }
    void tick() {
        if (bits && --left == 0) {
            word >>= 1;
            --bits;
            left = clocks;
        }
    }
};

// Bytes from the pin that the board talks on.
struct Listener {
    int clocks, wait = 0, bits = 0;
    unsigned word = 0;

    bool idle() const { return bits == 0; }
    // Returns a byte, or -1.
    int tick(int pin) {
        if (bits == 0) {
            if (!pin) {
                bits = 10;
                wait = clocks / 2;
            }
            return -1;
        }
        if (--wait > 0) return -1;
        wait = clocks;
        word = word >> 1 | unsigned(pin) << 9;
        if (--bits) return -1;
        bool framed = (word >> 9 & 1) && !(word & 1);
        return framed ? int(word >> 1 & 0xFF) : -1;
    }
};

}  // namespace

int main(int argc, char **argv) {
    VerilatedContext context;
    std::string seed = std::string("+verilator+seed+") + argv[2];
    const char *arguments[] = {argv[0], "+verilator+rand+reset+2", seed.c_str()};
    context.commandArgs(3, arguments);
    Vboard board(&context);
    const int clocks = std::atoi(argv[1]);
    Talker talker{clocks};
    Listener listener{clocks};
    board.clk = 0;
    board.rst = 1;
    board.rx = 1;
    int master = -1, reset = RESET_CLOCKS;
    long still = 0;
    for (;;) {
        if (reset && --reset == 0) {
            board.rst = 0;
            master = open_terminal();
        }
        if (master >= 0 && talker.idle()) {
            uint8_t byte;
            if (still > long(IDLE_BITS) * clocks && !board.busy) {
                pollfd on{master, POLLIN, 0};
                poll(&on, 1, REST_MS);
            }
            if (read(master, &byte, 1) == 1) talker.start(byte);
        }
        board.rx = talker.pin();
        board.clk = 0;
        board.eval();
        board.clk = 1;
        board.eval();
        talker.tick();
        int heard = listener.tick(board.tx);
        if (heard >= 0) {
            uint8_t byte = uint8_t(heard);
            pollfd on{master, POLLOUT, 0};
            while (write(master, &byte, 1) != 1) poll(&on, 1, REST_MS);
        }
        still = talker.idle() && listener.idle() ? still + 1 : 0;
    }
}
