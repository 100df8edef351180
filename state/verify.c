/* Is this a whole LMDB file of ours? LMDB keeps no checksums and trusts its pages; a damaged one
 * would crash the process. So before it maps a file, this walks both trees (records, free pages)
 * with plain reads and checks all that LMDB relies on: headers, bounds, order, and that no page is
 * used twice. The structures mirror LMDB 0.9's file format, which is native in word size and byte
 * order. Costs about a microsecond per page. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util/error.h"
#include "state/internal.h"

#define MAGIC 0xbeefc0deu
#define DATA_VERSION 1u
#define PAGE_SIZE_MIN 512u
#define PAGE_SIZE_MAX 65536u
#define DEPTH_MAX 32 /* of LMDB's cursors */
#define NO_PAGE SIZE_MAX

enum page_kind { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_META = 8 };
enum node_flag { NODE_BIG = 1, NODE_SUB = 2, NODE_DUP = 4 };

struct page_header {
    size_t number;
    uint16_t unused, kind;
    union {
        struct {
            uint16_t lower, upper;
        };
        uint32_t overflow_pages;
    };
};

struct node_header {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint16_t low, high;
#else
    uint16_t high, low;
#endif
    uint16_t flags, key_size;
};

struct tree {
    uint32_t page_size; /* in the first tree of a meta page */
    uint16_t flags, depth;
    size_t branch_pages, leaf_pages, overflow_pages, entries, root;
};

struct meta {
    uint32_t magic, version;
    void *address;
    size_t map_size;
    struct tree free_pages, records;
    size_t last_page, transaction;
};

#define HEADER_SIZE (offsetof(struct page_header, overflow_pages) + sizeof(uint32_t))
_Static_assert(sizeof(struct node_header) == 8, "as in LMDB's files");

struct verify {
    const struct verify_options *options;
    int fd;
    size_t file_size, page_size, pages; /* pages: last page + 1 */
    size_t transaction;                 /* the last one */
    uint8_t *used;                      /* a bit per page */
    bool of_records;                    /* which tree is walked */
    struct {
        uint8_t *page;
        size_t entries, branches, leaves, overflows;
    } walk;
    const char *what; /* what is wrong */
};

static int wrong(struct verify *v, const char *what)
{
    v->what = what;
    return SHOAL_E_CORRUPT;
}

/* Marks pages as used; fails for one that is out of bounds or used already. */
static int claim(struct verify *v, size_t first, size_t count)
{
    if (count == 0 || first >= v->pages || count > v->pages - first)
        return wrong(v, "a page number is out of bounds");
    for (size_t page = first; page < first + count; page++) {
        if (v->used[page / 8] >> (page % 8) & 1)
            return wrong(v, "a page is used twice");
        v->used[page / 8] |= (uint8_t)(1u << (page % 8));
    }
    return 0;
}

static int read_at(struct verify *v, void *out, size_t size, size_t offset)
{
    if (offset > v->file_size || size > v->file_size - offset)
        return wrong(v, "it is cut short");
    ssize_t n = pread(v->fd, out, size, (off_t)offset);
    return n == (ssize_t)size ? 0 : wrong(v, n < 0 ? strerror(errno) : "it is cut short");
}

/* The list of free pages that one record of the free tree holds: a count and as many numbers, from
 * large to small. */
static int claim_free(struct verify *v, const uint8_t *data, size_t len)
{
    size_t count = 0, page = 0, above = SIZE_MAX;
    if (len >= sizeof count)
        memcpy(&count, data, sizeof count);
    if (len < sizeof count || count > len / sizeof count - 1)
        return wrong(v, "a list of free pages is damaged");
    for (size_t i = 1; i <= count; i++) {
        memcpy(&page, data + i * sizeof page, sizeof page);
        if (page >= above)
            return wrong(v, "a list of free pages is damaged");
        above = page;
        int rc = claim(v, page, 1);
        if (rc)
            return rc;
    }
    return 0;
}

/* The key of a free list is the transaction that freed it. */
static int check_free_key(struct verify *v, const uint8_t *key, size_t len)
{
    size_t transaction = 0;
    if (len == sizeof transaction)
        memcpy(&transaction, key, sizeof transaction);
    if (transaction == 0 || transaction > v->transaction)
        return wrong(v, "a list of free pages is damaged");
    return 0;
}

static int check_big_value(struct verify *v, const uint8_t *data, size_t len)
{
    size_t number;
    struct page_header header;
    memcpy(&number, data, sizeof number);
    if (number >= v->pages)
        return wrong(v, "a page number is out of bounds");
    int rc = read_at(v, &header, HEADER_SIZE, number * v->page_size);
    if (rc)
        return rc;
    size_t have = header.overflow_pages;
    size_t need = (HEADER_SIZE - 1 + len) / v->page_size + 1;
    if (header.kind != PAGE_OVERFLOW || header.number != number || have < need)
        return wrong(v, "a large value's page is damaged");
    rc = claim(v, number, have);
    v->walk.overflows += have;
    if (rc || (number + have) * v->page_size > v->file_size)
        return rc ? rc : wrong(v, "it is cut short");
    if (v->of_records)
        return 0;
    uint8_t *list = malloc(len ? len : 1);
    if (!list)
        return SHOAL_E_NOMEM;
    rc = read_at(v, list, len, number * v->page_size + HEADER_SIZE);
    if (rc == 0)
        rc = claim_free(v, list, len);
    free(list);
    return rc;
}

static int check_record_key(struct verify *v, const uint8_t *key, size_t len)
{
    const struct verify_options *o = v->options;
    if (len < STATE_KEY_HEAD || len > STATE_FULL_KEY_MAX || key[STATE_CLIENT_SIZE] >= o->tables)
        return wrong(v, "it holds keys of another program");
    if (state_spread_shard(&o->spread, get_u64be(key)) != o->index)
        return wrong(v, "it is another shard's file");
    return 0;
}

/* Bytes of a node in its page; LMDB keeps nodes at even offsets. */
static size_t node_size(const struct node_header *h, bool leaf)
{
    size_t data = h->low | (size_t)h->high << 16;
    if (!leaf)
        data = 0;
    else if (h->flags & NODE_BIG)
        data = sizeof(size_t);
    return (sizeof *h + h->key_size + data + 1) & ~(size_t)1;
}

static int check_leaf_node(struct verify *v, const uint8_t *node, size_t room)
{
    struct node_header h;
    memcpy(&h, node, sizeof h);
    const uint8_t *key = node + sizeof h;
    size_t len = h.low | (size_t)h.high << 16;
    bool big = h.flags & NODE_BIG;
    if (h.flags & (NODE_SUB | NODE_DUP))
        return wrong(v, "it is an LMDB file of another program");
    if (sizeof h + h.key_size + (big ? sizeof(size_t) : len) > room)
        return wrong(v, "a record lies outside its page");
    int rc =
        v->of_records ? check_record_key(v, key, h.key_size) : check_free_key(v, key, h.key_size);
    if (rc)
        return rc;
    v->walk.entries++;
    if (big)
        return check_big_value(v, key + h.key_size, len);
    return v->of_records ? 0 : claim_free(v, key + h.key_size, len);
}

/* Keys of records are compared as bytes, those of the free tree as native numbers. */
static int compare_keys(const struct verify *v, const uint8_t *a, size_t a_len, const uint8_t *b,
                        size_t b_len)
{
    if (!v->of_records && a_len == sizeof(size_t) && b_len == sizeof(size_t)) {
        size_t x, y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return (x > y) - (x < y);
    }
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int walk_page(struct verify *v, size_t number, unsigned depth);

static int check_nodes(struct verify *v, const uint8_t *page, const struct page_header *h,
                       unsigned depth)
{
    size_t count = (h->lower - HEADER_SIZE) / 2;
    const uint8_t *before = NULL;
    size_t before_len = 0, nodes_size = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t at;
        struct node_header n;
        memcpy(&at, page + HEADER_SIZE + 2 * i, sizeof at);
        if (at < h->upper || at + sizeof n > v->page_size)
            return wrong(v, "a record lies outside its page");
        memcpy(&n, page + at, sizeof n);
        const uint8_t *key = page + at + sizeof n;
        if (at + sizeof n + n.key_size > v->page_size)
            return wrong(v, "a record lies outside its page");
        /* A branch's first key stands for "everything before" and is not looked at. */
        bool counts = depth == 1 || i > 0;
        if (counts && before && compare_keys(v, before, before_len, key, n.key_size) >= 0)
            return wrong(v, "its records are out of order");
        if (counts) {
            before = key;
            before_len = n.key_size;
        }
        size_t child = n.low | (size_t)n.high << 16;
        if (sizeof(size_t) > 4)
            child |= (size_t)n.flags << 16 << 16;
        int rc = depth == 1 ? check_leaf_node(v, page + at, v->page_size - at)
                            : walk_page(v, child, depth - 1);
        if (rc)
            return rc;
        nodes_size += node_size(&n, depth == 1);
    }
    /* Nodes fill the page's end without gaps; LMDB moves them on that account. */
    return nodes_size == v->page_size - h->upper ? 0 : wrong(v, "its records overlap");
}

/* `depth` levels are left, so a leaf is expected at 1. One page of memory per level. */
static int walk_page(struct verify *v, size_t number, unsigned depth)
{
    int rc = claim(v, number, 1);
    if (rc)
        return rc;
    uint8_t *page = v->walk.page + (depth - 1) * v->page_size;
    rc = read_at(v, page, v->page_size, number * v->page_size);
    if (rc)
        return rc;
    struct page_header h;
    memcpy(&h, page, HEADER_SIZE);
    unsigned want = depth == 1 ? PAGE_LEAF : PAGE_BRANCH;
    size_t nodes_min = depth > 1 && v->of_records ? 2 : 1;
    if (h.kind != want || h.number != number || h.lower < HEADER_SIZE || h.lower > h.upper ||
        h.upper > v->page_size || (h.lower & 1) || (h.lower - HEADER_SIZE) / 2 < nodes_min)
        return wrong(v, "a page's header is damaged");
    if (depth == 1)
        v->walk.leaves++;
    else
        v->walk.branches++;
    return check_nodes(v, page, &h, depth);
}

static int walk_tree(struct verify *v, const struct tree *tree, bool of_records)
{
    v->of_records = of_records;
    v->walk.entries = v->walk.branches = v->walk.leaves = v->walk.overflows = 0;
    if (tree->root == NO_PAGE)
        return tree->entries ? wrong(v, "its meta page is damaged") : 0;
    if (tree->depth < 1 || tree->depth > DEPTH_MAX)
        return wrong(v, "its meta page is damaged");
    v->walk.page = malloc((size_t)tree->depth * v->page_size);
    if (!v->walk.page)
        return SHOAL_E_NOMEM;
    int rc = walk_page(v, tree->root, tree->depth);
    free(v->walk.page);
    if (rc)
        return rc;
    if (v->walk.entries != tree->entries || v->walk.branches != tree->branch_pages ||
        v->walk.leaves != tree->leaf_pages || v->walk.overflows != tree->overflow_pages)
        return wrong(v, "its counts do not match its pages");
    return 0;
}

/* One of the two meta pages; both must be whole, as LMDB reads both. */
static int read_meta(struct verify *v, size_t offset, struct meta *out)
{
    struct page_header h;
    int rc = read_at(v, &h, HEADER_SIZE, offset);
    if (rc == 0)
        rc = read_at(v, out, sizeof *out, offset + HEADER_SIZE);
    if (rc)
        return rc;
    if (h.kind != PAGE_META || out->magic != MAGIC)
        return wrong(v, offset ? "its second meta page is damaged" : "it is not an LMDB file");
    if (out->version != DATA_VERSION)
        return wrong(v, "its LMDB format is of another version");
    size_t size = out->free_pages.page_size;
    if (size < PAGE_SIZE_MIN || size > PAGE_SIZE_MAX || (size & (size - 1)))
        return wrong(v, "its meta page is damaged");
    return 0;
}

static int check(struct verify *v)
{
    struct meta metas[2];
    int rc = read_meta(v, 0, &metas[0]);
    v->page_size = rc ? 0 : metas[0].free_pages.page_size;
    if (rc == 0)
        rc = read_meta(v, v->page_size, &metas[1]);
    if (rc)
        return rc;
    if (metas[1].free_pages.page_size != v->page_size || v->file_size < 2 * v->page_size)
        return wrong(v, "its meta page is damaged");
    const struct meta *m = &metas[metas[1].transaction > metas[0].transaction];
    /* A tail of pages that were taken and given back in one transaction was never written, so the
     * file may be a little shorter than this; far more is damage and would cost memory. */
    if (m->last_page < 1 || m->last_page / 4096 > v->file_size / v->page_size)
        return wrong(v, "its meta page is damaged or it is cut short");
    if (m->records.flags)
        return wrong(v, "it is an LMDB file of another program");
    v->pages = m->last_page + 1;
    v->transaction = m->transaction;
    v->used = calloc(v->pages / 8 + 1, 1);
    if (!v->used)
        return SHOAL_E_NOMEM;
    rc = claim(v, 0, 2);
    if (rc == 0)
        rc = walk_tree(v, &m->records, true);
    if (rc == 0)
        rc = walk_tree(v, &m->free_pages, false);
    free(v->used);
    return rc;
}

int verify_file(const struct verify_options *options, char *error)
{
    struct verify v = {.options = options, .what = "out of memory"};
    char shown[STATE_SHOWN_MAX];
    struct stat st;
    v.fd = open(options->path, O_RDONLY | O_CLOEXEC);
    if (v.fd < 0 || fstat(v.fd, &st)) {
        int err = errno;
        if (v.fd >= 0)
            close(v.fd);
        return state_refuse(error, error_from_errno(err), "the state file %s cannot be read: %s",
                            state_shown(options->path, shown), strerror(err));
    }
    v.file_size = (size_t)st.st_size;
    int rc = S_ISREG(st.st_mode) ? check(&v) : wrong(&v, "it is not a file");
    close(v.fd);
    if (rc == 0)
        return 0;
    return state_refuse(error, rc,
                        "the state file %s is damaged or not ours: %s; restore it or start with a "
                        "new folder (--state-dir)",
                        state_shown(options->path, shown), v.what);
}
