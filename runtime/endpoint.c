/* SPDX-License-Identifier: MIT */
#include "runtime/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *after(const char *text, const char *prefix)
{
        size_t size = strlen(prefix);
        return strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

static int parse_inproc(const char *name, const char *text, struct endpoint *ret, stet_why *why)
{
        if (!*name)
                return stet_why_set(why, STET_EENDPOINT, "\"%s\" has no name after inproc://", text);
        *ret = (struct endpoint){ .kind = ENDPOINT_INPROC };
        snprintf(ret->text, sizeof ret->text, "%s", text);
        return 0;
}

static int parse_ipc(const char *path, const char *text, struct endpoint *ret, stet_why *why)
{
        if (!*path || !strcmp(path, "*") || !strcmp(path, "@"))
                return stet_why_set(why, STET_EENDPOINT, "\"%s\" has no path after ipc://", text);
        if (strlen(path) > ENDPOINT_PATH_MAX)
                return stet_why_set(why, STET_EENDPOINT,
                                    "the path of \"%s\" has %zu bytes; a socket's path has at most %d", text,
                                    strlen(path), ENDPOINT_PATH_MAX);
        *ret = (struct endpoint){ .kind = ENDPOINT_IPC };
        snprintf(ret->text, sizeof ret->text, "%s", text);
        return 0;
}

/* A number from 1 to 65535, without sign, space or anything after it. */
static bool port_valid(const char *port)
{
        size_t digits = strspn(port, "0123456789");
        if (digits == 0 || digits > 5 || port[digits])
                return false;
        long number = strtol(port, NULL, 10);
        return number >= 1 && number <= 65535;
}

/* The loopback, however it is written. *ret_ipv6 says which one. */
static bool host_loopback(const char *host, bool *ret_ipv6)
{
        struct in_addr v4;
        struct in6_addr v6;
        char inner[INET6_ADDRSTRLEN];

        *ret_ipv6 = false;
        if (!strcmp(host, "localhost"))
                return true;
        if (inet_pton(AF_INET, host, &v4) == 1)
                return ntohl(v4.s_addr) >> 24 == 127;
        size_t size = strlen(host);
        if (size < 3 || size >= sizeof inner || host[0] != '[' || host[size - 1] != ']')
                return false;
        memcpy(inner, host + 1, size - 2);
        inner[size - 2] = 0;
        *ret_ipv6 = true;
        return inet_pton(AF_INET6, inner, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static int parse_tcp(const char *address, const char *text, bool to_bind, struct endpoint *ret, stet_why *why)
{
        char host[64]; /* cut if need be: no address is so long */
        struct endpoint e = { .kind = ENDPOINT_TCP };
        const char *colon = strrchr(address, ':');
        const char *bracket = strrchr(address, ']');

        if (!colon || (bracket && colon < bracket) || !colon[1])
                return stet_why_set(why, STET_EENDPOINT, "\"%s\" has no port; write tcp://address:port",
                                    text);
        if (colon == address)
                return stet_why_set(why, STET_EENDPOINT, "\"%s\" has no address; write tcp://127.0.0.1%s",
                                    text, colon);
        const char *port = colon + 1;
        bool any = !strcmp(port, "*") || !strcmp(port, "0");
        if (any && !to_bind)
                return stet_why_set(why, STET_EENDPOINT, "\"%s\" names no port to connect to", text);
        if (!any && !port_valid(port))
                return stet_why_set(why, STET_EENDPOINT,
                                    "\"%s\" is no port; a port is a number from 1 to 65535", port);
        snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
        if (!host_loopback(host, &e.ipv6))
                return stet_why_set(why, STET_EENDPOINT,
                                    "%s is not a loopback address; without encryption, tcp is for 127.0.0.1, "
                                    "[::1] and localhost only (use a tunnel between machines)",
                                    host);
        /* ZeroMQ takes no names when it binds. */
        snprintf(e.text, sizeof e.text, "tcp://%s:%s", strcmp(host, "localhost") ? host : "127.0.0.1",
                 any ? "*" : port);
        *ret = e;
        return 0;
}

int endpoint_parse(const char *text, bool to_bind, struct endpoint *ret, stet_why *why)
{
        const char *rest;

        if (strlen(text) >= ENDPOINT_MAX)
                return stet_why_set(why, STET_EENDPOINT, "the endpoint has %zu bytes; the most is %d",
                                    strlen(text), ENDPOINT_MAX - 1);
        if ((rest = after(text, "inproc://")))
                return parse_inproc(rest, text, ret, why);
        if ((rest = after(text, "ipc://")))
                return parse_ipc(rest, text, ret, why);
        if ((rest = after(text, "tcp://")))
                return parse_tcp(rest, text, to_bind, ret, why);
        return stet_why_set(why, STET_EENDPOINT, "\"%s\" begins with none of inproc://, ipc:// and tcp://",
                            text);
}

static int check_directory(const char *path, stet_why *why)
{
        char directory[ENDPOINT_MAX];
        struct stat info;
        const char *slash = strrchr(path, '/');

        snprintf(directory, sizeof directory, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
        if (!directory[0])
                return 0; /* directly in the root */
        if (stat(directory, &info) != 0)
                return stet_why_set(why, STET_EENDPOINT, "no directory \"%s\" for the socket \"%s\": %s",
                                    directory, path, strerror(errno));
        if (!S_ISDIR(info.st_mode))
                return stet_why_set(why, STET_EENDPOINT,
                                    "\"%s\" is not a directory, so \"%s\" cannot be a socket", directory,
                                    path);
        return 0;
}

static bool somebody_listens(const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return true; /* unlinking a living node's socket would be worse than a refusal */
        memcpy(address.sun_path, path, strlen(path));
        int rc = connect(fd, (const struct sockaddr *)(const void *)&address, sizeof address);
        bool dead = rc != 0 && (errno == ECONNREFUSED || errno == ENOENT);
        close(fd);
        return !dead;
}

int endpoint_check_path(const struct endpoint *e, stet_why *why)
{
        const char *path = after(e->text, "ipc://");
        struct stat info;

        if (!path || path[0] == '@')
                return 0; /* a name in Linux's abstract space: no file */
        int err = check_directory(path, why);
        if (err)
                return err;
        if (lstat(path, &info) != 0)
                return 0;
        if (!S_ISSOCK(info.st_mode))
                return stet_why_set(why, STET_EENDPOINT,
                                    "\"%s\" exists and is not a socket; it is left as it is", path);
        if (somebody_listens(path))
                return stet_why_set(why, STET_EENDPOINT, "another process listens on \"%s\"", path);
        return 0;
}
