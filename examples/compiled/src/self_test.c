#include "self_test.h"

#include <stdio.h>
#include <string.h>

#include "http.h"
#include "roman.h"

static const struct {
    long number;
    const char *roman; /* NULL: this number has no numeral */
} NUMERALS[] = {
    {1, "I"}, {4, "IV"}, {9, "IX"}, {14, "XIV"}, {40, "XL"}, {90, "XC"}, {1994, "MCMXCIV"}, {2026, "MMXXVI"},
    {3888, "MMMDCCCLXXXVIII"}, {3999, "MMMCMXCIX"}, {0, NULL}, {-1, NULL}, {4000, NULL},
};

static const struct {
    const char *request;
    const char *in_response;
} ANSWERS[] = {
    {"GET /healthz HTTP/1.1\r\n", "200 OK"},
    {"GET /roman/14 HTTP/1.1\r\n", "{\"number\":14,\"roman\":\"XIV\"}"},
    {"GET /roman/ HTTP/1.1\r\n", "400 Bad Request"},
    {"GET /roman/12x HTTP/1.1\r\n", "400 Bad Request"},
    {"GET /nowhere HTTP/1.1\r\n", "404 Not Found"},
    {"POST /roman/14 HTTP/1.1\r\n", "405 Method Not Allowed"},
};

static int numerals_are_right(void) {
    int failures = 0;
    for (size_t i = 0; i < sizeof NUMERALS / sizeof NUMERALS[0]; i++) {
        char text[ROMAN_SIZE] = "";
        int refused = roman_write(NUMERALS[i].number, text, sizeof text) != 0;
        int right = refused ? NUMERALS[i].roman == NULL : NUMERALS[i].roman && strcmp(text, NUMERALS[i].roman) == 0;
        printf("%s  numeral of %ld: %s\n", right ? "ok  " : "FAIL", NUMERALS[i].number, refused ? "refused" : text);
        failures += !right;
    }
    return failures;
}

static int answers_are_right(void) {
    int failures = 0;
    for (size_t i = 0; i < sizeof ANSWERS / sizeof ANSWERS[0]; i++) {
        char response[512];
        http_answer(ANSWERS[i].request, response, sizeof response);
        int right = strstr(response, ANSWERS[i].in_response) != NULL;
        printf("%s  %.*s\n", right ? "ok  " : "FAIL", (int)strcspn(ANSWERS[i].request, "\r"), ANSWERS[i].request);
        failures += !right;
    }
    return failures;
}

int self_test(void) {
    int failures = numerals_are_right() + answers_are_right();
    printf("%d failures\n", failures);
    return failures != 0;
}
