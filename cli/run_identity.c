/* Who the run is: its id, its share of the plan, its start; or what a resumed folder says. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/run_context.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/json.h"
#include "core/util/log.h"

static bool parse_hex(const char *text, uint8_t out[RUN_ID_SIZE])
{
    if (strlen(text) != 2 * RUN_ID_SIZE ||
        strspn(text, "0123456789abcdefABCDEF") != 2 * RUN_ID_SIZE)
        return false;
    for (size_t i = 0; i < RUN_ID_SIZE; i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return true;
}

static bool parse_segment(const char *text, unsigned *segment, unsigned *segments)
{
    char *end;
    unsigned long i = strtoul(text, &end, 10);

    if (end == text || *end != '/' || text[0] == '-')
        return false;
    const char *second = end + 1;
    unsigned long n = strtoul(second, &end, 10);
    if (end == second || *end || second[0] == '-' || i < 1 || i > n || n > 65536)
        return false;
    *segment = (unsigned)i;
    *segments = (unsigned)n;
    return true;
}

int cli_segment(const struct cli_args *args, unsigned *segment, unsigned *segments)
{
    const char *text = cli_value(args, "--segment");

    *segment = *segments = 1;
    if (!text || parse_segment(text, segment, segments))
        return EXIT_HELD;
    log_line("--segment: \"%s\" is not I/N with I from 1 to N, as in 1/4", text);
    return EXIT_INPUT;
}

/* "2030-01-31T12:00:00Z", with or without a fraction of a second. */
static bool parse_utc(const char *text, int64_t *out_us)
{
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    double fraction = 0;

    if (!rest)
        return false;
    if (*rest == '.') {
        char *end;
        fraction = strtod(rest, &end);
        rest = end;
    }
    if (strcmp(rest, "Z") != 0)
        return false;
    *out_us = (int64_t)timegm(&tm) * 1000000 + (int64_t)(fraction * 1e6);
    return *out_us > 0;
}

int run_identity_new(struct run_context *c)
{
    const char *run_id = cli_value(c->args, "--run-id");
    const char *start_at = cli_value(c->args, "--start-at");

    c->resume = false;
    if (!run_id) {
        random_bytes(c->run_id, sizeof(c->run_id));
    } else if (!parse_hex(run_id, c->run_id)) {
        log_line("--run-id: \"%s\" is not 32 hex digits, as manifest.json of a run has them",
                 run_id);
        return EXIT_INPUT;
    }
    if (start_at && !parse_utc(start_at, &c->start_at_us)) {
        log_line("--start-at: \"%s\" is not a UTC time as in 2030-01-31T12:00:00Z", start_at);
        return EXIT_INPUT;
    }
    return cli_segment(c->args, &c->segment, &c->segments);
}

/* The members of manifest.json that a resumed run must repeat. */
static bool take_manifest(struct run_context *c, const cJSON *manifest)
{
    const char *run_id = json_string(manifest, "run_id");
    const char *state_folder = json_string(manifest, "state_folder");
    const cJSON *segment = json_object(manifest, "segment");
    int64_t resumed = 0, index = 1, count = 1;

    if (!run_id || !parse_hex(run_id, c->run_id))
        return false;
    if (segment && (!json_int(segment, "index", &index) || !json_int(segment, "count", &count)))
        return false;
    json_int(manifest, "resumed", &resumed);
    snprintf(c->state_before, sizeof(c->state_before), "%s", state_folder ? state_folder : "");
    c->segment = (unsigned)index;
    c->segments = (unsigned)count;
    c->resumed = (unsigned)resumed + 1;
    return index >= 1 && index <= count;
}

int run_identity_resumed(struct run_context *c)
{
    struct buf text = {.data = NULL};
    cJSON *manifest = NULL;
    bool taken = false, merged = false;

    c->segment = c->segments = 1;
    if (run_folder_read(c->folder, RUN_MANIFEST, &text) == SHOAL_OK &&
        json_parse(&manifest, buf_slice(&text), NULL) == SHOAL_OK) {
        taken = take_manifest(c, manifest);
        merged = json_array(manifest, "segments") != NULL;
    }
    cJSON_Delete(manifest);
    buf_free(&text);
    if (merged) {
        log_line("%s was merged from segments; resume those, and merge them again", c->out);
        return EXIT_INPUT;
    }
    if (taken)
        return EXIT_HELD;
    log_line("%s: there is no manifest.json of a run in it, so there is nothing to resume", c->out);
    return EXIT_INPUT;
}
