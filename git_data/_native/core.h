/* Declarations shared by core.c and the cffi builder (build.py strips the preprocessor lines). */

/* What became of one item: 0, an errno, or one of these (no errno is negative). */
#define GD_NOT_EXPECTED -1   /* the file is not exactly what the caller expects: left alone */
#define GD_OBJECT_SUSPECT -2 /* the object's size or stamp is wrong: the caller must verify it */
#define GD_CHANGED -3        /* the source changed while it was read or linked: nothing stored */

/* How content got to its place. */
#define GD_REFLINK 1
#define GD_HARDLINK 2
#define GD_COPY 3

typedef struct {
    uint32_t ctime_s, ctime_ns, mtime_s, mtime_ns, dev, ino, mode, uid, gid, size;
} gd_stat;

/* One path to be turned from a pointer into content (or created, when expect_len is -1). */
typedef struct {
    const char *path;     /* relative to the root directory, '/'-separated */
    const char *object;   /* path of the store object */
    const char *expect;   /* the bytes that must be at path now */
    int32_t expect_len;   /* their number; -1: path must not exist; -2: it must show the stat data old_* */
    int32_t stamp_ns;     /* nanoseconds the object's mtime must show; -1: do not check */
    int64_t size;         /* bytes the object must have */
    int64_t mtime_s;      /* time given to the new file; hard links keep the object's */
    int32_t mtime_ns;
    int32_t mode;         /* permission bits; -1: those of the file replaced */
    uint64_t old_ino;
    int64_t old_size, old_ctime_s, old_mtime_s;
    int64_t old_ctime_ns, old_mtime_ns;
    int32_t error;        /* out */
    int32_t method;       /* out */
    gd_stat st;           /* out: what the git index records of the new file */
} gd_link;

/* One object to be put into the store. */
typedef struct {
    const char *source;   /* path relative to the root directory, or NULL */
    const char *object;   /* final path, relative to the objects directory */
    const char *content;  /* the object's bytes, or NULL: take them from source */
    int64_t size;
    int64_t ctime_s, mtime_s;   /* what source must still show (content == NULL) */
    int64_t ctime_ns, mtime_ns;
    uint64_t ino;
    int64_t stamp_s;      /* mtime given to the object */
    int32_t stamp_ns;
    int32_t mode;         /* permission bits of the object */
    int32_t dir_mode;     /* permission bits of directories made; 0: as the umask says */
    int32_t fsync;        /* sync the object and its directory before returning */
    int32_t clone;        /* try to share blocks with source */
    int32_t error;        /* out */
    int32_t method;       /* out */
} gd_put;

int gd_relink_batch(int root_fd, int stage_fd, const char *stage_prefix,
                    const int32_t *methods, int n_methods, gd_link *items, int n);
int gd_put_batch(int root_fd, int objects_fd, int tmp_fd, const char *tmp_prefix,
                 gd_put *items, int n);
int64_t gd_index_find(const unsigned char *data, int64_t len, int version, int hash_len,
                      uint32_t n_entries, const char *const *paths, const int32_t *path_lens,
                      int64_t n_paths, int64_t *offsets, uint32_t racy_since,
                      int64_t *racy, int64_t max_racy, int64_t *n_racy);
int gd_clone_fd(int source_fd, int target_fd);
int gd_copy_fd(int source_fd, int target_fd, int64_t size);
int gd_sync_filesystem(int fd);
