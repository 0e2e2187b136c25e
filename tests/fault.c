/* fault.c - the wrapped calls; see fault.h. */
#include "fault.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool armed, happened;
static enum fault_kind armed_kind;
static long calls_left;
static size_t piece_bytes;
static unsigned piece_calls;

void fault_at(enum fault_kind kind, long calls_before) {
    armed = true;
    happened = false;
    armed_kind = kind;
    calls_left = calls_before;
}

bool fault_off(void) {
    armed = false;
    return happened;
}

void fault_pieces(size_t bytes) {
    piece_bytes = bytes;
    piece_calls = 0;
}

static fault_observer *observer;
static void *observer_arg;

void fault_observe(fault_observer *fn, void *arg) {
    observer = fn;
    observer_arg = arg;
}

static void tell(struct fault_call call) {
    if (observer) observer(observer_arg, &call);
}

static bool fails(enum fault_kind kind) {
    if (!armed || kind != armed_kind || calls_left-- != 0) return false;
    happened = true;
    errno = kind == FAULT_MEMORY ? ENOMEM : EIO;
    return true;
}

static bool interrupted(void) {
    if (piece_bytes == 0 || piece_calls++ % 2 == 0) return false;
    errno = EINTR;
    return true;
}

/* The names are the linker's: __real_x is the function that __wrap_x stands in for. */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *p, size_t bytes);
int __real_open(const char *path, int flags, ...);
ssize_t __real_read(int fd, void *data, size_t bytes);
ssize_t __real_write(int fd, const void *data, size_t bytes);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __real_mkdir(const char *path, mode_t mode);
int __real_fstat(int fd, struct stat *st);
void *__real_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *p, size_t bytes);
int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_read(int fd, void *data, size_t bytes);
ssize_t __wrap_write(int fd, const void *data, size_t bytes);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_fstat(int fd, struct stat *st);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);

/* What open, fstat and mmap are called with _FILE_OFFSET_BITS=64; the same on 64-bit Linux. */
int __wrap_open64(const char *path, int flags, ...) __attribute__((alias("__wrap_open")));
int __wrap_fstat64(int fd, struct stat *st) __attribute__((alias("__wrap_fstat")));
void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
    __attribute__((alias("__wrap_mmap")));

void *__wrap_malloc(size_t bytes) {
    return fails(FAULT_MEMORY) ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes) {
    return fails(FAULT_MEMORY) ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *p, size_t bytes) {
    return fails(FAULT_MEMORY) ? NULL : __real_realloc(p, bytes);
}

int __wrap_open(const char *path, int flags, ...) {
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    if (fails(FAULT_IO)) return -1;
    int fd = __real_open(path, flags, mode);
    if (fd >= 0 && (flags & O_CREAT))
        tell((struct fault_call){.op = FAULT_OP_CREATE, .fd = fd, .path = path});
    return fd;
}

static size_t piece(size_t bytes) {
    return piece_bytes != 0 && bytes > piece_bytes ? piece_bytes : bytes;
}

ssize_t __wrap_read(int fd, void *data, size_t bytes) {
    return fails(FAULT_IO) || interrupted() ? -1 : __real_read(fd, data, piece(bytes));
}

ssize_t __wrap_write(int fd, const void *data, size_t bytes) {
    if (fails(FAULT_IO) || interrupted()) return -1;
    ssize_t done = __real_write(fd, data, piece(bytes));
    if (done > 0)
        tell((struct fault_call){.op = FAULT_OP_WRITE, .fd = fd, .data = data,
                                 .bytes = (size_t)done});
    return done;
}

int __wrap_fsync(int fd) {
    int rc = fails(FAULT_IO) ? -1 : __real_fsync(fd);
    if (rc == 0) tell((struct fault_call){.op = FAULT_OP_SYNC, .fd = fd});
    return rc;
}

int __wrap_rename(const char *from, const char *to) {
    int rc = fails(FAULT_IO) ? -1 : __real_rename(from, to);
    if (rc == 0) tell((struct fault_call){.op = FAULT_OP_RENAME, .path = from, .to = to});
    return rc;
}

int __wrap_mkdir(const char *path, mode_t mode) {
    return fails(FAULT_IO) ? -1 : __real_mkdir(path, mode);
}

int __wrap_fstat(int fd, struct stat *st) {
    return fails(FAULT_IO) ? -1 : __real_fstat(fd, st);
}

void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset) {
    if (fails(FAULT_IO)) return MAP_FAILED;
    return __real_mmap(at, bytes, protection, flags, fd, offset);
}
