/* The books in one file: every table as it lies in memory, behind them a hash of all of it. Read by
 * the same program on the same machine only, so no byte order is fixed. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "simulators/taler/standin_books.h"

#define MAGIC "shoal-books-1\n"
#define HASH_SIZE 32
#define TABLES 7

struct file {
    FILE *stream;
    crypto_generichash_state hash;
    int error; /* sticky */
};

static void fail(struct file *f, int error)
{
    f->error = f->error ? f->error : error;
}

static void write_part(struct file *f, const void *data, size_t size)
{
    if (f->error || !size)
        return;
    crypto_generichash_update(&f->hash, data, size);
    if (fwrite(data, 1, size, f->stream) != size)
        fail(f, error_from_errno(errno));
}

static void read_part(struct file *f, void *data, size_t size)
{
    if (f->error || !size)
        return;
    if (fread(data, 1, size, f->stream) != size)
        fail(f, ferror(f->stream) ? SHOAL_E_IO : SHOAL_E_CORRUPT);
    else
        crypto_generichash_update(&f->hash, data, size);
}

static void tables_of(struct books *b, struct records *tables[TABLES])
{
    struct records *all[TABLES] = {&b->paytos,        &b->reserves, &b->withdrawals,
                                   &b->coins,         &b->deposits, &b->withdrawal_proofs,
                                   &b->deposit_proofs};
    memcpy(tables, all, sizeof all);
}

static void write_table(struct file *f, const struct records *r)
{
    write_part(f, &r->count, sizeof r->count);
    for (uint32_t i = 0; i < r->count;) {
        uint32_t run = records_run(i, r->count);
        write_part(f, records_at(r, i), run * r->record_size);
        i += run;
    }
}

static void read_table(struct file *f, struct records *r)
{
    uint32_t count = 0;
    read_part(f, &count, sizeof count);
    uint8_t record[sizeof(struct books_deposit_proof)];
    for (uint32_t i = 0; i < count && !f->error; i++) {
        read_part(f, record, r->record_size);
        if (!f->error)
            memcpy(records_at(r, records_add(r, record)), record, r->record_size);
    }
}

static_assert(sizeof(struct books_deposit_proof) >= sizeof(struct books_withdrawal) &&
                  sizeof(struct books_deposit_proof) >= sizeof(struct books_reserve) &&
                  sizeof(struct books_deposit_proof) >= sizeof(struct taler_sig),
              "the longest record");

static void write_all(struct file *f, struct books *b)
{
    uint64_t head[2] = {b->denom_count, b->proofs};
    write_part(f, MAGIC, sizeof MAGIC);
    write_part(f, head, sizeof head);
    write_part(f, b->denoms, b->denom_count * sizeof *b->denoms);
    write_part(f, &b->totals, sizeof b->totals);
    struct records *tables[TABLES];
    tables_of(b, tables);
    for (size_t i = 0; i < TABLES; i++)
        write_table(f, tables[i]);
    uint64_t text_len = b->texts.len;
    write_part(f, &text_len, sizeof text_len);
    write_part(f, b->texts.data, text_len);
    uint8_t hash[HASH_SIZE];
    crypto_generichash_final(&f->hash, hash, sizeof hash);
    if (!f->error && fwrite(hash, 1, sizeof hash, f->stream) != sizeof hash)
        fail(f, error_from_errno(errno));
}

int books_save(const struct books *b, const char *path)
{
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
        return SHOAL_E_BAD_INPUT;
    struct file f = {.stream = fopen(temporary, "wbe")};
    if (!f.stream)
        return error_from_errno(errno);
    crypto_generichash_init(&f.hash, NULL, 0, HASH_SIZE);
    struct books copy = *b; /* tables_of wants them writable; nothing is written to them */
    write_all(&f, &copy);
    if (fflush(f.stream) != 0)
        fail(&f, error_from_errno(errno));
    if (fclose(f.stream) != 0)
        fail(&f, error_from_errno(errno));
    if (!f.error && rename(temporary, path) != 0)
        fail(&f, error_from_errno(errno));
    if (f.error)
        unlink(temporary);
    return f.error;
}

static void read_texts(struct file *f, struct buf *texts)
{
    uint64_t len = 0;
    read_part(f, &len, sizeof len);
    char piece[4096];
    while (len && !f->error) {
        size_t part = len < sizeof piece ? len : sizeof piece;
        read_part(f, piece, part);
        if (!f->error)
            buf_put(texts, piece, part);
        len -= part;
    }
    fail(f, texts->error);
}

static void read_all(struct file *f, struct books *b)
{
    char magic[sizeof MAGIC];
    uint64_t head[2] = {0};
    read_part(f, magic, sizeof magic);
    read_part(f, head, sizeof head);
    if (f->error || memcmp(magic, MAGIC, sizeof magic) != 0 || head[0] != b->denom_count ||
        head[1] != b->proofs) {
        fail(f, SHOAL_E_CORRUPT);
        return;
    }
    for (size_t i = 0; i < b->denom_count; i++) {
        struct books_denom denom;
        read_part(f, &denom, sizeof denom);
        if (f->error || memcmp(&denom, &b->denoms[i], sizeof denom) != 0)
            fail(f, SHOAL_E_CORRUPT);
    }
    read_part(f, &b->totals, sizeof b->totals);
    struct records *tables[TABLES];
    tables_of(b, tables);
    for (size_t i = 0; i < TABLES; i++)
        read_table(f, tables[i]);
    read_texts(f, &b->texts);
    uint8_t is[HASH_SIZE], said[HASH_SIZE];
    crypto_generichash_final(&f->hash, is, sizeof is);
    if (fread(said, 1, sizeof said, f->stream) != sizeof said || memcmp(is, said, sizeof is) != 0)
        fail(f, SHOAL_E_CORRUPT);
}

int books_load(struct books *b, const char *path)
{
    struct file f = {.stream = fopen(path, "rbe")};
    if (!f.stream)
        return errno == ENOENT ? SHOAL_E_NOT_FOUND : error_from_errno(errno);
    crypto_generichash_init(&f.hash, NULL, 0, HASH_SIZE);
    read_all(&f, b);
    fclose(f.stream);
    return f.error;
}
