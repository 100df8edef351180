#include <stdlib.h>

#include "core/util/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every member that the tree names must be found in the text, and quoting must read back. */
static void visit(struct slice text, const cJSON *node, int left)
{
    const cJSON *child;
    size_t index = 0;
    cJSON_ArrayForEach(child, node)
    {
        struct buf path = {0};
        struct slice raw;
        size_t line;
        if (child->string)
            buf_str(&path, child->string);
        else
            buf_printf(&path, "%zu", index);
        bool addressable = path.len > 0 && !memchr(path.data, '.', path.len);
        if (addressable && !json_locate(text, (const char *)path.data, &raw, &line))
            abort();
        if (addressable && left > 0)
            visit(raw, child, left - 1);
        buf_free(&path);
        if (++index > 50)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data, size);
    struct json_error err;
    struct buf quoted = {0};
    cJSON *tree, *back = NULL;
    if (json_parse(&tree, text, &err) == 0)
        visit(text, tree, 4);
    cJSON_Delete(tree);

    if (size > 0 && memchr(data, 0, size) == NULL) {
        json_quote(&quoted, text);
        if (quoted.error == 0 && json_parse(&back, buf_slice(&quoted), NULL) != 0)
            abort();
        cJSON_Delete(back);
    }
    buf_free(&quoted);
    return 0;
}
