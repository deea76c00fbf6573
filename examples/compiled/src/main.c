/* A web service that writes numbers in Roman numerals; `--self-test` tests this very binary. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "self_test.h"

enum { DEFAULT_PORT = 8080 };

int main(int count, char **arguments) {
    if (count == 2 && strcmp(arguments[1], "--self-test") == 0) {
        return self_test();
    }
    if (count > 1) {
        fprintf(stderr, "usage: %s [--self-test]\n", arguments[0]);
        return 2;
    }
    const char *port = getenv("PORT");
    return http_serve(port ? atoi(port) : DEFAULT_PORT);
}
