/* Attacks in C, as a custom runtime's bootstrap, or waiting in a cell. See tests/security/test_attackers.py for the protocol. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *attack, *needle;

static void gained(const char *what) { printf("%s %s\n", attack, what); }

static void read_path(const char *path) {
    int file = open(path, O_RDONLY | O_NONBLOCK);
    if (file >= 0) gained(path), close(file);
}

static void write_path(const char *path) {
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    if (file >= 0) gained(path), close(file);
}

static void signal_process(const char *pid) {
    if (kill(atoi(pid), 0) == 0) gained(pid);
}

/* A connection, or a datagram that nobody refuses. */
static int talks(int family, int kind, const void *address, socklen_t length) {
    int client = socket(family, kind | SOCK_NONBLOCK, 0), error = 0, was_reached = 0;
    if (client < 0) return 0;
    struct pollfd waiting = {client, kind == SOCK_STREAM ? POLLOUT : POLLIN, 0};
    if (connect(client, address, length) == 0 || errno == EINPROGRESS) {
        if (kind == SOCK_DGRAM && send(client, "?", 1, 0) < 0) error = errno;
        else {
            poll(&waiting, 1, 300);
            getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
        }
        was_reached = error == 0;
    }
    close(client);
    return was_reached;
}

static int reaches_address(int kind, char *where) {
    char *port = strrchr(where, '/');
    struct addrinfo *found, wanted = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = kind};
    *port = 0;
    int failed = getaddrinfo(where, port + 1, &wanted, &found);
    *port = '/';
    return !failed && talks(found->ai_family, kind, found->ai_addr, found->ai_addrlen);
}

static int reaches_unix(const char *name, int is_abstract) {
    struct sockaddr_un there = {.sun_family = AF_UNIX};
    strncpy(there.sun_path + is_abstract, name, sizeof there.sun_path - 2);
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + is_abstract + strlen(name);
    return talks(AF_UNIX, SOCK_STREAM, &there, length) || talks(AF_UNIX, SOCK_DGRAM, &there, length);
}

static void reach(const char *word) {
    char *where = strchr(word, '/') + 1;
    struct addrinfo *found;
    int was_reached = 0;
    if (!strncmp(word, "tcp/", 4)) was_reached = reaches_address(SOCK_STREAM, where);
    if (!strncmp(word, "udp/", 4)) was_reached = reaches_address(SOCK_DGRAM, where);
    if (!strncmp(word, "unix/", 5)) was_reached = reaches_unix(where, 0);
    if (!strncmp(word, "abstract/", 9)) was_reached = reaches_unix(where, 1);
    if (!strncmp(word, "name/", 5)) was_reached = getaddrinfo(where, "80", NULL, &found) == 0;
    if (was_reached) gained(word);
}

/* Every family but those of the own network, raw packets, and every netlink protocol but routes. */
static void sockets(void) {
    int kinds[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET};
    char name[64];
    for (int family = 1; family < 47; family++)
        for (int kind = 0; kind < 4; kind++)
            for (int protocol = 0; protocol < (family == AF_NETLINK ? 23 : 2); protocol++) {
                int is_ip = family == AF_INET || family == AF_INET6;
                if (family == AF_UNIX || (is_ip && kinds[kind] != SOCK_RAW) || (family == AF_NETLINK && !protocol)) continue;
                int made = socket(family, kinds[kind], protocol ? (family == AF_INET6 ? IPPROTO_ICMPV6 : protocol) : 0);
                snprintf(name, sizeof name, "%d/%d/%d", family, kinds[kind], protocol);
                if (made >= 0) gained(name), close(made);
            }
}

/* Is anybody let in from outside? A port that nobody has asked for is bound by listening. */
static void serve(void) {
    struct sockaddr_in here = {0};
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (listen(server, 5) || getsockname(server, (struct sockaddr *)&here, &(socklen_t){sizeof here})) return;
    char name[32];
    snprintf(name, sizeof name, "%d", ntohs(here.sin_port));
    gained(name);
    close(server);
}

/* Memory of another process, by each way there is. */
static void look_into(const char *pid) {
    char path[64], here[8];
    struct iovec ours = {here, 8}, theirs = {(void *)0x400000, 8};
    for (const char **name = (const char *[]){"mem", "environ", "maps", "root/etc", "cwd/.", "fd", NULL}; *name; name++) {
        snprintf(path, sizeof path, "/proc/%s/%s", pid, *name);
        read_path(path);
    }
    if (ptrace(PTRACE_SEIZE, atoi(pid), 0, 0) == 0) printf("look ptrace %s\n", pid);
    if (process_vm_readv(atoi(pid), &ours, 1, &theirs, 1, 0) >= 0 || (errno != EPERM && errno != ESRCH && errno != ENOSYS))
        printf("look process_vm_readv %s\n", pid);
}

/* Memory that somebody has shared, by its key. */
static void attach(const char *key) {
    int segment = shmget(strtol(key, NULL, 0), 0, 0);
    if (segment >= 0 && shmat(segment, NULL, SHM_RDONLY) != (void *)-1) gained(key);
}

static void search_file(const char *path) {
    static char text[1 << 20];
    int file = open(path, O_RDONLY | O_NONBLOCK);
    ssize_t size = file < 0 ? -1 : read(file, text, sizeof text);
    if (size > 0 && memmem(text, size, needle, strlen(needle))) gained(path);
    if (file >= 0) close(file);
}

static void search(const char *root) {
    const char *left_out[] = {"/usr", "/proc", "/sys", "/dev", NULL};
    for (const char **each = left_out; *each; each++)
        if (!strcmp(root, *each)) return;
    DIR *folder = opendir(root);
    if (!folder) return search_file(root);
    char path[4096];
    struct stat seen;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(path, sizeof path, "%s/%s", strcmp(root, "/") ? root : "", entry->d_name);
        if (lstat(path, &seen)) continue;
        if (S_ISDIR(seen.st_mode)) search(path);
        else if (S_ISREG(seen.st_mode)) search_file(path);
    }
    closedir(folder);
}

static void search_processes(void) {
    DIR *folder = opendir("/proc");
    char path[300];
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (!atoi(entry->d_name)) continue;
        for (const char **name = (const char *[]){"environ", "cmdline", NULL}; *name; name++) {
            snprintf(path, sizeof path, "/proc/%s/%s", entry->d_name, *name);
            search_file(path);
        }
        snprintf(path, sizeof path, "/proc/%s/mem", entry->d_name);
        if (atoi(entry->d_name) != getpid()) read_path(path);
    }
    if (folder) closedir(folder);
}

static void descriptors(void) {
    char name[8];
    for (int number = 3; number < 1024; number++)
        if (fcntl(number, F_GETFD) >= 0) snprintf(name, sizeof name, "%d", number), gained(name);
}

/* What was not refused, whatever became of it. */
static void call(const char *name, long result) {
    if (result > 2) close(result);
    if (result >= 0 || (errno != EPERM && errno != EACCES && errno != ENOSYS)) gained(name);
}

static void calls(void) {
    char zeros[128] = {0};
    call("mount", syscall(SYS_mount, "none", "/proc", "no such kind", 0, 0));
    call("unshare", syscall(SYS_unshare, 0x10000000));
    call("setns", syscall(SYS_setns, open("/proc/self/ns/net", O_RDONLY), 0));
    call("bpf", syscall(SYS_bpf, 5, zeros, 128));
    call("keyctl", syscall(SYS_keyctl, 9999));
    call("io_uring_setup", syscall(SYS_io_uring_setup, 1, zeros));
    call("userfaultfd", syscall(SYS_userfaultfd, 1));
    call("perf_event_open", syscall(SYS_perf_event_open, zeros, 0, -1, -1, 0));
    long child = syscall(SYS_clone3, zeros, 88);
    if (child == 0) _exit(0);
    call("clone3", child);
    call("pidfd_getfd", syscall(438, syscall(434, getppid(), 0), 0, 0));
#ifdef __x86_64__
    call("x32", syscall(0x40000000 + SYS_getpid));
#endif
}

/* A program that is nowhere may run; it is no freer than we are. */
static void nowhere(void) {
    static char image[1 << 20];
    int self = open("/proc/self/exe", O_RDONLY), file = memfd_create("program", 0);
    ssize_t size = read(self, image, sizeof image);
    char *argv[] = {"program", NULL}, *variables[] = {"ATTACKS=from-nowhere", NULL};
    fflush(stdout);
    if (file < 0 || size <= 0 || write(file, image, size) != size) return;
    pid_t child = fork();
    if (child == 0) _exit(fexecve(file, argv, variables));
    waitpid(child, NULL, 0);
    close(self), close(file);
}

static void each(char *words, void (*one)(const char *)) {
    char *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) one(word);
}

static void reverse(char *word) {
    for (char *end = word + strlen(word) - 1; word < end; word++, end--) {
        char kept = *word;
        *word = *end;
        *end = kept;
    }
}

static void try(char *line) {
    char *words = strchr(line, ' ');
    if (words) *words++ = 0;
    else words = "";
    attack = line;
    if (!strcmp(attack, "read")) each(words, read_path);
    else if (!strcmp(attack, "write")) each(words, write_path);
    else if (!strcmp(attack, "signal")) each(words, signal_process);
    else if (!strcmp(attack, "reach")) each(words, reach);
    else if (!strcmp(attack, "look")) each(words, look_into);
    else if (!strcmp(attack, "attach")) each(words, attach);
    else if (!strcmp(attack, "sockets")) sockets();
    else if (!strcmp(attack, "serve")) serve();
    else if (!strcmp(attack, "descriptors")) descriptors();
    else if (!strcmp(attack, "calls") || !strcmp(attack, "from-nowhere")) calls();
    else if (!strcmp(attack, "nowhere")) nowhere();
    else if (!strcmp(attack, "search")) {
        char *roots = strchr(words, ' ');
        *roots++ = 0;
        needle = strdup(words); /* where it was, it is looked for */
        reverse((char *)needle);
        each(roots, search);
        search_processes();
    } else printf("unknown %s\n", attack);
}

/* As a waiting cell: says that it waits, and takes what it is to try out of its assignment. */
static char *assigned(void) {
    static char given[1 << 18];
    size_t size = 0;
    write(3, ".", 1), close(3);
    for (ssize_t more; (more = read(0, given + size, sizeof given - 1 - size)) > 0;) size += more;
    if (!size) exit(0);
    char *attacks = strstr(given, "\"ATTACKS\": \"") + 12;
    *strchr(attacks, '"') = 0;
    for (char *end; (end = strstr(attacks, "\\n"));) end[0] = '\n', memmove(end + 1, end + 2, strlen(end + 2) + 1);
    return attacks;
}

int main(void) {
    char *attacks = getenv("WAKEFUL_CELL") ? assigned() : getenv("ATTACKS"), *rest = NULL;
    for (char *line = strtok_r(attacks, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) try(line);
    if (strcmp(attack, "from-nowhere")) puts("done");
    return 0;
}
