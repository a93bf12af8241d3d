/* SPDX-License-Identifier: MIT */
#include "runtime/endpoint.h"
#include "tests/lib/temp_dir.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct endpoint parsed(const char *text, bool to_bind)
{
        struct endpoint e = { 0 };
        stet_why why = { "" };
        cr_assert_eq(endpoint_parse(text, to_bind, &e, &why), 0, "%s: %s", text, why.text);
        return e;
}

static void refused(const char *text, bool to_bind, const char *says)
{
        struct endpoint e;
        stet_why why = { "" };
        cr_assert_eq(endpoint_parse(text, to_bind, &e, &why), STET_EENDPOINT, "%s", text);
        cr_assert(strstr(why.text, says), "%s: %s", text, why.text);
}

Test(endpoint, the_three_kinds_are_told_apart)
{
        cr_assert_eq(parsed("inproc://node", true).kind, ENDPOINT_INPROC);
        cr_assert_eq(parsed("ipc:///tmp/x.sock", true).kind, ENDPOINT_IPC);
        cr_assert_eq(parsed("ipc://@abstract", true).kind, ENDPOINT_IPC);
        cr_assert_eq(parsed("tcp://127.0.0.1:7233", true).kind, ENDPOINT_TCP);
}

Test(endpoint, every_way_to_write_the_loopback_is_taken)
{
        cr_assert_str_eq(parsed("tcp://127.9.8.7:1", false).text, "tcp://127.9.8.7:1");
        cr_assert_str_eq(parsed("tcp://localhost:65535", true).text, "tcp://127.0.0.1:65535");
        struct endpoint e = parsed("tcp://[::1]:80", true);
        cr_assert_str_eq(e.text, "tcp://[::1]:80");
        cr_assert(e.ipv6);
        cr_assert_not(parsed("tcp://127.0.0.1:80", true).ipv6);
}

Test(endpoint, port_0_and_star_mean_any_and_only_when_binding)
{
        cr_assert_str_eq(parsed("tcp://127.0.0.1:*", true).text, "tcp://127.0.0.1:*");
        cr_assert_str_eq(parsed("tcp://127.0.0.1:0", true).text, "tcp://127.0.0.1:*");
        refused("tcp://127.0.0.1:*", false, "names no port to connect to");
        refused("tcp://127.0.0.1:0", false, "names no port to connect to");
}

Test(endpoint, what_is_off_the_loopback_is_refused)
{
        static const char *const hosts[] = {
                "0.0.0.0",     "*",          "10.0.0.1",  "192.168.1.5", "example.com",
                "eth0",        "[::]",       "[fe80::1]", "128.0.0.1",   "127.0.0.1.example.com",
                "[127.0.0.1]", "0127.0.0.1", "[]",        "::1"
        };
        for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
                char text[64];
                snprintf(text, sizeof text, "tcp://%s:7233", hosts[i]);
                refused(text, true, "is not a loopback address");
                refused(text, false, "is not a loopback address");
        }
}

Test(endpoint, a_wrong_endpoint_is_named_in_a_sentence)
{
        refused("", true, "begins with none of inproc://, ipc:// and tcp://");
        refused("127.0.0.1:7233", true, "begins with none of");
        refused("udp://127.0.0.1:7233", true, "\"udp://127.0.0.1:7233\" begins with none of");
        refused("inproc://", true, "has no name");
        refused("ipc://", true, "has no path");
        refused("ipc://*", true, "has no path");
        refused("tcp://127.0.0.1", true, "has no port");
        refused("tcp://127.0.0.1:", true, "has no port");
        refused("tcp://:7233", true, "has no address; write tcp://127.0.0.1:7233");
        refused("tcp://[::1]", true, "has no port");
        refused("tcp://127.0.0.1:65536", true, "\"65536\" is no port");
        refused("tcp://127.0.0.1:http", true, "\"http\" is no port");
        refused("tcp://127.0.0.1:+1", true, "\"+1\" is no port");
        refused("tcp://127.0.0.1:80x", true, "\"80x\" is no port");
}

Test(endpoint, a_path_of_107_bytes_passes_and_one_of_108_does_not)
{
        char text[ENDPOINT_MAX] = "ipc://";
        memset(text + 6, 'p', ENDPOINT_PATH_MAX);
        parsed(text, true);
        text[6 + ENDPOINT_PATH_MAX] = 'p';
        refused(text, true, "has 108 bytes; a socket's path has at most 107");
}

Test(endpoint, an_endpoint_too_long_for_any_is_refused)
{
        char text[ENDPOINT_MAX + 1] = "inproc://";
        memset(text + 9, 'n', ENDPOINT_MAX - 9);
        refused(text, true, "the endpoint has 256 bytes; the most is 255");
}

/* --- paths --- */

static int check_path(const char *directory, const char *name, stet_why *why)
{
        char text[ENDPOINT_MAX];
        snprintf(text, sizeof text, "ipc://%s/%s", directory, name);
        struct endpoint e = parsed(text, true);
        return endpoint_check_path(&e, why);
}

static int listen_on(const char *directory, const char *name)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", directory, name);
        cr_assert_eq(bind(fd, (struct sockaddr *)(void *)&address, sizeof address), 0);
        cr_assert_eq(listen(fd, 1), 0);
        return fd;
}

Test(endpoint, a_path_without_directory_or_in_a_file_is_refused)
{
        stet_why why = { "" };
        char *directory = temp_dir_new();
        cr_assert_eq(check_path(directory, "none/x", &why), STET_EENDPOINT);
        cr_assert(strstr(why.text, "no directory \""), "%s", why.text);
        cr_assert_eq(check_path(directory, "x", &why), 0);
        temp_dir_free(directory);
}

Test(endpoint, a_file_at_the_path_is_left_alone)
{
        stet_why why = { "" };
        char path[300];
        char *directory = temp_dir_new();
        snprintf(path, sizeof path, "%s/file", directory);
        FILE *f = fopen(path, "w");
        fclose(f);
        cr_assert_eq(check_path(directory, "file", &why), STET_EENDPOINT);
        cr_assert(strstr(why.text, "exists and is not a socket"), "%s", why.text);
        cr_assert_eq(check_path(directory, "file/x", &why), STET_EENDPOINT);
        cr_assert(strstr(why.text, "is not a directory"), "%s", why.text);
        temp_dir_free(directory);
}

Test(endpoint, a_socket_with_a_listener_is_taken_and_one_without_is_free)
{
        stet_why why = { "" };
        char *directory = temp_dir_new();
        int fd = listen_on(directory, "x");
        cr_assert_eq(check_path(directory, "x", &why), STET_EENDPOINT);
        cr_assert(strstr(why.text, "another process listens on"), "%s", why.text);
        close(fd);
        cr_assert_eq(check_path(directory, "x", &why), 0, "what a killed node leaves behind");
        temp_dir_free(directory);
}
