/* Stands between programs and the C library: writes down what changes a folder, or lets a disk fail.

   DISK_FOLDER   the folder, as realpath(3) spells it; what happens elsewhere is left alone
   DISK_STATE    a file of one `struct state`, shared by all processes
   DISK_JOURNAL  receives a record a change (see journal.py); none: nothing is written down
   DISK_ERROR    an errno: changes fail with it, from the DISK_AFTER-th byte written or, with DISK_COUNTS=changes, change
   DISK_CLOCK    seconds by which the clock jumps there instead

   Programs that make system calls themselves, or write with stdio, are not seen; a replay without loss, beside the
   folder itself, shows that there are none. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct state {
    volatile int lock;
    volatile int failed;
    volatile uint64_t bytes, changes;
};

struct record {
    uint32_t kind, first, second, data; /* a letter, and the lengths of what follows: two paths, content */
    uint64_t inode, offset, nanoseconds;
};

static struct state *state;
static const char *folder;
static size_t folder_length;
static int journal = -1, failure, counts_changes;
static uint64_t after;
static long jump;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("DISK_FOLDER"), *path = getenv("DISK_STATE");
    if (!text || !path) return;
    int handle = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (handle < 0) return;
    void *shared = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
    syscall(SYS_close, handle);
    if (shared == MAP_FAILED) return;
    folder = text;
    folder_length = strlen(text);
    if ((path = getenv("DISK_JOURNAL"))) {
        int low = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
        /* Far from the numbers that programs close or replace. */
        journal = fcntl(low, F_DUPFD_CLOEXEC, 900);
        syscall(SYS_close, low);
    }
    if ((text = getenv("DISK_ERROR"))) failure = atoi(text);
    if ((text = getenv("DISK_CLOCK"))) jump = atol(text);
    if ((text = getenv("DISK_AFTER"))) after = strtoull(text, NULL, 10);
    counts_changes = (text = getenv("DISK_COUNTS")) && !strcmp(text, "changes");
    state = shared;
}

/* Who was killed with the lock in hand does not stop the others. */
static void enter(void) {
    int own = syscall(SYS_getpid), tries = 0, holder;
    while ((holder = __sync_val_compare_and_swap(&state->lock, 0, own))) {
        usleep(20);
        if (++tries % 1000 == 0 && kill(holder, 0) && errno == ESRCH)
            __sync_bool_compare_and_swap(&state->lock, holder, 0);
    }
}

static void leave(void) { __sync_lock_release(&state->lock); }

static int inside(const char *path) {
    return !strncmp(path, folder, folder_length) && (path[folder_length] == '/' || !path[folder_length]);
}

/* The path as text from the root; 0 where it is not below the folder. */
static int locate(int at, const char *path, char *whole) {
    char link[64];
    ssize_t length = 0;
    if (!state || !path) return 0;
    if (path[0] != '/') {
        if (at == AT_FDCWD) {
            if (syscall(SYS_getcwd, whole, PATH_MAX) < 0) return 0;
            length = strlen(whole);
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", at);
            if ((length = syscall(SYS_readlinkat, AT_FDCWD, link, whole, PATH_MAX - 1)) < 0) return 0;
        }
        whole[length++] = '/';
    }
    if (length + strlen(path) >= PATH_MAX) return 0;
    strcpy(whole + length, path);
    return inside(whole);
}

static int holds(int handle, struct stat *status) {
    char link[64], whole[PATH_MAX];
    if (!state || fstat(handle, status) || !(S_ISREG(status->st_mode) || S_ISDIR(status->st_mode))) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, whole, PATH_MAX - 1);
    if (length < 0) return 0;
    whole[length] = 0;
    return inside(whole);
}

static uint64_t now(void) {
    struct timespec time;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

/* Write a record; the lock is held, so that the records of all processes are in the order of what they tell. */
static void tell(char kind, uint64_t inode, uint64_t offset, const char *first, const char *second,
                 const struct iovec *parts, int count, size_t size) {
    if (journal < 0) return;
    struct record head = {kind, first ? strlen(first) : 0, second ? strlen(second) : 0, size, inode, offset, now()};
    struct iovec head_parts[3] = {{&head, sizeof head}, {(void *)first, head.first}, {(void *)second, head.second}};
    syscall(SYS_writev, journal, head_parts, 3);
    for (int i = 0; i < count && size; i++) {
        size_t length = parts[i].iov_len < size ? parts[i].iov_len : size;
        for (size_t done = 0; done < length;) {
            ssize_t written = syscall(SYS_write, journal, (char *)parts[i].iov_base + done, length - done);
            if (written < 0) abort();
            done += written;
        }
        size -= length;
    }
}

/* Count a change; return whether the disk refuses it. Once it has failed it goes on failing. */
static int refused(uint64_t bytes) {
    state->bytes += bytes;
    state->changes++;
    if (!failure && !jump) return 0;
    /* A full disk still removes and renames, and makes empty files. */
    int affected = counts_changes || bytes;
    if (affected && (counts_changes ? state->changes : state->bytes) > after) state->failed = 1;
    if (!failure || !state->failed || !affected) return 0;
    errno = failure;
    return 1;
}

static int flags_change(int flags) { return flags & (O_CREAT | O_TRUNC) || (flags & O_ACCMODE) != O_RDONLY; }

static int open_at(int at, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    struct stat status;
    if ((flags & O_TMPFILE) == O_TMPFILE || !flags_change(flags) || !locate(at, path, whole))
        return syscall(SYS_openat, at, path, flags, mode);
    enter();
    int there = !syscall(SYS_newfstatat, at, path, &status, 0), handle = -1;
    int made = !there && flags & O_CREAT, emptied = there && flags & O_TRUNC && status.st_size;
    if (counts_changes || made || emptied ? !refused(0) : 1)
        if ((handle = syscall(SYS_openat, at, path, flags, mode)) >= 0 && (made || emptied)) {
            fstat(handle, &status);
            tell(made ? 'C' : 'T', status.st_ino, 0, whole, NULL, NULL, 0, 0);
        }
    int kept = errno;
    leave();
    errno = kept;
    return handle;
}

#define MODE(mode) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list list; \
        va_start(list, flags); \
        mode = va_arg(list, mode_t); \
        va_end(list); \
    }

int open(const char *path, int flags, ...) { MODE(mode) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(mode) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(mode) return open_at(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(mode) return open_at(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

static ssize_t write_parts(int handle, const struct iovec *parts, int count, off_t offset) {
    struct stat status;
    size_t size = 0;
    if (!holds(handle, &status))
        return offset < 0 ? syscall(SYS_writev, handle, parts, count)
                          : syscall(SYS_pwritev, handle, parts, count, offset, 0);
    for (int i = 0; i < count; i++) size += parts[i].iov_len;
    enter();
    ssize_t written = -1;
    if (!size || !refused(size)) {
        written = offset < 0 ? syscall(SYS_writev, handle, parts, count)
                             : syscall(SYS_pwritev, handle, parts, count, offset, 0);
        if (written > 0) {
            off_t start = offset < 0 ? syscall(SYS_lseek, handle, 0, SEEK_CUR) - written : offset;
            tell('W', status.st_ino, start, NULL, NULL, parts, count, written);
        }
    }
    int kept = errno;
    leave();
    errno = kept;
    return written;
}

ssize_t write(int handle, const void *data, size_t size) {
    struct iovec part = {(void *)data, size};
    return state ? write_parts(handle, &part, 1, -1) : syscall(SYS_write, handle, data, size);
}
ssize_t writev(int handle, const struct iovec *parts, int count) {
    return state ? write_parts(handle, parts, count, -1) : syscall(SYS_writev, handle, parts, count);
}
ssize_t pwrite(int handle, const void *data, size_t size, off_t offset) {
    struct iovec part = {(void *)data, size};
    return state ? write_parts(handle, &part, 1, offset) : syscall(SYS_pwrite64, handle, data, size, offset);
}
ssize_t pwrite64(int handle, const void *data, size_t size, off64_t offset) {
    return pwrite(handle, data, size, offset);
}

/* Copies within the kernel: refused, so that programs copy by writing, as they must be able to. */
ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
    struct stat status;
    if (holds(to, &status)) return errno = EINVAL, -1;
    return syscall(SYS_sendfile, to, from, offset, size);
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t size) { return sendfile(to, from, offset, size); }
ssize_t copy_file_range(int from, off64_t *start, int to, off64_t *offset, size_t size, unsigned flags) {
    struct stat status;
    if (holds(to, &status)) return errno = EXDEV, -1;
    return syscall(SYS_copy_file_range, from, start, to, offset, size, flags);
}

int ftruncate(int handle, off_t size) {
    struct stat status;
    if (!holds(handle, &status)) return syscall(SYS_ftruncate, handle, size);
    enter();
    int result = refused(0) ? -1 : syscall(SYS_ftruncate, handle, size);
    if (!result) tell('T', status.st_ino, size, NULL, NULL, NULL, 0, 0);
    int kept = errno;
    leave();
    errno = kept;
    return result;
}
int ftruncate64(int handle, off64_t size) { return ftruncate(handle, size); }

/* Flushes are written down and not made: nothing is lost here but in the replay. */
static int flush(int handle) {
    struct stat status;
    char link[64], whole[PATH_MAX];
    if (!holds(handle, &status)) return syscall(SYS_fsync, handle);
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, whole, PATH_MAX - 1);
    whole[length < 0 ? 0 : length] = 0;
    enter();
    tell(S_ISDIR(status.st_mode) ? 'D' : 'F', status.st_ino, 0, whole, NULL, NULL, 0, 0);
    leave();
    return 0;
}
int fsync(int handle) { return flush(handle); }
int fdatasync(int handle) { return flush(handle); }

/* A change of names: `call` makes it, the record tells it. */
#define CHANGE(kind, inode, first, second, call) \
    do { \
        enter(); \
        uint64_t number = inode; \
        int result = refused(0) ? -1 : (int)(call); \
        if (!result) tell(kind, number, 0, first, second, NULL, 0, 0); \
        int kept = errno; \
        leave(); \
        errno = kept; \
        return result; \
    } while (0)

static uint64_t inode_of(int at, const char *path) {
    struct stat status;
    return syscall(SYS_newfstatat, at, path, &status, AT_SYMLINK_NOFOLLOW) ? 0 : status.st_ino;
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    char old[PATH_MAX], new[PATH_MAX];
    if (!locate(from_at, from, old) | !locate(to_at, to, new))
        return syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    CHANGE('R', inode_of(from_at, from), old, new, syscall(SYS_renameat2, from_at, from, to_at, to, flags));
}
int renameat(int from_at, const char *from, int to_at, const char *to) {
    return renameat2(from_at, from, to_at, to, 0);
}
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int at, const char *path, int flags) {
    char whole[PATH_MAX];
    if (!locate(at, path, whole)) return syscall(SYS_unlinkat, at, path, flags);
    CHANGE('U', inode_of(at, path), whole, NULL, syscall(SYS_unlinkat, at, path, flags));
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    struct stat status;
    int folder_there = !lstat(path, &status) && S_ISDIR(status.st_mode);
    return unlinkat(AT_FDCWD, path, folder_there ? AT_REMOVEDIR : 0);
}

int mkdirat(int at, const char *path, mode_t mode) {
    char whole[PATH_MAX];
    if (!locate(at, path, whole)) return syscall(SYS_mkdirat, at, path, mode);
    CHANGE('M', 0, whole, NULL, syscall(SYS_mkdirat, at, path, mode));
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int symlinkat(const char *target, int at, const char *path) {
    char whole[PATH_MAX];
    if (!locate(at, path, whole)) return syscall(SYS_symlinkat, target, at, path);
    CHANGE('S', 0, whole, target, syscall(SYS_symlinkat, target, at, path));
}
int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }

int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    char old[PATH_MAX], new[PATH_MAX];
    if (!locate(from_at, from, old) | !locate(to_at, to, new))
        return syscall(SYS_linkat, from_at, from, to_at, to, flags);
    CHANGE('L', inode_of(from_at, from), old, new, syscall(SYS_linkat, from_at, from, to_at, to, flags));
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

/* A file's time, after what has just set it. */
static int date(int at, const char *path, int flags, const struct timespec times[2]) {
    char whole[PATH_MAX];
    struct stat status;
    int known = path ? locate(at, path, whole) : holds(at, &status);
    if (!known) return syscall(SYS_utimensat, at, path, times, flags);
    enter();
    int result = refused(0) ? -1 : syscall(SYS_utimensat, at, path, times, flags);
    if (!result && !(path ? syscall(SYS_newfstatat, at, path, &status, flags) : fstat(at, &status)))
        tell('t', status.st_ino, status.st_mtim.tv_sec * 1000000000ull + status.st_mtim.tv_nsec,
             path ? whole : NULL, NULL, NULL, 0, 0);
    int kept = errno;
    leave();
    errno = kept;
    return result;
}
int utimensat(int at, const char *path, const struct timespec times[2], int flags) {
    return date(at, path, flags, times);
}
int futimens(int handle, const struct timespec times[2]) { return date(handle, NULL, 0, times); }

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, clock, time);
    if (!result && jump && state && state->failed && clock == CLOCK_REALTIME) time->tv_sec += jump;
    return result;
}
int gettimeofday(struct timeval *time, void *zone) {
    struct timespec exact;
    (void)zone;
    int result = clock_gettime(CLOCK_REALTIME, &exact);
    time->tv_sec = exact.tv_sec;
    time->tv_usec = exact.tv_nsec / 1000;
    return result;
}
time_t time(time_t *kept) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (kept) *kept = exact.tv_sec;
    return exact.tv_sec;
}
