#ifndef HTTP_H
#define HTTP_H

#include <stddef.h>

/* Answers the request line `GET /roman/1994 HTTP/1.1` with a whole HTTP response. */
void http_answer(const char *request, char *response, size_t size);

/* Serves on `port` until SIGTERM or SIGINT. Returns the process's exit code. */
int http_serve(int port);

#endif
