#include "core/util/error.h"

#include <errno.h>
#include <stddef.h>

struct error_row {
    int code;
    const char *name;
    const char *text;
};

static const struct error_row rows[] = {{SHOAL_OK, "ok", "nothing went wrong"},
#define ERROR_ROW(id, number, short_name, sentence) {(number), (short_name), (sentence)},
                                        SHOAL_ERRORS(ERROR_ROW)
#undef ERROR_ROW
};

static const struct error_row *find(int code)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].code == code)
            return &rows[i];
    }
    return NULL;
}

const char *error_name(int code)
{
    const struct error_row *row = find(code);
    return row ? row->name : "unknown";
}

const char *error_text(int code)
{
    const struct error_row *row = find(code);
    return row ? row->text : "an error without a name happened";
}

int error_from_errno(int err)
{
    switch (err) {
    case 0:
        return SHOAL_OK;
    case ENOMEM:
        return SHOAL_E_NOMEM;
    case ENOSPC:
    case EDQUOT:
        return SHOAL_E_NO_SPACE;
    default:
        return SHOAL_E_IO;
    }
}
