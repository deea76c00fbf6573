#include "roman.h"

#include <string.h>

static const struct {
    long value;
    const char *digits;
} NUMERALS[] = {
    {1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"},
    {40, "XL"},  {10, "X"},   {9, "IX"},  {5, "V"},    {4, "IV"},  {1, "I"},
};

int roman_write(long number, char *text, size_t size) {
    if (number < ROMAN_MIN || number > ROMAN_MAX || size < ROMAN_SIZE) {
        return -1;
    }
    text[0] = '\0';
    for (size_t i = 0; i < sizeof NUMERALS / sizeof NUMERALS[0]; i++) {
        for (; number >= NUMERALS[i].value; number -= NUMERALS[i].value) {
            strcat(text, NUMERALS[i].digits);
        }
    }
    return 0;
}
