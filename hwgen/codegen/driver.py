"""A driver in C for a package behind a bus: without an operating system, and over Linux' UIO."""

__all__ = ["driver_files"]

from hwgen.package.manifest import BorderStream, Manifest
from hwgen_rtl_templates.borders.accelerator_registers import FRAME_BITS
from hwgen_rtl_templates.borders.mover import MoverParameters

_HEADER = """\
/* Driver of @TOP@, an accelerator made by hwgen. This code is yours, under any terms.
 *
 *   @TOP@_t d;
 *   @TOP@_input_t x[@TOP_@_INPUT_ELEMENTS];      channel by channel, as in torch
 *   @TOP@_output_t y[@TOP_@_OUTPUT_ELEMENTS];
 *   if (@TOP@_init(&d, 0x30000000)) return -1;   where its registers are
 *   @TOP@_pack(source, x);                       memory that the accelerator reaches
 *   if (@TOP@_infer(&d, source, destination, 1)) return -1;
 *   @TOP@_unpack(y, destination);
 *
 * Frames lie one behind the other, @TOP_@_INPUT_BYTES and
 * @TOP_@_OUTPUT_BYTES apart, each aligned to @TOP_@_BUS_BYTES bytes.
 * Where a cache is between processor and memory, flush it before and invalidate it after.
 * With interrupts: @TOP@_start, and in the handler @TOP@_interrupt.
 *
 * Registers are read and written as 32 bits through @TOP_@_READ and @TOP_@_WRITE, which may be
 * defined otherwise.
 */
#ifndef @TOP_@_H
#define @TOP_@_H

#include <stddef.h>
#include <stdint.h>

#include "@TOP@_regs.h"

#ifdef __cplusplus
extern "C" {
#endif

#define @TOP_@_BUS_BYTES @BUS_BYTES@u
#define @TOP_@_NETWORK 0x@DIGEST@ull /* the first 8 bytes of its SHA-256, lowest first */

@ENDS@
/* what @TOP@_init, @TOP@_start and @TOP@_wait return */
enum {
  @TOP_@_OK = 0,
  @TOP_@_NOT_THERE = -1,     /* no accelerator is at this address */
  @TOP_@_OTHER_NETWORK = -2, /* one of another network, or of another width of bus */
  @TOP_@_BUSY = -3,          /* a run is under way */
  @TOP_@_READ_FAULT = -4,    /* memory answered a read with an error: see @TOP@_frames_read */
  @TOP_@_WRITE_FAULT = -5,   /* memory answered a write with an error */
  @TOP_@_REFUSED = -6        /* no frames, too many, an address not aligned or out of reach */
};

typedef struct {
  uintptr_t base; /* of the registers */
} @TOP@_t;

int @TOP@_init(@TOP@_t *d, uintptr_t base);

/* Between values channel by channel and a frame in memory. */
void @TOP@_pack(void *frame, const @TOP@_input_t *values);
void @TOP@_unpack(@TOP@_output_t *values, const void *result);

/* Begin a run; addresses are those that the accelerator sees. */
int @TOP@_start(@TOP@_t *d, uint64_t source, uint64_t destination, uint32_t frames);
/* The same without an end: after the last frame comes the first again, until @TOP@_stop. */
int @TOP@_start_circular(@TOP@_t *d, uint64_t source, uint64_t destination, uint32_t frames);
/* Wait until a run has ended, and say how. */
int @TOP@_wait(@TOP@_t *d);
/* Begin a run and wait. */
int @TOP@_infer(@TOP@_t *d, const void *source, void *destination, uint32_t frames);
/* End after the frame that is being read. */
void @TOP@_stop(@TOP@_t *d);
/* End at once; what is under way is lost. */
void @TOP@_reset(@TOP@_t *d);
int @TOP@_busy(@TOP@_t *d);

/* Interrupts: which are passed on, a progress every so many frames, and which came, which the call
 * takes back. Masks are @TOP_@_REGS__INTERRUPT_STATUS__DONE_bm and so on. */
void @TOP@_enable_interrupts(@TOP@_t *d, uint32_t mask, uint32_t every);
uint32_t @TOP@_interrupt(@TOP@_t *d);

/* Of the last run: frames that were read, results that are in memory (of a run that failed, the
 * number of the one that was not), clocks. */
uint32_t @TOP@_frames_read(@TOP@_t *d);
uint32_t @TOP@_frames_done(@TOP@_t *d);
uint32_t @TOP@_clocks(@TOP@_t *d);

#ifdef __cplusplus
}
#endif
#endif
"""

_END = """\
/* @WHAT@ @NAME@: @CHANNELS@ channels, @HEIGHT@ rows, @WIDTH@ columns; @MEANING@ */
#define @TOP_@_@END@_CHANNELS @CHANNELS@u
#define @TOP_@_@END@_HEIGHT @HEIGHT@u
#define @TOP_@_@END@_WIDTH @WIDTH@u
#define @TOP_@_@END@_ELEMENTS @ELEMENTS@u
#define @TOP_@_@END@_BYTES @BYTES@u /* of a frame in memory, whole words */
#define @TOP_@_@END@_BITS @BITS@u   /* of an element */
#define @TOP_@_@END@_SLOT @SLOT@u   /* bits that it takes in memory */
#define @TOP_@_@END@_SIGNED @SIGNED@
#define @TOP_@_@END@_BASE (@BASE@)  /* value = base + step * element */
#define @TOP_@_@END@_STEP @STEP@
#define @TOP_@_@END@_ZERO_POINT (@ZERO@)
#define @TOP_@_@END@_SCALES { @SCALES@ } /* real = scale * (value - zero point) */
typedef @TYPE@ @TOP@_@end@_t;
"""

_SOURCE = """\
/* Driver of @TOP@: see @TOP@.h. */
#include "@TOP@.h"

#ifndef @TOP_@_READ
#define @TOP_@_READ(address) (*(volatile uint32_t *)(address))
#define @TOP_@_WRITE(address, value) (*(volatile uint32_t *)(address) = (value))
#endif

#define AT(d, name) ((d)->base + offsetof(@TOP@_regs_t, name))
#define GET(d, name) @TOP_@_READ(AT(d, name))
#define SET(d, name, value) @TOP_@_WRITE(AT(d, name), (uint32_t)(value))
#define MASK(register_field) @TOP_@_REGS__##register_field##_bm

enum { EVERY_INTERRUPT = MASK(INTERRUPT_STATUS__DONE) | MASK(INTERRUPT_STATUS__PROGRESS) |
                         MASK(INTERRUPT_STATUS__FAULT) | MASK(INTERRUPT_STATUS__DAMAGED),
       EVERY_FAULT = MASK(FAULT__READ) | MASK(FAULT__WRITE) | MASK(FAULT__REFUSED) };

int @TOP@_init(@TOP@_t *d, uintptr_t base) {
  d->base = base;
  if (GET(d, magic) != @TOP_@_REGS__MAGIC__VALUE_reset) return @TOP_@_NOT_THERE;
  if (GET(d, version) != @VERSION@u ||
      GET(d, network_low) != (uint32_t)@TOP_@_NETWORK ||
      GET(d, network_high) != (uint32_t)(@TOP_@_NETWORK >> 32))
    return @TOP_@_OTHER_NETWORK;
  @TOP@_reset(d);
  while (@TOP@_busy(d)) {}
  SET(d, interrupt_enable, 0);
  SET(d, interrupt_status, EVERY_INTERRUPT);
  SET(d, fault, EVERY_FAULT);
  return @TOP_@_OK;
}

static uint32_t place_of(uint32_t n, uint32_t channels, uint32_t pixels) {
  return n % channels * pixels + n / channels; /* channels are innermost in memory */
}

static uint64_t get_bits(const uint8_t *bytes, uint32_t at, uint32_t bits) {
  uint64_t found = 0;
  if (at % 8 == 0 && bits <= 8) return bytes[at / 8] & ((1u << bits) - 1);
  for (uint32_t n = 0; n < bits; n++, at++)
    found |= (uint64_t)(bytes[at / 8] >> at % 8 & 1) << n;
  return found;
}

static void put_bits(uint8_t *bytes, uint32_t at, uint32_t bits, uint64_t value) {
  if (at % 8 == 0 && bits == 8) {
    bytes[at / 8] = (uint8_t)value;
    return;
  }
  for (uint32_t n = 0; n < bits; n++, at++) {
    uint8_t one = (uint8_t)(1u << at % 8);
    bytes[at / 8] = (uint8_t)((value >> n & 1) ? bytes[at / 8] | one : bytes[at / 8] & ~one);
  }
}

void @TOP@_pack(void *frame, const @TOP@_input_t *values) {
  enum { CHANNELS = @TOP_@_INPUT_CHANNELS,
         PIXELS = @TOP_@_INPUT_HEIGHT * @TOP_@_INPUT_WIDTH,
         SLOT = @TOP_@_INPUT_SLOT };
  for (uint32_t n = 0; n < @TOP_@_INPUT_ELEMENTS; n++) {
    int64_t value = values[place_of(n, CHANNELS, PIXELS)];
    int64_t element = (value - @TOP_@_INPUT_BASE) / @TOP_@_INPUT_STEP;
    put_bits((uint8_t *)frame, n * SLOT, SLOT, (uint64_t)element);
  }
}

void @TOP@_unpack(@TOP@_output_t *values, const void *result) {
  enum { CHANNELS = @TOP_@_OUTPUT_CHANNELS,
         PIXELS = @TOP_@_OUTPUT_HEIGHT * @TOP_@_OUTPUT_WIDTH,
         SLOT = @TOP_@_OUTPUT_SLOT,
         BITS = @TOP_@_OUTPUT_BITS };
  for (uint32_t n = 0; n < @TOP_@_OUTPUT_ELEMENTS; n++) {
    uint64_t element = get_bits((const uint8_t *)result, n * SLOT, BITS);
    if (@TOP_@_OUTPUT_SIGNED && (element >> (BITS - 1) & 1))
      element -= (uint64_t)1 << (BITS - 1) << 1;
    values[place_of(n, CHANNELS, PIXELS)] =
        (@TOP@_output_t)(@TOP_@_OUTPUT_BASE + @TOP_@_OUTPUT_STEP * (int64_t)element);
  }
}

static int begin(@TOP@_t *d, uint64_t source, uint64_t destination, uint32_t frames,
                 uint32_t control) {
  if (@TOP@_busy(d)) return @TOP_@_BUSY;
  if (frames >> @FRAME_BITS@) return @TOP_@_REFUSED;
  if (@ADDRESS_BITS@ < 64 && (source | destination) >> (@ADDRESS_BITS@ % 64)) return @TOP_@_REFUSED;
  SET(d, fault, EVERY_FAULT);
  SET(d, frames, frames);
  SET(d, source, source);
  SET(d, destination, destination);
@HIGH@  SET(d, source_stride, @TOP_@_INPUT_BYTES);
  SET(d, destination_stride, @TOP_@_OUTPUT_BYTES);
  __sync_synchronize(); /* what was packed is in memory before it is read */
  SET(d, control, control | MASK(CONTROL__START));
  return GET(d, fault) & MASK(FAULT__REFUSED) ? @TOP_@_REFUSED : @TOP_@_OK;
}

int @TOP@_start(@TOP@_t *d, uint64_t source, uint64_t destination, uint32_t frames) {
  return begin(d, source, destination, frames, 0);
}

int @TOP@_start_circular(@TOP@_t *d, uint64_t source, uint64_t destination, uint32_t frames) {
  return begin(d, source, destination, frames, MASK(CONTROL__CIRCULAR));
}

int @TOP@_wait(@TOP@_t *d) {
  while (@TOP@_busy(d)) {}
  __sync_synchronize();
  uint32_t fault = GET(d, fault);
  if (fault & MASK(FAULT__REFUSED)) return @TOP_@_REFUSED;
  if (fault & MASK(FAULT__READ)) return @TOP_@_READ_FAULT;
  if (fault & MASK(FAULT__WRITE)) return @TOP_@_WRITE_FAULT;
  return @TOP_@_OK;
}

int @TOP@_infer(@TOP@_t *d, const void *source, void *destination, uint32_t frames) {
  int found = @TOP@_start(d, (uintptr_t)source, (uintptr_t)destination, frames);
  return found ? found : @TOP@_wait(d);
}

void @TOP@_stop(@TOP@_t *d) {
  SET(d, control, MASK(CONTROL__STOP) | (GET(d, control) & MASK(CONTROL__CIRCULAR)));
}

void @TOP@_reset(@TOP@_t *d) { SET(d, control, MASK(CONTROL__RESET)); }

int @TOP@_busy(@TOP@_t *d) { return (int)(GET(d, status) & MASK(STATUS__BUSY)); }

void @TOP@_enable_interrupts(@TOP@_t *d, uint32_t mask, uint32_t every) {
  SET(d, interrupt_every, every);
  SET(d, interrupt_enable, mask);
}

uint32_t @TOP@_interrupt(@TOP@_t *d) {
  uint32_t came = GET(d, interrupt_status);
  SET(d, interrupt_status, came);
  return came;
}

uint32_t @TOP@_frames_read(@TOP@_t *d) { return GET(d, frames_in); }

uint32_t @TOP@_frames_done(@TOP@_t *d) { return GET(d, frames_out); }

uint32_t @TOP@_clocks(@TOP@_t *d) { return GET(d, clocks); }
"""

_LINUX = """\
/* @TOP@ over Linux' userspace I/O: registers as map 0 of a UIO device, interrupts by its file.
 *
 *   @TOP@_uio_t u;
 *   if (@TOP@_uio_open(&u, "/dev/uio0")) return -1;
 *   @TOP@_enable_interrupts(&u.device, @TOP_@_REGS__INTERRUPT_STATUS__DONE_bm, 0);
 *   @TOP@_start(&u.device, source, destination, 1);   physical addresses, such as of u-dma-buf
 *   @TOP@_uio_wait(&u);
 */
#ifndef @TOP_@_LINUX_H
#define @TOP_@_LINUX_H

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "@TOP@.h"

typedef struct {
  @TOP@_t device;
  void *registers;
  int file;
} @TOP@_uio_t;

/* Return what @TOP@_init does, or -errno - 100 where the device cannot be opened or mapped. */
static inline int @TOP@_uio_open(@TOP@_uio_t *u, const char *path) {
  u->file = open(path, O_RDWR | O_SYNC);
  if (u->file < 0) return -errno - 100;
  u->registers = mmap(NULL, @SIZE@, PROT_READ | PROT_WRITE, MAP_SHARED, u->file, 0);
  if (u->registers == MAP_FAILED) {
    int found = -errno - 100;
    close(u->file);
    return found;
  }
  return @TOP@_init(&u->device, (uintptr_t)u->registers);
}

/* Sleep until an interrupt comes; return which, or -errno - 100. */
static inline int @TOP@_uio_wait(@TOP@_uio_t *u) {
  uint32_t one = 1, count;
  if (write(u->file, &one, sizeof one) != sizeof one) return -errno - 100; /* let it come */
  if (read(u->file, &count, sizeof count) != sizeof count) return -errno - 100;
  return (int)@TOP@_interrupt(&u->device);
}

static inline void @TOP@_uio_close(@TOP@_uio_t *u) {
  munmap(u->registers, @SIZE@);
  close(u->file);
}

#endif
"""


def _c_type(end: BorderStream) -> str:
    """Return the smallest of C's integers that holds every value."""
    stream = end.stream
    signed = stream.lo < 0
    for bits in (8, 16, 32, 64):
        if stream.lo >= (-(1 << (bits - 1)) if signed else 0) and stream.hi < 1 << bits - signed:
            break
    return f"{'' if signed else 'u'}int{bits}_t"


def _end(end: BorderStream, what: str) -> str:
    channels, height, width = end.stream_shape
    kind = "two's complement" if end.signed else "unsigned"
    values = {
        "WHAT": what,
        "END": what.upper(),
        "end": what.lower(),
        "NAME": end.name if end.name.isidentifier() else "",
        "CHANNELS": channels,
        "HEIGHT": height,
        "WIDTH": width,
        "MEANING": f"{end.bits} bits, {kind}",
        "ELEMENTS": channels * height * width,
        "BYTES": end.stream.frame_bytes,
        "BITS": end.bits,
        "SLOT": end.slot,
        "SIGNED": int(end.signed),
        "BASE": end.base,
        "STEP": end.step,
        "ZERO": end.zero_point,
        "SCALES": ", ".join(repr(scale) for scale in end.scale),
        "TYPE": _c_type(end),
    }
    text = _END
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def driver_files(
    manifest: Manifest, mover: MoverParameters, version: int, digest: bytes
) -> dict[str, tuple[str, str]]:
    """Return each file of the driver: its path in the package, text, and purpose.

    Parameters
    ----------
    version : what the register of that name reads
    digest : the network's SHA-256
    """
    (x,), (y,) = manifest.inputs, manifest.outputs
    wide = mover.address_bits > 32
    high = "".join(f"  SET(d, {name}_high, {name} >> 32);\n" for name in ("source", "destination"))
    values = {
        "ENDS": "\n".join((_end(x, "Input"), _end(y, "Output"))),
        "HIGH": high if wide else "",
        "BUS_BYTES": str(mover.width // 8),
        "ADDRESS_BITS": str(mover.address_bits),
        "FRAME_BITS": str(FRAME_BITS),
        "DIGEST": digest[:8][::-1].hex(),
        "VERSION": f"{version:#x}",
        "SIZE": "4096",
        "TOP_": manifest.top.upper(),
        "TOP": manifest.top,
    }
    top = manifest.top
    files = {
        f"driver/{top}.h": (_HEADER, "the driver for C: what it offers"),
        f"driver/{top}.c": (_SOURCE, "the driver for C, without an operating system"),
        f"driver/{top}_linux.h": (_LINUX, "the driver over Linux' userspace I/O"),
    }
    filled = {}
    for path, (text, about) in files.items():
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        filled[path] = (text, about)
    return filled
