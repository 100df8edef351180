#include "core/plan/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours; upper and lower case are the same.
 */
static unsigned edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][SUGGEST_WORD_MAX + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_len; j++)
        above[j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);
            row[j] = least(above[j - 1] + (ca != cb), least(above[j], row[j - 1]) + 1);
            bool swapped = i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
                           cb == tolower((unsigned char)a[i - 2]);
            if (swapped)
                row[j] = least(row[j], before[j - 2] + 1);
        }
        unsigned *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_len];
}

void suggest_try(struct suggestion *s, const char *candidate)
{
    size_t word_len = strlen(s->word), len = strlen(candidate);
    if (word_len == 0 || word_len > SUGGEST_WORD_MAX || len > SUGGEST_WORD_MAX)
        return;
    unsigned distance = edit_distance(s->word, word_len, candidate, len);
    unsigned limit = len <= 3 ? 1 : len <= 7 ? 2 : 3;
    if (distance <= limit && (!s->best || distance < s->distance)) {
        s->best = candidate;
        s->distance = distance;
    }
}
