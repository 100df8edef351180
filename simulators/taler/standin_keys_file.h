/* The exchange's keys in a folder: one JSON file, readable by its owner only. */
#ifndef SHOAL_SIMULATORS_TALER_STANDIN_KEYS_FILE_H
#define SHOAL_SIMULATORS_TALER_STANDIN_KEYS_FILE_H

#include "simulators/taler/standin_keys.h"

#define STANDIN_KEYS_FILE "taler-keys.json"

struct standin_keys_file {
    const char *folder;
    const char *purpose; /* what the keys were made for; another one is refused */
};

/* Fills master, signkey, created_s and rsa[0..rsa_count). SHOAL_E_NOT_FOUND: there is no file; else
 * *why says what is wrong with it. */
int standin_keys_load(struct standin_keys *k, const struct standin_keys_file *file,
                      const char **why);
int standin_keys_save(const struct standin_keys *k, const struct standin_keys_file *file,
                      const char **why);

#endif
