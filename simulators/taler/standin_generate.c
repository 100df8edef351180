#include "simulators/taler/standin_generate.h"

#include <pthread.h>

struct generation {
    struct taler_rsa_private **keys;
    size_t first, step, count;
    unsigned bits;
};

static void *generate_share(void *arg)
{
    const struct generation *g = arg;
    for (size_t i = g->first; i < g->count; i += g->step)
        g->keys[i] = taler_rsa_private_generate(g->bits);
    return NULL;
}

int taler_rsa_private_generate_many(struct taler_rsa_private *keys[], size_t count, unsigned bits,
                                    unsigned threads)
{
    enum { THREADS_MAX = 64 };
    pthread_t ids[THREADS_MAX];
    struct generation shares[THREADS_MAX];
    bool started[THREADS_MAX] = {false};
    unsigned n = threads == 0 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads;

    memset(keys, 0, count * sizeof(keys[0]));
    for (unsigned i = 0; i < n; i++) {
        shares[i] = (struct generation){keys, i, n, count, bits};
        started[i] = i > 0 && pthread_create(&ids[i], NULL, generate_share, &shares[i]) == 0;
        if (!started[i] && i > 0)
            generate_share(&shares[i]); /* no thread to be had: do it here */
    }
    generate_share(&shares[0]);
    for (unsigned i = 1; i < n; i++)
        if (started[i])
            pthread_join(ids[i], NULL);

    bool all = true;
    for (size_t i = 0; i < count; i++)
        all = all && keys[i];
    for (size_t i = 0; i < count && !all; i++) {
        taler_rsa_private_free(keys[i]);
        keys[i] = NULL;
    }
    return all ? 0 : SHOAL_E_INTERNAL;
}
