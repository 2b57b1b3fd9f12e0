/*
 * Memory that fails at the tests' will (SealKM::Scarce): preloaded into nginx.
 *
 * The file $SEAL_KM_MEMORY is shared with the test: memory_control_t.  Beside it
 * are written, with these endings,
 *
 *     .trace      where the last failure was: a stack
 *     .crash      where nginx has crashed
 *     .results    a line for each child of MEMORY_EACH: "N STATUS", and what it
 *                 has told on its standard error in .N, if STATUS is not wanted
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>


#define MEMORY_OFF     0
#define MEMORY_NTH     1      /* the allocation that "left" counts down to */
#define MEMORY_EACH    2      /* each, in a child that ends when it is told */

#define MEMORY_DEPTH     48
#define MEMORY_PATIENCE  5    /* seconds for a child */

/* how a child ends that is not ended by nginx itself */
#define MEMORY_WAITS   100    /* it waits for signals again, as before */
#define MEMORY_LEAKS   101    /* it does, and has more memory than before */
#define MEMORY_STARTS  102    /* it starts a process: nothing has failed for it */


typedef struct {
    int64_t  mode;
    int64_t  left;
    int64_t  failed;          /* how many have failed */
    int64_t  live;            /* blocks that are allocated */
    int64_t  pid;             /* of the one process that this is about, or 0 */
    int64_t  step;            /* MEMORY_EACH: every so manieth only */
    int64_t  wanted;          /* MEMORY_EACH: a status that needs no telling */
    int64_t  tried;           /* MEMORY_EACH: children so far */
    int64_t  epoch;           /* MEMORY_EACH, no pid: of what starts in this one */
    int64_t  openssl;         /* MEMORY_EACH: OpenSSL's too, when it works for us */
    int64_t  slabs;           /* how many have failed of shared memory */
} memory_control_t;


static char                        memory_path[2000];
static memory_control_t            memory_none;
static volatile memory_control_t  *memory_control = &memory_none;
static int                         memory_busy;
static int                         memory_child;
static int64_t                     memory_nth;      /* a child's own allocation */
static int64_t                     memory_again;    /* till it fails once more */
static int64_t                     memory_epoch;
static int64_t                     memory_before;
static uintptr_t                   memory_module[2];
static uintptr_t                   memory_openssl[2];


static int
memory_file(const char *ending, int flags)
{
    char  path[2048];

    (void) snprintf(path, sizeof(path), "%s.%s", memory_path, ending);

    return open(path, O_WRONLY|O_CREAT|flags, 0666);
}


static void
memory_trace(const char *ending)
{
    int    fd, n;
    void  *stack[MEMORY_DEPTH];

    fd = memory_file(ending, O_TRUNC);
    if (fd == -1) {
        return;
    }

    n = backtrace(stack, MEMORY_DEPTH);
    backtrace_symbols_fd(stack, n, fd);

    (void) close(fd);
}


static void
memory_crashed(int signo)
{
    memory_trace("crash");

    (void) signal(signo, SIG_DFL);
    (void) raise(signo);
}


/* nginx clears its environment later; and backtrace() allocates at first */

static void __attribute__((constructor))
memory_init(void)
{
    int          fd;
    void        *p, *stack[1];
    const char  *path;

    path = getenv("SEAL_KM_MEMORY");
    if (path == NULL) {
        return;
    }

    (void) snprintf(memory_path, sizeof(memory_path), "%s", path);
    (void) backtrace(stack, 1);

    fd = open(path, O_RDWR);
    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(memory_control_t), PROT_READ|PROT_WRITE, MAP_SHARED,
             fd, 0);
    (void) close(fd);

    if (p != MAP_FAILED) {
        memory_control = p;
        memory_epoch = memory_control->epoch;
    }

    (void) signal(SIGSEGV, memory_crashed);
    (void) signal(SIGBUS, memory_crashed);
    (void) signal(SIGABRT, memory_crashed);
}


static void
memory_range(struct dl_phdr_info *info, uintptr_t *range)
{
    int        i;
    uintptr_t  end;

    range[0] = info->dlpi_addr;

    for (i = 0; i < info->dlpi_phnum; i++) {
        end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr
              + info->dlpi_phdr[i].p_memsz;

        if (info->dlpi_phdr[i].p_type == PT_LOAD && end > range[1]) {
            range[1] = end;
        }
    }
}


static int
memory_find(struct dl_phdr_info *info, size_t size, void *data)
{
    (void) size;
    (void) data;

    if (strstr(info->dlpi_name, "ngx_http_seal_km_module") != NULL) {
        memory_range(info, memory_module);

    } else if (strstr(info->dlpi_name, "libcrypto.so") != NULL) {
        memory_range(info, memory_openssl);
    }

    return 0;
}


static int
memory_is_in(void *address, const uintptr_t *range)
{
    return (uintptr_t) address >= range[0] && (uintptr_t) address < range[1];
}


/* OPENSSL_malloc(), which newer OpenSSL does not leave by a jump */

static int
memory_is_openssl_malloc(void *address)
{
    Dl_info  info;

    return dladdr(address, &info) != 0
           && info.dli_sname != NULL
           && strcmp(info.dli_sname, "CRYPTO_malloc") == 0;
}


/* 1 if it is the module that wants memory, or whoever works for it */

static int
memory_is_ours(void)
{
    int    i, n;
    void  *stack[MEMORY_DEPTH];

    /* it may be another one after a reload */
    memset(memory_module, 0, sizeof(memory_module));
    memset(memory_openssl, 0, sizeof(memory_openssl));
    (void) dl_iterate_phdr(memory_find, NULL);

    n = backtrace(stack, MEMORY_DEPTH);

    for (i = 0; i < n; i++) {
        if (memory_is_in(stack[i], memory_module)) {
            return 1;
        }

        if (memory_is_in(stack[i], memory_openssl)
            && !memory_control->openssl
            && !memory_is_openssl_malloc(stack[i]))
        {
            return 0;
        }
    }

    return 0;
}


/* what a child says is kept only where its end is not the one that is wanted */

static void
memory_note(int64_t n, int status)
{
    int   fd, code;
    char  line[64], ending[32], path[2048];

    code = WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);

    if (code == memory_control->wanted) {
        (void) snprintf(path, sizeof(path), "%s.%d", memory_path, (int) n);
        (void) unlink(path);
        return;
    }

    (void) snprintf(ending, sizeof(ending), "results");

    fd = memory_file(ending, O_APPEND);
    if (fd != -1) {
        (void) snprintf(line, sizeof(line), "%d %d\n", (int) n, code);
        (void) !write(fd, line, strlen(line));
        (void) close(fd);
    }
}


extern pid_t __fork(void);


/* 1 in a child for which this allocation fails; its parent goes on after it */

static int
memory_try(void)
{
    int      fd, status, n;
    char     ending[32];
    void    *stack[MEMORY_DEPTH];
    pid_t    pid;
    int64_t  nth;

    if (!memory_is_ours()) {
        return 0;
    }

    memory_nth = ++memory_control->left;

    if ((memory_nth - 1) % memory_control->step != 0) {
        return 0;
    }

    nth = ++memory_control->tried;

    pid = __fork();

    if (pid == -1) {
        return 0;
    }

    if (pid > 0) {
        while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
            /* again */
        }

        memory_note(nth, status);
        return 0;
    }

    memory_child = 1;

    /* it may hang, and not be noticed as one that does */
    (void) signal(SIGALRM, SIG_DFL);
    (void) alarm(MEMORY_PATIENCE);

    (void) snprintf(ending, sizeof(ending), "%d", (int) nth);
    fd = memory_file(ending, O_TRUNC);
    (void) dup2(fd, STDERR_FILENO);
    (void) close(fd);

    n = backtrace(stack, MEMORY_DEPTH);
    backtrace_symbols_fd(stack, n, STDERR_FILENO);

    return 1;
}


/* of a child that does it all over again: the same allocation */

static int
memory_fails_again(void)
{
    int  fails;

    if (memory_again == 0 || memory_busy) {
        return 0;
    }

    memory_busy = 1;
    fails = (memory_is_ours() && --memory_again == 0);
    memory_busy = 0;

    return fails;
}


static int
memory_fails(void)
{
    int  fails;

    if (memory_child) {
        return memory_fails_again();
    }

    if (memory_control->mode == MEMORY_OFF || memory_busy
        || (memory_control->pid ? memory_control->pid != getpid()
                                : memory_control->epoch != memory_epoch))
    {
        return 0;
    }

    memory_busy = 1;
    fails = 0;

    if (memory_control->mode == MEMORY_EACH) {

        if (memory_control->tried == 0) {
            memory_before = memory_control->live;
        }

        fails = memory_try();

    } else if (memory_control->left > 0 && --memory_control->left == 0) {
        memory_control->failed++;
        memory_trace("trace");
        fails = 1;
    }

    memory_busy = 0;

    if (fails) {
        errno = ENOMEM;
    }

    return fails;
}


/* a child has blocks of its own, of which the page must not tell */

static void
memory_count(int n)
{
    if (memory_child) {
        memory_before -= n;

    } else if (memory_control->pid == 0 || memory_control->pid == getpid()) {
        memory_control->live += n;
    }
}


/* glibc's own names: dlsym() would allocate */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *p);

void *
malloc(size_t size)
{
    void  *p;

    p = memory_fails() ? NULL : __libc_malloc(size);
    memory_count(p != NULL);

    return p;
}


void *
calloc(size_t n, size_t size)
{
    void  *p;

    p = memory_fails() ? NULL : __libc_calloc(n, size);
    memory_count(p != NULL);

    return p;
}


void *
realloc(void *p, size_t size)
{
    void  *new;

    new = memory_fails() ? NULL : __libc_realloc(p, size);

    if (p == NULL) {
        memory_count(new != NULL);

    } else if (size == 0 && new == NULL) {
        memory_count(-1);
    }

    return new;
}


int
posix_memalign(void **p, size_t alignment, size_t size)
{
    void  *new;

    new = memory_fails() ? NULL : __libc_memalign(alignment, size);
    memory_count(new != NULL);

    if (new == NULL) {
        return ENOMEM;
    }

    *p = new;

    return 0;
}


void
free(void *p)
{
    memory_count(-(p != NULL));
    __libc_free(p);
}


/*
 * Shared memory, of nginx's slab.  A function of the program's own is found before
 * one that is preloaded: it is put into the module's table in its place, as soon as
 * the module is loaded.
 */

typedef void *(*memory_slab_pt)(void *pool, size_t size);

static memory_slab_pt  memory_slab_alloc;
static memory_slab_pt  memory_slab_calloc;
static memory_slab_pt  memory_slab_alloc_locked;
static memory_slab_pt  memory_slab_calloc_locked;


static void *
memory_slab(memory_slab_pt real, void *pool, size_t size)
{
    if (memory_fails()) {
        memory_control->slabs++;
        return NULL;
    }

    return real(pool, size);
}


static void *
memory_alloc(void *pool, size_t size)
{
    return memory_slab(memory_slab_alloc, pool, size);
}


static void *
memory_calloc(void *pool, size_t size)
{
    return memory_slab(memory_slab_calloc, pool, size);
}


static void *
memory_alloc_locked(void *pool, size_t size)
{
    return memory_slab(memory_slab_alloc_locked, pool, size);
}


static void *
memory_calloc_locked(void *pool, size_t size)
{
    return memory_slab(memory_slab_calloc_locked, pool, size);
}


static const struct {
    const char      *name;
    memory_slab_pt   ours;
    memory_slab_pt  *real;
} memory_slabs[] = {
    { "ngx_slab_alloc", memory_alloc, &memory_slab_alloc },
    { "ngx_slab_calloc", memory_calloc, &memory_slab_calloc },
    { "ngx_slab_alloc_locked", memory_alloc_locked, &memory_slab_alloc_locked },
    { "ngx_slab_calloc_locked", memory_calloc_locked,
      &memory_slab_calloc_locked }
};


static void
memory_replace(const char *name, void **place)
{
    size_t  i, page;

    page = (size_t) sysconf(_SC_PAGESIZE);

    for (i = 0; i < sizeof(memory_slabs) / sizeof(memory_slabs[0]); i++) {
        if (strcmp(memory_slabs[i].name, name) != 0) {
            continue;
        }

        *memory_slabs[i].real = (memory_slab_pt) dlsym(RTLD_DEFAULT, name);

        if (*memory_slabs[i].real != NULL
            && mprotect((void *) ((uintptr_t) place & ~(page - 1)), page,
                        PROT_READ|PROT_WRITE)
               == 0)
        {
            *place = (void *) memory_slabs[i].ours;
        }
    }
}


/* the functions of others that a library calls, as its dynamic section has them */

static void
memory_replace_all(struct link_map *map)
{
    size_t             i, n, size[2] = { 0, 0 };
    ElfW(Dyn)         *dyn;
    const char        *names = "";
    const ElfW(Sym)   *symbols = NULL;
    const ElfW(Rela)  *table[2] = { NULL, NULL };

    for (dyn = map->l_ld; dyn->d_tag != DT_NULL; dyn++) {
        switch (dyn->d_tag) {

        case DT_STRTAB:
            names = (const char *) dyn->d_un.d_ptr;
            break;

        case DT_SYMTAB:
            symbols = (const ElfW(Sym) *) dyn->d_un.d_ptr;
            break;

        case DT_JMPREL:
            table[0] = (const ElfW(Rela) *) dyn->d_un.d_ptr;
            break;

        case DT_PLTRELSZ:
            size[0] = dyn->d_un.d_val;
            break;

        case DT_RELA:
            table[1] = (const ElfW(Rela) *) dyn->d_un.d_ptr;
            break;

        case DT_RELASZ:
            size[1] = dyn->d_un.d_val;
            break;

        default:
            break;
        }
    }

    for (n = 0; symbols != NULL && n < 2; n++) {
        for (i = 0; table[n] && i < size[n] / sizeof(ElfW(Rela)); i++) {
            memory_replace(names
                           + symbols[ELF64_R_SYM(table[n][i].r_info)].st_name,
                           (void **) (map->l_addr + table[n][i].r_offset));
        }
    }
}


void *
dlopen(const char *path, int flags)
{
    void             *library;
    struct link_map  *map;

    static void  *(*real)(const char *path, int flags);

    memory_busy = 1;

    if (real == NULL) {
        real = (void *(*)(const char *, int)) dlsym(RTLD_NEXT, "dlopen");
    }

    memory_busy = 0;

    library = real(path, flags);

    if (library != NULL && path != NULL
        && strstr(path, "ngx_http_seal_km_module") != NULL
        && dlinfo(library, RTLD_DI_LINKMAP, &map) == 0)
    {
        memory_replace_all(map);
    }

    return library;
}


/* The end of a child in a master process: it waits for signals, or goes on to
   workers.  So is that of its parent, which has tried all. */

extern int __sigsuspend(const sigset_t *mask);


int
sigsuspend(const sigset_t *mask)
{
    static int  repeated;

    if (memory_child) {
        if (memory_control->live <= memory_before) {
            _exit(MEMORY_WAITS);
        }

        if (repeated++) {
            _exit(MEMORY_LEAKS);
        }

        /* OpenSSL's queue of errors, and such, grows once: once more */

        memory_before = memory_control->live;
        memory_again = memory_nth;
        (void) kill(getpid(), SIGHUP);

        return __sigsuspend(mask);
    }

    if (memory_control->mode == MEMORY_EACH && memory_control->tried
        && memory_control->pid == getpid())
    {
        memory_control->mode = MEMORY_OFF;
    }

    return __sigsuspend(mask);
}


pid_t
fork(void)
{
    if (memory_child) {
        _exit(MEMORY_STARTS);
    }

    if (memory_control->mode == MEMORY_EACH
        && memory_control->pid == getpid())
    {
        memory_control->mode = MEMORY_OFF;
    }

    return __fork();
}
