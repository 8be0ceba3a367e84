/* Infer frames by polling and with the interrupt, and compare with golden. */
#include <irq.h>
#include <generated/csr.h>
#include <generated/mem.h>
#include <generated/soc.h>

#include "@TOP@.h"
#include "frames.h" /* FRAMES, inputs, golden */

#define ENABLED (@TOP_@_REGS__INTERRUPT_STATUS__DONE_bm | @TOP_@_REGS__INTERRUPT_STATUS__FAULT_bm)

static @TOP@_t accelerator;
static volatile uint32_t interrupts, came;

/* What the accelerator reads and writes is in main_ram, which is cached. */
#define IN_MAIN_RAM __attribute__((section(".main_ram"), aligned(@TOP_@_BUS_BYTES)))
static uint8_t source[FRAMES * @TOP_@_INPUT_BYTES] IN_MAIN_RAM;
static uint8_t destination[FRAMES * @TOP_@_OUTPUT_BYTES] IN_MAIN_RAM;

void isr(void);

static void print(const char *text) {
  for (; *text; text++) {
    while (uart_txfull_read()) {}
    uart_rxtx_write(*text);
  }
}

static void print_number(const char *name, uint32_t number) {
  char digits[11];
  int n = sizeof digits - 1;
  digits[n] = 0;
  do digits[--n] = '0' + number % 10;
  while (number /= 10);
  print(" ");
  print(name);
  print("=");
  print(digits + n);
}

static void end(void) {
  print("\n");
  while (!uart_txempty_read()) {}
  sim_finish_finish_write(1);
  while (1) {}
}

static void fail(const char *why, uint32_t number) {
  print("failed:");
  print_number(why, number);
  end();
}

static uint32_t now(void) {
  timer0_uptime_latch_write(1);
  return (uint32_t)timer0_uptime_cycles_read();
}

/* LiteX's crt0 calls this for every trap. */
void isr(void) {
  if (!(irq_pending() & irq_getmask() & 1u << ACCELERATOR_INTERRUPT))
    fail("trap", csrr(mcause));
  came |= @TOP@_interrupt(&accelerator);
  interrupts++;
}

/* Overwrite what is in memory, and have it in the data cache. */
static void spoil(void) {
  for (volatile uint8_t *at = destination; at != destination + sizeof destination; at++) *at = 0x55;
  for (volatile uint8_t *at = destination; at != destination + sizeof destination; at++) (void)*at;
}

/* Compare what is in memory with golden. */
static void compare(const char *how, uint32_t clocks) {
  static @TOP@_output_t found[@TOP_@_OUTPUT_ELEMENTS];
  uint32_t wrong = 0;
  /* The accelerator wrote to memory, of which the cache knows nothing: what the cache holds is
   * old. (A SoC with LiteDRAM and its L2 cache needs no more, as long as the mover is a master of
   * the bus in front of that cache.) */
  flush_cpu_dcache();
  for (uint32_t n = 0; n < FRAMES; n++) {
    int differs = 0;
    @TOP@_unpack(found, destination + n * @TOP_@_OUTPUT_BYTES);
    for (uint32_t at = 0; at < @TOP_@_OUTPUT_ELEMENTS; at++)
      differs |= found[at] != golden[n][at];
    wrong += differs;
  }
  print(how);
  print_number("wrong", wrong);
  print_number("processor", clocks);
  print_number("accelerator", @TOP@_clocks(&accelerator));
  print_number("frames", @TOP@_frames_done(&accelerator));
  print_number("interrupts", interrupts);
  print("\n");
}

int main(void) {
  uint32_t begin = now();
  int status = @TOP@_init(&accelerator, ACCELERATOR_BASE);
  if (status) fail("init", -status);
  /* VexRiscv's data cache writes through, so that nothing is to be flushed before a run; with one
   * that writes back, flush_cpu_dcache() would stand here. */
  for (uint32_t n = 0; n < FRAMES; n++)
    @TOP@_pack(source + n * @TOP_@_INPUT_BYTES, inputs[n]);
  print("packed");
  print_number("processor", now() - begin);
  print("\n");

  spoil();
  begin = now();
  status = @TOP@_infer(&accelerator, source, destination, FRAMES);
  uint32_t polled = now() - begin;
  if (status) fail("infer", -status);
  compare("polled", polled);

  spoil();
  @TOP@_enable_interrupts(&accelerator, ENABLED, 0);
  @TOP@_interrupt(&accelerator); /* forget those of the first run */
  irq_setmask(1u << ACCELERATOR_INTERRUPT);
  irq_setie(1);
  begin = now();
  status = @TOP@_start(&accelerator, (uintptr_t)source, (uintptr_t)destination, FRAMES);
  if (status) fail("start", -status);
  while (!came) /* here the processor does what it likes */
    if (now() - begin > 2 * polled) fail("clocks_without_interrupt", 2 * polled);
  uint32_t clocks = now() - begin;
  irq_setie(0);
  if (came != @TOP_@_REGS__INTERRUPT_STATUS__DONE_bm) fail("came", came);
  status = @TOP@_wait(&accelerator);
  if (status) fail("wait", -status);
  compare("interrupted", clocks);
  end();
}
