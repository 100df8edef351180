#include <curl/curl.h>
#include <lmdb.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <uv.h>

#include "cli/commands.h"

static int run_version(const struct cli_args *args)
{
    (void)args;
    printf("shoal %s\nlibcurl %s, libuv %s, %s, libsodium %s, LMDB %d.%d.%d, libmicrohttpd %s\n",
           SHOAL_VERSION, curl_version_info(CURLVERSION_NOW)->version, uv_version_string(),
           OpenSSL_version(OPENSSL_VERSION), sodium_version_string(), MDB_VERSION_MAJOR,
           MDB_VERSION_MINOR, MDB_VERSION_PATCH, MHD_get_version());
    return EXIT_HELD;
}

const struct command command_version = {
    .name = "version",
    .arguments = "",
    .summary = "Print the versions of shoal and of its libraries",
    .run = run_version,
};
