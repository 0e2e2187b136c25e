/* bench_child.c - a child process with two pipes and a deadline. */
#include "cli/bench_child.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"

enum { TICK_MS = 100, READ_BYTES = 64 << 10, ENVIRONMENT_MAX = 4096 };

#define LIBRARY_PATH "LD_LIBRARY_PATH="

extern char **environ;

struct running {
    pid_t pid;
    int out, talk;          /* our ends of the pipes; -1: closed */
    int out_theirs, talk_theirs;
};

static void close_end(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static bool open_pipes(struct running *r, struct error *err) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(err, "a pipe");
    r->out = ends[0];
    r->out_theirs = ends[1];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(err, "a pipe");
    r->talk = ends[0];
    r->talk_theirs = ends[1];
    return true;
}

/* Our environment, with the program's folder in front of LD_LIBRARY_PATH.  `path` keeps the text
 * of that variable. */
static char **environment_for(const char *program, struct str *path) {
    char **list = calloc(ENVIRONMENT_MAX + 2, sizeof *list);
    const char *slash = strrchr(program, '/'), *old = NULL;
    int count = 0;
    for (int i = 0; list != NULL && environ[i] != NULL && count < ENVIRONMENT_MAX; i++) {
        if (strncmp(environ[i], LIBRARY_PATH, strlen(LIBRARY_PATH)) == 0)
            old = environ[i] + strlen(LIBRARY_PATH);
        else
            list[count++] = environ[i];
    }
    str_add_text(path, LIBRARY_PATH);
    if (slash != NULL)
        str_add(path, program, slash == program ? 1 : (size_t)(slash - program));
    if (old != NULL && *old != '\0')
        str_addf(path, "%s%s", slash != NULL ? ":" : "", old);
    if (list != NULL && !path->failed && (slash != NULL || old != NULL))
        list[count] = path->data;
    return list;
}

static bool start(struct running *r, const struct bench_child *child, struct error *err) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    struct str path = {0};
    char **environment = environment_for(child->argv[0], &path);
    if (environment == NULL) {
        str_deinit(&path);
        return error_set(err, ERR_MEMORY, "no memory to start %s", child->argv[0]);
    }
    sigemptyset(&defaults); /* what main() ignores, others expect */
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGXFSZ);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, r->out_theirs, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, r->talk_theirs, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    /* posix_spawn takes its arguments as not const, but does not write to them. */
    int failed = posix_spawn(&r->pid, child->argv[0], &actions, &attributes,
                             (char *const *)(uintptr_t)child->argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    str_deinit(&path);
    if (failed == 0)
        return true;
    r->pid = -1;
    errno = failed;
    return error_set_errno(err, "%s cannot be started", child->argv[0]);
}

/* Appends what there is; keeps the end of `talk`.  Closes *fd at its end. */
static void take(int *fd, struct str *into, bool keep_end) {
    char bytes[READ_BYTES];
    ssize_t n = read(*fd, bytes, sizeof bytes);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        close_end(fd);
        return;
    }
    size_t len = (size_t)n;
    const char *from = bytes;
    if (keep_end && len > BENCH_CHILD_TALK_BYTES_MAX) {
        from += len - BENCH_CHILD_TALK_BYTES_MAX;
        len = BENCH_CHILD_TALK_BYTES_MAX;
    }
    str_add(into, from, len);
    if (keep_end && into->len > BENCH_CHILD_TALK_BYTES_MAX)
        str_remove_front(into, into->len - BENCH_CHILD_TALK_BYTES_MAX);
}

/* Until both pipes are closed and the program has ended, or it has to be stopped. */
static bool follow(struct running *r, const struct bench_child *child, struct str *out,
                   struct str *talk, int *status, struct error *err) {
    int64_t deadline = clock_ms() + child->timeout_ms;
    for (bool ended = false; !ended || r->out >= 0 || r->talk >= 0;) {
        struct pollfd fds[2] = {{.fd = r->out, .events = POLLIN},
                                {.fd = r->talk, .events = POLLIN}};
        poll(fds, 2, TICK_MS);
        if (r->out >= 0 && fds[0].revents != 0)
            take(&r->out, out, false);
        if (r->talk >= 0 && fds[1].revents != 0)
            take(&r->talk, talk, true);
        if (!ended && waitpid(r->pid, status, WNOHANG) == r->pid)
            ended = true;
        /* A grandchild may hold the pipes open: what the program itself said has been read. */
        if (ended && fds[0].revents == 0 && fds[1].revents == 0)
            break;
        if (child->tick != NULL && !child->tick(child->arg)) {
            error_set(err, ERR_CANCELLED, "stopped");
        } else if (out->failed) {
            error_set(err, ERR_FORMAT, "%s printed more than %d MiB", child->argv[0],
                      BENCH_CHILD_OUTPUT_BYTES_MAX >> 20);
        } else if (clock_ms() > deadline) {
            error_set(err, ERR_TIMEOUT, "%s was not done after %lld s; see --with-timeout",
                      child->argv[0], (long long)(child->timeout_ms / 1000));
        } else {
            continue;
        }
        kill(-r->pid, SIGKILL);
        if (!ended)
            waitpid(r->pid, status, 0);
        return false;
    }
    return true;
}

/* The last line of what it said on stderr, for the message. */
static struct span last_line(const struct str *talk) {
    size_t end = talk->len;
    while (end > 0 && (unsigned char)talk->data[end - 1] <= ' ')
        end--;
    size_t begin = end;
    while (begin > 0 && talk->data[begin - 1] != '\n')
        begin--;
    return (struct span){talk->data + begin, end - begin < 200 ? end - begin : 200};
}

static bool check_end(const char *program, int status, const struct str *talk, struct error *err) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    struct span said = talk->len > 0 ? last_line(talk) : (struct span){"", 0};
    const char *joint = said.len > 0 ? "; it said: " : "";
    if (WIFSIGNALED(status))
        return error_set(err, ERR_INTERNAL, "%s was ended by signal %d (%s)%s%.*s", program,
                         WTERMSIG(status), strsignal(WTERMSIG(status)), joint, (int)said.len,
                         said.data);
    return error_set(err, ERR_INTERNAL, "%s failed with exit code %d%s%.*s", program,
                     WEXITSTATUS(status), joint, (int)said.len, said.data);
}

bool bench_child_run(const struct bench_child *child, struct str *out, struct str *talk,
                     struct error *err) {
    struct running r = {.pid = -1, .out = -1, .talk = -1, .out_theirs = -1, .talk_theirs = -1};
    int status = 0;
    str_clear(out);
    str_clear(talk);
    out->len_max = BENCH_CHILD_OUTPUT_BYTES_MAX;
    bool ok = open_pipes(&r, err) && start(&r, child, err);
    close_end(&r.out_theirs);
    close_end(&r.talk_theirs);
    ok = ok && follow(&r, child, out, talk, &status, err) &&
         check_end(child->argv[0], status, talk, err);
    close_end(&r.out);
    close_end(&r.talk);
    return ok;
}
