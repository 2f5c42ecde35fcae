/*
 * trace_export.h - the packets of a Perfetto trace, as trace_export.c puts them together.
 *
 * Locks: none; one caller at a time.
 */
#ifndef EXO_DEBUG_TRACE_EXPORT_H
#define EXO_DEBUG_TRACE_EXPORT_H

#include "exo/debug/trace.h"
#include "protobuf.h"

#define TRACE_PACKET_MAX 512u
#define TRACE_BUFFER_MAX 4096u

/* TrackEvent.Type */
enum event_type { EVENT_BEGIN = 1, EVENT_END = 2, EVENT_INSTANT = 3 };

#define EVENT_NAME 23u /* TrackEvent.name, of an event whose name is not interned */

struct trace_file {
    struct fmt_sink *sink;
    struct protobuf packet; /* the one under way */
    size_t packet_open;
    size_t event_open;
    bool has_names; /* the first packet with a name was written */
    size_t used;
    uint8_t packet_bytes[TRACE_PACKET_MAX];
    uint8_t buffer[TRACE_BUFFER_MAX]; /* what the sink has not got yet */
};

void trace_file_init(struct trace_file *file, struct fmt_sink *sink);
void trace_file_flush(struct trace_file *file);

/* A track, below `parent` unless that is 0. */
void trace_file_track(struct trace_file *file, uint64_t uuid, uint64_t parent, const char *name);

/* From now on `iid` stands for an event of that name. */
void trace_file_name(struct trace_file *file, uint64_t iid, const char *name);

/* Begin an event, add to it, end it. */
struct protobuf *trace_file_event(struct trace_file *file, uint64_t time_ns, uint64_t track,
                                  enum event_type type);
void trace_file_end(struct trace_file *file, struct protobuf *event);

void trace_event_name(struct protobuf *event, uint64_t iid);
void trace_event_text(struct protobuf *event, uint32_t field, const char *text);
void trace_event_flow(struct protobuf *event, uint64_t flow, bool ends);
void trace_event_note(struct protobuf *event, const char *name, uint64_t value);
void trace_event_note_text(struct protobuf *event, const char *name, const char *value);

/* Name (where it depends on the words) and annotations of a record. */
void trace_event_describe(struct protobuf *event, const struct trace_record *record);

/* "name/number" of a thread. */
void trace_thread_label(uint32_t thread, char label[TRACE_NAME_MAX + 12]);

#endif /* EXO_DEBUG_TRACE_EXPORT_H */
