#ifndef ROMAN_H
#define ROMAN_H

#include <stddef.h>

enum { ROMAN_MIN = 1, ROMAN_MAX = 3999, ROMAN_SIZE = 16 };

/* Writes `number` in Roman numerals. Returns 0, or -1 for a number that has none. `size` is at least ROMAN_SIZE. */
int roman_write(long number, char *text, size_t size);

#endif
