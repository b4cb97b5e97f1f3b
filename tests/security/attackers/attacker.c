/* Attacks in C, as a custom runtime's bootstrap. See tests/security/test_attackers.py for the protocol. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void read_path(const char *path) {
    int file = open(path, O_RDONLY | O_NONBLOCK);
    if (file >= 0) puts(path);
}

static void write_path(const char *path) {
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    if (file >= 0) puts(path);
}

static void signal_process(const char *pid) {
    if (kill(atoi(pid), 0) == 0) puts(pid);
}

static void connect_to(const char *port) {
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_STREAM, 0);
    if (client >= 0 && connect(client, (struct sockaddr *)&there, sizeof there) == 0) puts(port);
}

/* Memory of another process, by each way there is. */
static void look_into(const char *pid) {
    char path[64], here[8];
    struct iovec ours = {here, 8}, theirs = {(void *)0x400000, 8};
    snprintf(path, sizeof path, "/proc/%s/mem", pid);
    read_path(path);
    snprintf(path, sizeof path, "/proc/%s/environ", pid);
    read_path(path);
    if (ptrace(PTRACE_SEIZE, atoi(pid), 0, 0) == 0) printf("ptrace %s\n", pid);
    if (process_vm_readv(atoi(pid), &ours, 1, &theirs, 1, 0) >= 0 || (errno != EPERM && errno != ESRCH && errno != ENOSYS))
        printf("process_vm_readv %s\n", pid);
}

static void descriptors(void) {
    for (int number = 3; number < 1024; number++)
        if (fcntl(number, F_GETFD) >= 0) printf("descriptor %d\n", number);
}

/* What was not refused, whatever became of it. */
static void call(const char *name, long result) {
    if (result >= 0 || (errno != EPERM && errno != EACCES && errno != ENOSYS)) puts(name);
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
    call("clone3", syscall(SYS_clone3, zeros, 88));
#ifdef __x86_64__
    call("x32", syscall(0x40000000 + SYS_getpid));
#endif
}

/* A program that is nowhere may run; it is no freer than we are. */
static void nowhere(void) {
    static char image[1 << 20];
    int self = open("/proc/self/exe", O_RDONLY), file = memfd_create("program", 0);
    ssize_t size = read(self, image, sizeof image);
    char *argv[] = {"program", NULL}, *variables[] = {"ATTACK=calls", NULL};
    if (file >= 0 && size > 0 && write(file, image, size) == size) fexecve(file, argv, variables);
}

static void each(char *words, void (*attack)(const char *)) {
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) attack(word);
}

int main(void) {
    char *attack = getenv("ATTACK"), *words = getenv("WORDS");
    if (!strcmp(attack, "read")) each(words, read_path);
    else if (!strcmp(attack, "write")) each(words, write_path);
    else if (!strcmp(attack, "signal")) each(words, signal_process);
    else if (!strcmp(attack, "connect")) each(words, connect_to);
    else if (!strcmp(attack, "look")) each(words, look_into);
    else if (!strcmp(attack, "descriptors")) descriptors();
    else if (!strcmp(attack, "calls")) calls();
    else if (!strcmp(attack, "nowhere")) nowhere();
    else return 3;
    return 0;
}
