#ifndef SELF_TEST_H
#define SELF_TEST_H

/* Runs the unit tests that are compiled in; prints one line for each. Returns 0 when all passed, else 1. */
int self_test(void);

#endif
