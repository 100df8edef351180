#include "core/load/standin.h"

void standin_check_roles(const struct standin *standin, const struct option_table *table,
                         const void *options, const char *path, struct plan_errors *errors)
{
    const char *embedded = NULL, *real = NULL;

    for (const struct standin_role *role = standin->roles; role->option; role++) {
        if (option_is_embedded(option_text(table, options, role->option)))
            embedded = role->option;
        else
            real = role->option;
    }
    if (embedded && real)
        plan_error(
            errors, path, embedded,
            "is left \"embedded\" while %s is a real address; clients of one system need all "
            "its addresses: set %s too",
            real, embedded);
}
