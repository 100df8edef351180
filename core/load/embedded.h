/* A stand-in as a child of a run: what the option value `embedded` starts.
 *
 * The child is `PROGRAM serve SYSTEM --until-eof --folder FOLDER`, in a session of its own, so that
 * Ctrl-C at the terminal reaches only the run. Its standard input is the leash: a pipe whose other
 * end only the run holds (close-on-exec), so that the child ends when the run ends, however that
 * happens. It inherits nothing else. Functions block: call them outside lanes.
 */
#ifndef SHOAL_CORE_LOAD_EMBEDDED_H
#define SHOAL_CORE_LOAD_EMBEDDED_H

#include <stddef.h>
#include <stdint.h>

#include "core/util/bytes.h"

struct embedded;

struct embedded_options {
    const char *program;     /* path of shoal itself */
    const char *system;      /* "taler" */
    const char *folder;      /* keys, books and ledger; NULL: nothing is kept */
    const char *listen;      /* as in serve.h; NULL: 127.0.0.1, a free port */
    const char *const *sets; /* "key=value" */
    size_t set_count;
    const char *log;  /* file that its standard error is appended to; NULL: ours */
    int stop_fd;      /* readable: the start is given up (a signalfd); 0: none */
    int64_t start_ns; /* how long it may take to get ready; 0: EMBEDDED_START_NS */
    int64_t stop_ns;  /* from the end of its leash to SIGKILL; 0: EMBEDDED_STOP_NS */
};

#define EMBEDDED_ERROR_MAX 400
#define EMBEDDED_START_NS (20 * INT64_C(1000000000))
#define EMBEDDED_STOP_NS (10 * INT64_C(1000000000))

/* Waits until it is ready. On failure *out is NULL, nothing is left running, and `error` is one
 * sentence (with the child's last words). SHOAL_E_TIMEOUT, SHOAL_E_CANCELLED (stop_fd), SHOAL_E_IO,
 * or SHOAL_E_INTERNAL when it ended by itself. */
int embedded_start(struct embedded **out, const struct embedded_options *options,
                   char error[EMBEDDED_ERROR_MAX]);

/* "http://127.0.0.1:40123"; lives as long as `e`. */
const char *embedded_base(const struct embedded *e);

/* What it has used; zero when it is gone. */
struct embedded_usage {
    int64_t cpu_ns;
    uint64_t rss_bytes; /* resident, all kinds */
};
void embedded_usage(const struct embedded *e, struct embedded_usage *out);

/* Lets go of the leash, waits until the child has ended, appends its ledger (one line of JSON; may
 * be NULL) and frees `e`. 0 when it ended by itself with status 0; SHOAL_E_UNEXPECTED when it ended
 * with another status (the ledger then says why), or had died before; SHOAL_E_TIMEOUT when it had
 * to be killed. `error` (may be NULL) is one sentence then. `e` may be NULL: 0. */
int embedded_stop(struct embedded *e, struct buf *ledger, char error[EMBEDDED_ERROR_MAX]);

#endif
