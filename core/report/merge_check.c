/* Whether folders are the segments of one run, each once. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "core/report/merge_inside.h"
#include "core/util/error.h"

/* Also with --partial: the same requests would count twice. */
int merge_check_named_once(const struct merge_options *o, char why[MERGE_ERROR_MAX])
{
    for (size_t i = 0; i < o->count; i++) {
        struct stat a, b;
        if (stat(o->folders[i], &a))
            continue; /* opening says it */
        for (size_t j = 0; j < i; j++)
            if (!stat(o->folders[j], &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
                return merge_say(why, SHOAL_E_BAD_INPUT, "%s and %s are the same folder",
                                 o->folders[j], o->folders[i]);
    }
    return 0;
}

/* --- do they belong together? ------------------------------------------------------------- */

static unsigned first_other_line(struct slice a, struct slice b)
{
    unsigned line = 1;
    for (size_t i = 0; i < a.len && i < b.len && a.data[i] == b.data[i]; i++)
        line += a.data[i] == '\n';
    return line;
}

static void put_id(struct buf *out, const uint8_t id[RUN_ID_SIZE])
{
    for (int i = 0; i < RUN_ID_SIZE; i++)
        buf_printf(out, "%02x", id[i]);
}

static void put_comma(struct buf *out)
{
    if (out->len)
        buf_str(out, ", ");
}

/* Everything that differs between two folders, as the end of a sentence; empty: they fit. */
static void differences(const struct merge_segment *a, const struct merge_segment *b,
                        struct buf *out)
{
    if (!slice_equal(buf_slice(&a->plan), buf_slice(&b->plan)))
        buf_printf(out, "plan (plan.json from line %u on)",
                   first_other_line(buf_slice(&a->plan), buf_slice(&b->plan)));
    if (a->run.end.seed != b->run.end.seed) {
        put_comma(out);
        buf_printf(out, "seed (%" PRIu64 " and %" PRIu64 ")", a->run.end.seed, b->run.end.seed);
    }
    if (memcmp(a->run.end.run_id, b->run.end.run_id, RUN_ID_SIZE) != 0) {
        put_comma(out);
        buf_str(out, "run id (");
        put_id(out, a->run.end.run_id);
        buf_str(out, " and ");
        put_id(out, b->run.end.run_id);
        buf_str(out, "; give all segments the same --run-id)");
    }
    if (a->count != b->count) {
        put_comma(out);
        buf_printf(out, "number of segments (%u and %u)", a->count, b->count);
    }
}

int merge_check_same_run(const struct merge *m, char why[MERGE_ERROR_MAX])
{
    const struct merge_segment *first = m->segments[0];
    for (size_t i = 1; i < m->count; i++) {
        const struct merge_segment *s = m->segments[i];
        struct buf text = {0};
        differences(first, s, &text);
        bool differ = text.len > 0;
        if (differ)
            merge_say(why, SHOAL_E_BAD_INPUT,
                      "%s and %s are not segments of one run; they differ in: %s", first->path,
                      s->path, (const char *)text.data);
        buf_free(&text);
        if (differ)
            return SHOAL_E_BAD_INPUT;
    }
    return 0;
}

#define MISSING_SHOWN 16

unsigned merge_put_missing(const struct merge *m, struct buf *out)
{
    unsigned missing = 0;
    size_t at = 0; /* the list is sorted */
    for (unsigned index = 1; index <= m->segments[0]->count; index++) {
        while (at < m->count && m->segments[at]->index < index)
            at++;
        if (at < m->count && m->segments[at]->index == index)
            continue;
        if (missing++ < MISSING_SHOWN)
            buf_printf(out, "%s%u", missing > 1 ? ", " : "", index);
    }
    if (missing > MISSING_SHOWN)
        buf_printf(out, " and %u more", missing - MISSING_SHOWN);
    return missing;
}

int merge_check_complete(const struct merge *m, char why[MERGE_ERROR_MAX])
{
    struct buf missing = {0};
    for (size_t i = 1; i < m->count; i++) {
        const struct merge_segment *a = m->segments[i - 1], *b = m->segments[i];
        if (a->index == b->index)
            return merge_say(
                why, SHOAL_E_BAD_INPUT,
                "%s and %s are both segment %u of %u; name one of them, or give --partial "
                "to count both",
                a->path, b->path, a->index, a->count);
    }
    unsigned count = merge_put_missing(m, &missing);
    if (count)
        merge_say(
            why, SHOAL_E_BAD_INPUT,
            "segment%s %s of %u %s missing; name %s as well, or give --partial to merge what is "
            "there",
            count > 1 ? "s" : "", (const char *)missing.data, m->segments[0]->count,
            count > 1 ? "are" : "is", count > 1 ? "their folders" : "its folder");
    buf_free(&missing);
    return count ? SHOAL_E_BAD_INPUT : 0;
}
