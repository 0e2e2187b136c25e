/* server_fixture.c - see server_fixture.h. */
#include "server_fixture.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void fixture_open(struct fixture *f, const struct server_options *options) {
    static const struct server_model_options fake = {.name = "fake", .path = "/x/fake-stem.gguf"};
    struct server_options o = options != NULL ? *options : (struct server_options){0};
    struct error err = {0};
    signal(SIGPIPE, SIG_IGN);
    if (o.models == NULL) {
        o.models = &fake;
        o.model_count = 1;
    }
    f->native = fake_open(0);
    f->server = server_open(&o, &err);
    if (f->server == NULL) fail_msg("%s", err.text);
    f->port = server_port(f->server);
    for (int i = 0; i < o.model_count; i++) server_ready(f->server, i, f->native);
}

void fixture_close(struct fixture *f) {
    server_close(f->server);
    native_close(f->native);
}

void reply_deinit(struct reply *r) {
    json_decref(r->json);
    str_deinit(&r->text);
    *r = (struct reply){0};
}

int fixture_connect(const struct fixture *f) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)f->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void read_all(int fd, struct str *out) {
    char part[4096];
    for (ssize_t got; (got = read(fd, part, sizeof part)) > 0;) str_add(out, part, (size_t)got);
}

void fixture_ask(const struct fixture *f, const char *method, const char *path,
                 const char *headers, const char *body, struct reply *out) {
    struct str request = {0};
    int fd = fixture_connect(f);
    *out = (struct reply){0};
    str_addf(&request, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s", method, path,
             headers != NULL ? headers : "");
    if (body != NULL) str_addf(&request, "Content-Length: %zu\r\n", strlen(body));
    str_addf(&request, "\r\n%s", body != NULL ? body : "");
    for (size_t sent = 0; sent < request.len;) {
        ssize_t got = write(fd, request.data + sent, request.len - sent);
        if (got <= 0) break; /* refused early: the answer is there to read */
        sent += (size_t)got;
    }
    read_all(fd, &out->text);
    close(fd);
    str_deinit(&request);
    const char *end = strstr(str_text(&out->text), "\r\n\r\n");
    out->body = end != NULL ? end + 4 : "";
    if (out->text.len > 12) out->status = atoi(out->text.data + strlen("HTTP/1.1 "));
    out->json = json_loads(out->body, 0, NULL);
}

static const json_t *find(const struct reply *r, const char *path) {
    char copy[128];
    const json_t *at = r->json;
    snprintf(copy, sizeof copy, "%s", path);
    for (char *save = NULL, *part = strtok_r(copy, ".", &save); part != NULL && at != NULL;
         part = strtok_r(NULL, ".", &save))
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(part)) : json_object_get(at, part);
    return at;
}

const char *reply_text(const struct reply *r, const char *path) {
    const char *text = json_string_value(find(r, path));
    return text != NULL ? text : "";
}

json_int_t reply_number(const struct reply *r, const char *path) {
    const json_t *number = find(r, path);
    return json_is_integer(number) ? json_integer_value(number) : -1;
}
