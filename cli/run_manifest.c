/* manifest.json at the start and at the end of a run. */
#include <string.h>

#include "cli/run_context.h"
#include "core/load/standin.h"
#include "core/util/log.h"

#define TARGETS_MAX (PLAN_SCENARIOS_MAX * STANDINS_MAX)

/* The command line as given; values of --set may be secrets, so only their keys are kept. */
static void command_line(const struct cli_args *args, struct buf *out)
{
    bool value_of_set = false;

    for (int i = 0; i < args->argc; i++) {
        const char *word = args->argv[i];
        bool set = strncmp(word, "--set=", 6) == 0;
        const char *equals = value_of_set || set ? strchr(word + (set ? 6 : 0), '=') : NULL;
        if (i)
            buf_char(out, ' ');
        if (equals)
            buf_printf(out, "%.*s=%s", (int)(equals - word), word, OPTION_HIDDEN_TEXT);
        else
            buf_str(out, word);
        value_of_set = strcmp(word, "--set") == 0;
    }
}

static size_t gather_targets(const struct run_context *c, struct manifest_pair *pairs,
                             struct arena *arena)
{
    size_t count = 0;

    for (size_t i = 0; i < c->plan->scenarios.count; i++) {
        const struct plan_scenario *s = &c->plan->scenarios.items[i];
        for (size_t o = 0; o < s->table->count && count < TARGETS_MAX; o++) {
            const struct option *option = &s->table->options[o];
            if (option->type != OPTION_URL)
                continue;
            const char *url = option_text(s->table, s->options, option->name);
            if (url)
                pairs[count++] = (struct manifest_pair){
                    arena_printf(arena, "%s.%s", s->name, option->name), url};
        }
    }
    return count;
}

static bool any_insecure(const struct plan *plan)
{
    for (size_t i = 0; i < plan->scenarios.count; i++)
        if (plan->scenarios.items[i].tls.insecure)
            return true;
    return plan->tls.insecure;
}

int run_manifest_write(struct run_context *c, int64_t ended_wall_us)
{
    struct manifest_pair targets[TARGETS_MAX];
    struct arena *arena = arena_new();
    struct buf line = {.data = NULL};
    const struct http_stats *http = &c->totals.http;
    const struct store_stats *store = &c->totals.store;
    const struct manifest_counts counts = {.connections_opened = http->connects,
                                           .connections_failed = http->connect_failures,
                                           .tls_full_handshakes = http->tls_full,
                                           .tls_resumed_handshakes = http->tls_resumed,
                                           .state_records = store->records,
                                           .state_used_bytes = store->used_bytes,
                                           .state_file_bytes = store->file_bytes,
                                           .state_mapped_bytes = store->mapped_bytes,
                                           .state_commits = store->commits,
                                           .state_purged_records = store->purged};

    if (!arena)
        die("no memory for the manifest");
    command_line(c->args, &line);
    buf_char(&line, '\0');
    struct manifest m = {.name = c->plan->name,
                         .command_line = (const char *)line.data,
                         .plan = buf_slice(&c->plan_text),
                         .state_folder = c->state,
                         .seed = (uint64_t)c->plan->seed,
                         .lanes = c->lanes,
                         .fiber_guard = ended_wall_us ? fiber_guard_text(c->totals.guard) : "",
                         .targets = targets,
                         .target_count = gather_targets(c, targets, arena),
                         .started_wall_us = c->started_wall_us,
                         .ended_wall_us = ended_wall_us,
                         .start_skew_ns = c->start_skew_ns,
                         .segment = c->segment,
                         .segments = c->segments,
                         .resumed = c->resumed,
                         .at_end = ended_wall_us ? &counts : NULL,
                         .insecure_tls = any_insecure(c->plan)};
    memcpy(m.run_id, c->run_id, RUN_ID_SIZE);
    int error = manifest_save(c->folder, &m);
    buf_free(&line);
    arena_free(arena);
    return error;
}
