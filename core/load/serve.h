/* The server around a stand-in: what `shoal serve SYSTEM` is.
 *
 * One lane on the calling thread, the listener with its faults, and the stand-in behind them. The
 * first line of standard output is `ready BASE`; SIGINT, SIGTERM or SIGHUP, or with until_eof the
 * end of file on standard input, ends it: it answers what is pending, writes the ledger to
 * FOLDER/ledger.json where there is a folder, and prints it as the last line of standard output.
 */
#ifndef SHOAL_CORE_LOAD_SERVE_H
#define SHOAL_CORE_LOAD_SERVE_H

#include "core/load/standin.h"

#define SERVE_ADDRESS_DEFAULT "127.0.0.1"

struct serve_options {
    const struct standin *standin;
    const char *listen; /* "ADDR:PORT", "[ADDR6]:PORT", ":PORT"; NULL: 127.0.0.1, a free port */
    const char *const *sets; /* "key=value", "faults.key=value" */
    size_t set_count;
    const char *folder; /* created when it is not there; NULL: nothing is kept */
    bool until_eof;
};

/* The exit status: 0, or 2 (bad address or value), 3 (cannot start: port in use, keys that do not
 * fit), 5 (the folder cannot be written), or 1 when the books do not balance. One sentence on
 * standard error for each. */
int serve_run(const struct serve_options *options);

/* The stand-in's options and the server's "faults", for serve_run, describe and docs. The table and
 * the list live in the arena; faults_offset tells where in the struct the faults are. */
const struct option_table *serve_option_table(const struct standin *standin, struct arena *arena,
                                              size_t *faults_offset);

#endif
