#include "http.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "roman.h"

#define ROMAN_PATH "/roman/"

static volatile sig_atomic_t stopping = 0;

static void stop(int number) {
    (void)number;
    stopping = 1;
}

static void respond(char *response, size_t size, const char *status, const char *body) {
    snprintf(response, size,
             "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
             status, strlen(body), body);
}

static void answer_roman(const char *text, char *response, size_t size) {
    char roman[ROMAN_SIZE], body[64], *end;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || roman_write(number, roman, sizeof roman) != 0) {
        respond(response, size, "400 Bad Request", "{\"error\":\"a number from 1 to 3999 is wanted\"}");
        return;
    }
    snprintf(body, sizeof body, "{\"number\":%ld,\"roman\":\"%s\"}", number, roman);
    respond(response, size, "200 OK", body);
}

void http_answer(const char *request, char *response, size_t size) {
    char path[256];
    if (sscanf(request, "GET %255s", path) != 1) {
        respond(response, size, "405 Method Not Allowed", "{\"error\":\"only GET is known\"}");
    } else if (strcmp(path, "/healthz") == 0) {
        respond(response, size, "200 OK", "{\"status\":\"up\"}");
    } else if (strncmp(path, ROMAN_PATH, strlen(ROMAN_PATH)) == 0) {
        answer_roman(path + strlen(ROMAN_PATH), response, size);
    } else {
        respond(response, size, "404 Not Found", "{\"error\":\"there is nothing at this path\"}");
    }
}

static int listen_on(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0) {
        return -1;
    }
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64) != 0) {
        close(listener);
        return -1;
    }
    return listener;
}

static void serve_one(int connection) {
    char request[2048], response[512];
    struct timeval limit = {.tv_sec = 5};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ssize_t length = recv(connection, request, sizeof request - 1, 0);
    if (length > 0) {
        request[length] = '\0';
        http_answer(request, response, sizeof response);
        send(connection, response, strlen(response), MSG_NOSIGNAL);
    }
    close(connection);
}

int http_serve(int port) {
    struct sigaction action = {.sa_handler = stop}; /* without SA_RESTART: accept() returns on a signal */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    int listener = listen_on(port);
    if (listener < 0) {
        fprintf(stderr, "cannot listen on port %d: %s\n", port, strerror(errno));
        return 1;
    }
    printf("listening on port %d\n", port);
    fflush(stdout);
    while (!stopping) {
        int connection = accept(listener, NULL, NULL);
        if (connection >= 0) {
            serve_one(connection);
        }
    }
    close(listener);
    puts("stopped");
    return 0;
}
