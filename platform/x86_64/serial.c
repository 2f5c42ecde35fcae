/*
 * serial.c - 16550 UARTs: programmed transmission with a ring behind it, interrupt-driven
 * reception.
 *
 * A byte goes straight to the UART while that can take it and nothing waits; otherwise to the
 * line's ring, which the transmit interrupt empties. Without interrupts, or with the ring full, the
 * writer waits for the UART.
 *
 * Invariants, while a line's lock is free:
 *   (1) bytes leave in the order in which they were written: nothing passes a ring that is not
 *       empty;
 *   (2) the transmit interrupt is enabled exactly while the ring is not empty and interrupts are in
 *       use;
 *   (3) head - tail is the number of bytes in the ring, never more than RING_BYTES.
 *
 * Switching a UART's FIFOs on empties them, and what it had received is gone. So a line on which
 * somebody typed before the kernel ran does without, if the firmware has not switched them on: it
 * takes a byte at a time.
 */
#include "serial.h"

#include "exo/debug/log.h"
#include "exo/hal.h"

#include "cpuid.h"
#include "io.h"
#include "pic_isa.h"
#include "serial_console.h"

#define REG_DATA    0u /* divisor low while LCR bit 7 is set */
#define REG_IER     1u /* divisor high */
#define REG_FCR     2u
#define REG_IIR     2u
#define REG_LCR     3u
#define REG_MCR     4u
#define REG_LSR     5u
#define REG_SCRATCH 7u

#define IER_RECEIVE  0x01u
#define IER_TRANSMIT 0x02u
#define IER_ALL      0x0fu
#define FCR_ON       0x01u /* FIFOs on; receive interrupt at the first byte */
#define IIR_NONE     0x01u
#define IIR_FIFO     0xc0u /* FIFOs are on */
#define LCR_8N1      0x03u
#define LCR_DIVISOR  0x80u
#define MCR_DTR_RTS  0x03u
#define MCR_OUT2     0x08u /* gates the interrupt line on a PC */
#define LSR_RECEIVED 0x01u
#define LSR_EMPTY    0x20u /* transmit FIFO empty: FIFO_BYTES fit */
#define LSR_IDLE     0x40u /* the shift register too */

#define FIFO_BYTES  16u
#define RING_BYTES  8192u /* a power of two: 0.7 s at 115200 baud */
#define INPUT_BYTES 64u
#define STALL_NS    10000000000ull
#define SERVICE_MAX 64u /* rounds of one interrupt, should the UART never be content */

struct line {
    uint16_t port;
    uint8_t isa_irq;
    bool present;
    bool irq_on;
    bool stalled;      /* given up: what it cannot take at once is dropped */
    uint8_t len_bytes; /* what the UART takes when it is ready */
    struct console_lock lock;
    uint32_t head;
    uint32_t tail;
    char ring[RING_BYTES];
};

static struct line g_line[SERIAL_LINES] = {
    [SERIAL_COM1] = { .port = 0x3f8, .isa_irq = 4 },
    [SERIAL_COM2] = { .port = 0x2f8, .isa_irq = 3 },
};

/* True if a UART answers at `port`: its interrupt enable register keeps four bits, and the scratch
 * register what is written to it. An empty bus reads as ones. */
static bool uart_answers(uint16_t port)
{
    outb(port + REG_IER, 0);
    if ((inb(port + REG_IER) & IER_ALL) != 0) {
        return false;
    }
    outb(port + REG_IER, IER_ALL);
    if (inb(port + REG_IER) != IER_ALL) {
        return false;
    }
    outb(port + REG_IER, 0);
    outb(port + REG_SCRATCH, 0x5a);
    return inb(port + REG_SCRATCH) == 0x5a;
}

/* Switch the FIFOs on unless a byte would be lost; returns how many bytes the UART takes at once.
 * The divisor latch is closed. */
static uint8_t fifo_enable(uint16_t port)
{
    const bool is_on = (inb(port + REG_IIR) & IIR_FIFO) == IIR_FIFO;

    if (!is_on && (inb(port + REG_LSR) & LSR_RECEIVED) != 0) {
        return 1;
    }
    outb(port + REG_FCR, FCR_ON);
    return FIFO_BYTES;
}

void serial_early_init(void)
{
    for (unsigned i = 0; i < SERIAL_LINES; i++) {
        struct line *line = &g_line[i];

        if (!uart_answers(line->port)) {
            continue;
        }
        outb(line->port + REG_LCR, LCR_DIVISOR);
        outb(line->port + REG_DATA, 1); /* 115200 baud */
        outb(line->port + REG_IER, 0);
        outb(line->port + REG_LCR, LCR_8N1);
        line->len_bytes = fifo_enable(line->port);
        outb(line->port + REG_MCR, MCR_DTR_RTS);
        line->present = true;
    }
}

bool serial_present(enum serial_line line)
{
    return g_line[line].present;
}

/* ---- transmission
 * -------------------------------------------------------------------------------- */

static bool transmit_ready(const struct line *line)
{
    return (inb(line->port + REG_LSR) & LSR_EMPTY) != 0;
}

/* Give the UART a FIFO's worth of the ring; it must be ready. */
static void ring_drain(struct line *line)
{
    for (unsigned i = 0; i < line->len_bytes && line->head != line->tail; i++) {
        outb(line->port + REG_DATA, (uint8_t)line->ring[line->tail % RING_BYTES]);
        line->tail++;
    }
}

static void transmit_irq_set(const struct line *line)
{
    if (line->irq_on) {
        outb(line->port + REG_IER,
             (uint8_t)(IER_RECEIVE | (line->head != line->tail ? IER_TRANSMIT : 0)));
    }
}

/* Send up to a FIFO's worth of bytes[len_bytes] directly; returns how many. */
static size_t fifo_send(const struct line *line, const char *bytes, size_t len_bytes)
{
    const size_t count = len_bytes < line->len_bytes ? len_bytes : line->len_bytes;

    for (size_t i = 0; i < count; i++) {
        outb(line->port + REG_DATA, (uint8_t)bytes[i]);
    }
    return count;
}

/* Put bytes into the ring as long as there is room; returns how many. */
static size_t ring_push(struct line *line, const char *bytes, size_t len_bytes)
{
    size_t count = 0;

    while (count < len_bytes && line->head - line->tail < RING_BYTES) {
        line->ring[line->head % RING_BYTES] = bytes[count++];
        line->head++;
    }
    return count;
}

/* Get on with sending as far as goes without waiting; returns how many of bytes[len_bytes] were
 * taken. *moved tells whether anything left the kernel or was taken. */
static size_t send_step(struct line *line, const char *bytes, size_t len_bytes, bool *moved)
{
    hal_irq_t irq;
    const bool taken = console_lock_take(&line->lock, &irq);
    const bool ready = transmit_ready(line);
    size_t count = 0;

    *moved = ready;
    if (ready && line->head != line->tail) {
        ring_drain(line);
    } else if (ready) {
        count = fifo_send(line, bytes, len_bytes);
    } else if (line->irq_on) {
        count = ring_push(line, bytes, len_bytes);
        *moved = count != 0;
    }
    transmit_irq_set(line);
    console_lock_give(&line->lock, taken, irq);
    return count;
}

/* Waiting for a line that does not move since *since_ns: true if that has been so long that it must
 * be broken. Under a hypervisor it is not: whoever reads there takes their time, and nothing may be
 * lost. */
static bool is_dead(uint64_t *since_ns)
{
    const uint64_t now_ns = hal_clock_ns();

    *since_ns = *since_ns == 0 ? now_ns : *since_ns;
    hal_pause();
    return !cpuid_info()->hypervisor && now_ns - *since_ns >= STALL_NS;
}

void serial_write(enum serial_line which, const char *bytes, size_t len_bytes,
                  struct console_lock *caller)
{
    struct line *line = &g_line[which];
    uint64_t since_ns = 0; /* when it last moved; 0: just now */
    size_t done = 0;

    while (line->present && done < len_bytes) {
        bool moved = false;

        done += send_step(line, bytes + done, len_bytes - done, &moved);
        if (moved) {
            line->stalled = false;
            since_ns = 0;
        } else if (line->stalled || is_dead(&since_ns)) {
            line->stalled = true;
            break;
        }
        console_lock_progress(caller); /* waiting is a life sign too */
    }
}

/* Send what waits in the ring, then let the UART finish; gives a dead line up. */
static void line_flush(struct line *line)
{
    uint64_t since_ns = 0;
    bool moved = false;

    while (line->head != line->tail && !line->stalled) {
        (void)send_step(line, NULL, 0, &moved);
        if (moved) {
            since_ns = 0;
        } else if (is_dead(&since_ns)) {
            line->stalled = true;
        }
    }
    while ((inb(line->port + REG_LSR) & LSR_IDLE) == 0 && !line->stalled) {
        line->stalled = is_dead(&since_ns);
    }
}

void serial_flush(void)
{
    for (unsigned i = 0; i < SERIAL_LINES; i++) {
        if (g_line[i].present) {
            line_flush(&g_line[i]);
        }
    }
}

/* ---- interrupts
 * ---------------------------------------------------------------------------------- */

/* Take what has come; at most INPUT_BYTES at a time go up. */
static void receive(const struct line *line)
{
    char input[INPUT_BYTES];
    size_t count = 0;

    while (count < INPUT_BYTES && (inb(line->port + REG_LSR) & LSR_RECEIVED) != 0) {
        input[count++] = (char)inb(line->port + REG_DATA);
    }
    if (count != 0) {
        core_on_console_input(input, count);
    }
}

/* Serve the UART until it asks for nothing more. The line is edge-triggered: leaving it asserted
 * would be the last that is heard of it, so after many rounds its interrupts are taken away and
 * given back, which makes a new edge. */
static void serial_interrupt(void *arg)
{
    struct line *line = arg;
    unsigned rounds = 0;

    while ((inb(line->port + REG_IIR) & IIR_NONE) == 0) {
        bool moved = false;

        receive(line); /* without the lock: the core may echo what it gets */
        (void)send_step(line, NULL, 0, &moved);
        if (++rounds == SERVICE_MAX) {
            outb(line->port + REG_IER, 0);
            transmit_irq_set(line);
            break;
        }
    }
}

void serial_irq_init(uint32_t apic_id)
{
    for (unsigned i = 0; i < SERIAL_LINES; i++) {
        struct line *line = &g_line[i];

        if (!line->present) {
            continue;
        }
        if (isa_connect(line->isa_irq, apic_id, serial_interrupt, line) != EXO_OK) {
            klog(KLOG_WARN, "serial", "no interrupt, input stays off com=%u", i + 1);
            continue;
        }
        line->irq_on = true;
        outb(line->port + REG_MCR, MCR_DTR_RTS | MCR_OUT2);
        transmit_irq_set(line);
    }
}
