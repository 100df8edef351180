/* "did you mean": the nearest of the words that would have been right. core/plan's own. */
#ifndef SHOAL_CORE_PLAN_SUGGEST_H
#define SHOAL_CORE_PLAN_SUGGEST_H

#define SUGGEST_WORD_MAX 64 /* bytes; longer words are not compared */

/* Start with {.word = ...}; `best` is NULL while nothing is near. */
struct suggestion {
    const char *word;
    const char *best;
    unsigned distance;
};

void suggest_try(struct suggestion *s, const char *candidate);

#endif
