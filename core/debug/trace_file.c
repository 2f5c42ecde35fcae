/*
 * core/debug/trace_file.c - packets of a Perfetto trace, and what a record says in them.
 *
 * Invariant: a packet reaches the buffer whole or not at all; each is far below TRACE_PACKET_MAX.
 */
#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"

#include "trace_export.h"

#define SEQUENCE 1u /* of packets: all are written by one hand */

/* Trace */
#define TRACE_PACKET 1u
/* TracePacket */
#define PACKET_TIMESTAMP       8u
#define PACKET_SEQUENCE        10u
#define PACKET_EVENT           11u
#define PACKET_INTERNED        12u
#define PACKET_SEQUENCE_FLAGS  13u
#define PACKET_TRACK           60u
#define SEQUENCE_STATE_CLEARED 1u
#define SEQUENCE_NEEDS_STATE   2u
/* InternedData, EventName */
#define INTERNED_EVENT_NAMES 2u
#define NAME_IID             1u
#define NAME_TEXT            2u
/* TrackDescriptor */
#define TRACK_UUID   1u
#define TRACK_NAME   2u
#define TRACK_PARENT 5u
/* TrackEvent */
#define EVENT_ANNOTATIONS 4u
#define EVENT_TYPE        9u
#define EVENT_NAME_IID    10u
#define EVENT_TRACK       11u
#define EVENT_FLOW        47u
#define EVENT_FLOW_END    48u
/* DebugAnnotation */
#define NOTE_NUMBER  3u
#define NOTE_TEXT    6u
#define NOTE_POINTER 7u
#define NOTE_NAME    10u

void trace_file_init(struct trace_file *file, struct fmt_sink *sink)
{
    file->sink = sink;
    file->used = 0;
    file->has_names = false;
}

void trace_file_flush(struct trace_file *file)
{
    if (file->used > 0) {
        file->sink->put(file->sink, (const char *)file->buffer, file->used);
        file->used = 0;
    }
}

static struct protobuf *packet_begin(struct trace_file *file)
{
    protobuf_init(&file->packet, file->packet_bytes, sizeof(file->packet_bytes));
    file->packet_open = protobuf_open(&file->packet, TRACE_PACKET);
    protobuf_number(&file->packet, PACKET_SEQUENCE, SEQUENCE);
    return &file->packet;
}

static void packet_end(struct trace_file *file)
{
    protobuf_close(&file->packet, file->packet_open);
    KASSERT_DEBUG(!file->packet.is_cut);
    if (file->packet.is_cut) {
        return;
    }
    if (file->used + file->packet.len > sizeof(file->buffer)) {
        trace_file_flush(file);
    }
    memcpy(file->buffer + file->used, file->packet.bytes, file->packet.len);
    file->used += file->packet.len;
}

void trace_file_track(struct trace_file *file, uint64_t uuid, uint64_t parent, const char *name)
{
    struct protobuf *const packet = packet_begin(file);
    const size_t track = protobuf_open(packet, PACKET_TRACK);

    protobuf_number(packet, TRACK_UUID, uuid);
    protobuf_text(packet, TRACK_NAME, name);
    if (parent != 0) {
        protobuf_number(packet, TRACK_PARENT, parent);
    }
    protobuf_close(packet, track);
    packet_end(file);
}

void trace_file_name(struct trace_file *file, uint64_t iid, const char *name)
{
    struct protobuf *const packet = packet_begin(file);
    /* The first one says that no names from before count. */
    const uint32_t flags =
        file->has_names ? SEQUENCE_NEEDS_STATE : SEQUENCE_STATE_CLEARED | SEQUENCE_NEEDS_STATE;

    protobuf_number(packet, PACKET_SEQUENCE_FLAGS, flags);
    const size_t interned = protobuf_open(packet, PACKET_INTERNED);
    const size_t entry = protobuf_open(packet, INTERNED_EVENT_NAMES);

    protobuf_number(packet, NAME_IID, iid);
    protobuf_text(packet, NAME_TEXT, name);
    protobuf_close(packet, entry);
    protobuf_close(packet, interned);
    packet_end(file);
    file->has_names = true;
}

struct protobuf *trace_file_event(struct trace_file *file, uint64_t time_ns, uint64_t track,
                                  enum event_type type)
{
    struct protobuf *const packet = packet_begin(file);

    protobuf_number(packet, PACKET_TIMESTAMP, time_ns);
    protobuf_number(packet, PACKET_SEQUENCE_FLAGS, SEQUENCE_NEEDS_STATE);
    file->event_open = protobuf_open(packet, PACKET_EVENT);
    protobuf_number(packet, EVENT_TYPE, type);
    protobuf_number(packet, EVENT_TRACK, track);
    return packet;
}

void trace_file_end(struct trace_file *file, struct protobuf *event)
{
    protobuf_close(event, file->event_open);
    packet_end(file);
}

/* ---- what stands in an event ---- */

void trace_event_name(struct protobuf *event, uint64_t iid)
{
    protobuf_number(event, EVENT_NAME_IID, iid);
}

void trace_event_text(struct protobuf *event, uint32_t field, const char *text)
{
    protobuf_text(event, field, text);
}

void trace_event_flow(struct protobuf *event, uint64_t flow, bool ends)
{
    protobuf_fixed64(event, ends ? EVENT_FLOW_END : EVENT_FLOW, flow);
}

static void note_number(struct protobuf *event, const char *name, uint32_t field, uint64_t value)
{
    const size_t note = protobuf_open(event, EVENT_ANNOTATIONS);

    protobuf_text(event, NOTE_NAME, name);
    protobuf_number(event, field, value);
    protobuf_close(event, note);
}

void trace_event_note(struct protobuf *event, const char *name, uint64_t value)
{
    note_number(event, name, NOTE_NUMBER, value);
}

static void note_pointer(struct protobuf *event, const char *name, uint64_t value)
{
    note_number(event, name, NOTE_POINTER, value);
}

void trace_event_note_text(struct protobuf *event, const char *name, const char *value)
{
    const size_t note = protobuf_open(event, EVENT_ANNOTATIONS);

    protobuf_text(event, NOTE_NAME, name);
    protobuf_text(event, NOTE_TEXT, value);
    protobuf_close(event, note);
}

void trace_thread_label(uint32_t thread, char label[TRACE_NAME_MAX + 12])
{
    char name[TRACE_NAME_MAX];

    (void)trace_name_get(thread, name);
    fmt_print(label, TRACE_NAME_MAX + 12, "%s/%u", name, thread);
}

static void note_thread(struct protobuf *event, uint32_t thread)
{
    char label[TRACE_NAME_MAX + 12];

    trace_thread_label(thread, label);
    trace_event_note_text(event, "thread", label);
}

/* The function that holds `pc`, by name if there is one. */
static void note_function(struct protobuf *event, uintptr_t pc)
{
    uintptr_t offset = 0;
    const char *const name = symbol_find(pc, &offset);

    if (name != NULL && strlen(name) < TRACE_PACKET_MAX / 2) {
        trace_event_note_text(event, "function", name);
    } else {
        note_pointer(event, "function", pc);
    }
}

/* A slice is called by the lock's rank; one without rank sleeps. */
static void describe_lock(struct protobuf *event, const struct trace_record *record)
{
    const uint32_t rank = (uint32_t)(record->b >> TRACE_RANK_SHIFT);
    const uint32_t spare_bits = 64 - TRACE_RANK_SHIFT;
    const char *const known = rank == 0 ? "sleeping" : lock_rank_name(rank);
    char name[48];

    if (known != NULL) {
        fmt_print(name, sizeof(name), "lock %s", known);
    } else {
        fmt_print(name, sizeof(name), "lock of rank %u", rank);
    }
    trace_event_text(event, EVENT_NAME, name);
    note_pointer(event, "lock", record->a);
    note_function(event, (uintptr_t)((int64_t)(record->b << spare_bits) >> spare_bits));
}

static void describe_syscall(struct protobuf *event, const struct trace_record *record)
{
    char name[32];

    fmt_print(name, sizeof(name), "syscall %lu", record->a);
    trace_event_text(event, EVENT_NAME, name);
    note_pointer(event, "argument", record->b);
}

void trace_event_describe(struct protobuf *event, const struct trace_record *record)
{
    switch (record->kind) {
    case TRACE_WAKE:
        note_thread(event, (uint32_t)record->a);
        trace_event_note(event, "cpu", record->b);
        break;
    case TRACE_MIGRATE:
        note_thread(event, (uint32_t)record->a);
        trace_event_note(event, "from", record->b >> 32);
        trace_event_note(event, "to", (uint32_t)record->b);
        break;
    case TRACE_TIMER:
        note_function(event, (uintptr_t)record->a);
        trace_event_note(event, "deadline_ns", record->b);
        break;
    case TRACE_IPI_SEND:
        trace_event_note(event, "cpu", record->a);
        trace_event_note_text(event, "kind", record->b == HAL_IPI_RESCHED ? "resched" : "call");
        break;
    case TRACE_IPI:
        trace_event_note_text(event, "kind", record->a == HAL_IPI_RESCHED ? "resched" : "call");
        break;
    case TRACE_ALLOC:
    case TRACE_FREE:
        note_pointer(event, "object", record->a);
        if (record->kind == TRACE_ALLOC) {
            trace_event_note(event, "bytes", record->b);
        }
        break;
    case TRACE_FRAME_ALLOC:
    case TRACE_FRAME_FREE:
        note_pointer(event, "physical", record->a);
        trace_event_note(event, "frames", record->b);
        break;
    case TRACE_CONTEND_BEGIN:
        describe_lock(event, record);
        break;
    case TRACE_FAULT_ENTER:
        trace_event_text(event, EVENT_NAME, "page fault");
        note_pointer(event, "address", record->a);
        trace_event_note(event, "access", record->b);
        break;
    case TRACE_SYSCALL_ENTER:
        describe_syscall(event, record);
        break;
    default:
        break;
    }
}
