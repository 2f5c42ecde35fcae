/*
 * core/mem/heap/slab.c - slabs of equal objects, owned by one CPU each.
 *
 * Which objects of a slab are free stands in a bitmap beside it, not in the objects: memory that
 * nobody uses is not touched, and a second free finds the bit set. A CPU works on its own slabs
 * under their lock, which it shares only with who gives memory back for all CPUs: idle ones would
 * never do it. An object of another CPU's slab is freed without a lock, by setting its bit in
 * `remote`; who makes the slab's remote_count 1 puts the slab into the owner's remote list. Who is
 * moved to another CPU after he chose a lock works on those slabs, which is right as well.
 *
 * Invariants while cpu->lock is free:
 *   (1) a slab with a `free` bit set is in the partial list of its CPU, kind and class; one without
 *       leaves the list when somebody looks for an object in it;
 *   (2) used is the number of objects that are out: remote frees count as out until the owner has
 *       taken their number from remote_count. So a slab with used 0 is nobody's, and its record may
 *       go: who frees remotely touches it for the last time when he adds to remote_count, or, if he
 *       made that 1, when he has put it into the list, out of which only the lock's holder takes
 *       it;
 *   (3) the owner reads slab->next before it takes remote_count: from then on others may link it;
 *   (4) a CPU keeps at most EMPTY_SLABS_MAX slabs of a class with nothing out.
 * The remote list is pushed by compare-and-exchange and taken whole by one exchange, so that no
 * element can come back under a pusher (no ABA).
 */
#include "exo/lib/assert.h"
#include "exo/sync/spinlock.h"
#include "heap_private.h"

#define SLAB_FRAMES_MAX 32u
#define EMPTY_SLABS_MAX 1u
#define SLAB_BIG_SIZE   PAGE_SIZE /* objects above it: fewer to a slab */

struct cpu_bin { /* [o] its CPU's lock; counts are read by all */
    struct list_node partial;
    uint32_t empty;         /* slabs in partial with nothing out */
    _Atomic uint32_t slabs; /* adopted minus given back */
    _Atomic uint64_t taken; /* objects */
    _Atomic uint64_t given;
};

struct heap_cpu {
    struct spinlock lock;
    _Atomic bool used;             /* it has had a slab */
    _Atomic(struct slab *) remote; /* [a] slabs with remote frees to look at */
    _Atomic uint64_t remote_frees; /* [o] done under this lock */
    struct cpu_bin bin[SLAB_KINDS][HEAP_CLASSES];
} EXO_ALIGNED(128);

static struct heap_cpu g_cpu[CPUS_MAX];
static uint32_t g_size[HEAP_CLASSES];   /* [c] */
static uint32_t g_frames[HEAP_CLASSES]; /* [c] of a slab */

static void count_add(_Atomic uint64_t *count, uint64_t n)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* The largest size that heap_class_of() puts into `class`. */
static uint32_t size_of(uint32_t class)
{
    const uint32_t eighth = class - 9;
    const uint32_t fourth = class - 41;

    if (class <= 8) {
        return class * 16;
    }
    if (class <= 40) {
        return (8 + eighth % 8 + 1) * (16u << eighth / 8);
    }
    return (4 + fourth % 4 + 1) * (512u << fourth / 4);
}

/* Objects that a slab should hold: the record beside it has to be small against them. */
static uint32_t objects_wanted(uint32_t size)
{
    if (size <= 256) {
        return size <= 64 ? 128 : 64;
    }
    if (size <= 1024) {
        return 16;
    }
    return size <= SLAB_BIG_SIZE ? 8 : 2;
}

/* The fewest frames that hold enough objects and waste little. */
static uint32_t frames_choose(uint32_t size)
{
    const uint32_t wanted = objects_wanted(size);
    uint32_t frames = 1;

    for (; frames < SLAB_FRAMES_MAX; frames *= 2) {
        const uint32_t bytes = frames * (uint32_t)PAGE_SIZE;

        if (bytes / size >= wanted && bytes % size <= bytes / 24) {
            break;
        }
    }
    return frames;
}

void slab_init(void)
{
    for (uint32_t class = 1; class < HEAP_CLASSES; class ++) {
        g_size[class] = size_of(class);
        g_frames[class] = frames_choose(g_size[class]);
        KASSERT(heap_class_of(g_size[class]) == class);
        KASSERT(g_frames[class] * PAGE_SIZE / g_size[class] <= SLAB_OBJECTS_MAX);
    }
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        spin_init(&g_cpu[cpu].lock, RANK_HEAP);
        for (uint32_t i = 0; i < SLAB_KINDS * HEAP_CLASSES; i++) {
            list_init(&g_cpu[cpu].bin[i / HEAP_CLASSES][i % HEAP_CLASSES].partial);
        }
    }
}

size_t slab_class_size(uint32_t class)
{
    return g_size[class];
}

/* ---- objects of one slab ---- */

uint32_t slab_index(const struct slab *slab, const void *object)
{
    const uint64_t offset = (uint64_t)((const char *)object - slab->base);
    const uint32_t index = (uint32_t)((offset * slab->inverse) >> 32);

    return (uint64_t)index * slab->size == offset && index < slab->objects ? index : UINT32_MAX;
}

bool slab_is_out(const struct slab *slab, uint32_t index)
{
    const uint64_t bits = atomic_load_explicit(&slab->free[index / 64], memory_order_relaxed) |
                          atomic_load_explicit(&slab->remote[index / 64], memory_order_relaxed);

    return (bits >> index % 64 & 1) == 0;
}

static uint32_t pop(struct slab *slab, void **out, uint32_t want)
{
    uint32_t got = 0;

    for (uint32_t i = 0; i < SLAB_WORDS && got < want; i++) {
        uint64_t bits = atomic_load_explicit(&slab->free[i], memory_order_relaxed);

        while (bits != 0 && got < want) {
            const uint32_t index = i * 64 + (uint32_t)__builtin_ctzll(bits);

            out[got++] = slab->base + (size_t)index * slab->size;
            bits &= bits - 1;
        }
        atomic_store_explicit(&slab->free[i], bits, memory_order_relaxed);
    }
    slab->used = (uint16_t)(slab->used + got);
    return got;
}

static bool has_free(const struct slab *slab)
{
    uint64_t bits = 0;

    for (uint32_t i = 0; i < SLAB_WORDS; i++) {
        bits |= atomic_load_explicit(&slab->free[i], memory_order_relaxed);
    }
    return bits != 0;
}

/* ---- slabs of one CPU ---- */

/* Lock the slabs of the CPU that this is now. */
static struct heap_cpu *cpu_lock(hal_irq_t *irq)
{
    struct heap_cpu *const cpu = &g_cpu[hal_cpu_id()];

    *irq = spin_lock_irq(&cpu->lock);
    return cpu;
}

static struct cpu_bin *bin_of(struct heap_cpu *cpu, const struct slab *slab)
{
    return &cpu->bin[slab->kind][slab->class];
}

/* `count` objects have come back and some bits of `free` were set; a slab that nobody needs goes to
 * *dead. */
static void returned(struct heap_cpu *cpu, struct slab *slab, uint32_t count, struct slab **dead)
{
    struct cpu_bin *const bin = bin_of(cpu, slab);

    KASSERT(slab->used >= count);
    slab->used = (uint16_t)(slab->used - count);
    if (!list_is_linked(&slab->node)) {
        list_add_head(&bin->partial, &slab->node);
    }
    if (slab->used != 0) {
        return;
    }
    if (bin->empty < EMPTY_SLABS_MAX) {
        bin->empty++;
        list_remove(&slab->node);
        list_add_tail(&bin->partial, &slab->node); /* used last */
        return;
    }
    list_remove(&slab->node);
    slab->next = *dead;
    *dead = slab;
    atomic_fetch_sub_explicit(&bin->slabs, 1, memory_order_relaxed);
}

/* Take over what other CPUs freed into our slabs; true if there was anything. */
static bool remote_collect(struct heap_cpu *cpu, struct slab **dead)
{
    struct slab *slab = NULL;

    if (atomic_load_explicit(&cpu->remote, memory_order_relaxed) == NULL) {
        return false;
    }
    /* Acquire: pairs with the push in remote_free(). */
    slab = atomic_exchange_explicit(&cpu->remote, NULL, memory_order_acquire);
    while (slab != NULL) {
        struct slab *const next = slab->next; /* invariant (3) */
        const uint32_t count =
            atomic_exchange_explicit(&slab->remote_count, 0, memory_order_acq_rel);

        /* A bit may be here before its count: its object is free and yet counted as out. */
        for (uint32_t i = 0; i < SLAB_WORDS; i++) {
            const uint64_t bits =
                atomic_exchange_explicit(&slab->remote[i], 0, memory_order_acquire);
            const uint64_t free = atomic_load_explicit(&slab->free[i], memory_order_relaxed);

            atomic_store_explicit(&slab->free[i], free | bits, memory_order_relaxed);
        }
        returned(cpu, slab, count, dead);
        slab = next;
    }
    return true;
}

static uint32_t take_local(struct heap_cpu *cpu, struct cpu_bin *bin, void **out, uint32_t want,
                           struct slab **dead)
{
    uint32_t got = 0;

    while (got < want) {
        if (list_is_empty(&bin->partial)) {
            if (!remote_collect(cpu, dead)) {
                break;
            }
            continue;
        }
        struct slab *const slab = container_of(bin->partial.next, struct slab, node);

        bin->empty -= slab->used == 0 ? 1 : 0;
        const uint32_t one = pop(slab, out + got, want - got);

        got += one;
        if (!has_free(slab)) {
            list_remove(&slab->node);
        }
    }
    count_add(&bin->taken, got);
    return got;
}

static void remote_free(struct slab *slab, uint32_t index)
{
    struct heap_cpu *const owner = &g_cpu[slab->owner];

    /* Release: the owner's next user sees the object as we left it. */
    atomic_fetch_or_explicit(&slab->remote[index / 64], 1ull << index % 64, memory_order_release);
    if (atomic_fetch_add_explicit(&slab->remote_count, 1, memory_order_acq_rel) != 0) {
        return; /* in the list already, or about to be; not ours any more */
    }
    struct slab *head = atomic_load_explicit(&owner->remote, memory_order_relaxed);

    do {
        slab->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&owner->remote, &head, slab,
                                                    memory_order_release, memory_order_relaxed));
}

static void give_one(struct heap_cpu *cpu, struct slab *slab, uint32_t index, struct slab **dead)
{
    count_add(&bin_of(cpu, slab)->given, 1);
    if (&g_cpu[slab->owner] != cpu) {
        count_add(&cpu->remote_frees, 1);
        remote_free(slab, index);
        return;
    }
    const uint64_t free = atomic_load_explicit(&slab->free[index / 64], memory_order_relaxed);

    atomic_store_explicit(&slab->free[index / 64], free | 1ull << index % 64, memory_order_relaxed);
    returned(cpu, slab, 1, dead);
}

/* ---- the level's functions ---- */

/* Interrupts as they are: no lock is held while frames are freed. */
static uint64_t bury(struct slab *dead)
{
    uint64_t frames = 0;

    while (dead != NULL) {
        struct slab *const next = dead->next;

        frames += dead->frames;
        if (dead->kind == SLAB_CHECKED) {
            check_slab_dead(dead);
        }
        table_remove(dead);
        dead = next;
    }
    return frames;
}

static struct slab *slab_create(uint32_t kind, uint32_t class)
{
    struct slab *const slab = table_add(g_frames[class], 1, class, kind == SLAB_PLAIN);

    if (slab == NULL) {
        return NULL;
    }
    slab->kind = (uint8_t)kind;
    slab->size = g_size[class];
    slab->objects = (uint16_t)(slab_bytes(slab) / slab->size);
    slab->inverse = (uint32_t)(((1ull << 32) + slab->size - 1) / slab->size);
    for (uint32_t i = 0; i < slab->objects; i++) {
        const uint64_t free = atomic_load_explicit(&slab->free[i / 64], memory_order_relaxed);

        atomic_store_explicit(&slab->free[i / 64], free | 1ull << i % 64, memory_order_relaxed);
    }
    if (kind == SLAB_CHECKED) {
        check_slab_new(slab);
    }
    return slab;
}

/* Make `slab` this CPU's. */
static void adopt(struct heap_cpu *cpu, struct cpu_bin *bin, struct slab *slab)
{
    slab->owner = (uint16_t)(cpu - g_cpu);
    atomic_store_explicit(&cpu->used, true, memory_order_relaxed);
    list_add_head(&bin->partial, &slab->node);
    bin->empty++;
    atomic_fetch_add_explicit(&bin->slabs, 1, memory_order_relaxed);
}

uint32_t slab_take(uint32_t kind, uint32_t class, void **out, uint32_t want)
{
    struct slab *dead = NULL;
    hal_irq_t irq;
    struct heap_cpu *cpu = cpu_lock(&irq);
    uint32_t got = take_local(cpu, &cpu->bin[kind][class], out, want, &dead);

    spin_unlock_irq(&cpu->lock, irq);
    (void)bury(dead);
    if (got != 0) {
        return got;
    }
    struct slab *slab = slab_create(kind, class);

    if (slab == NULL && heap_reclaim_shared() != 0) {
        slab = slab_create(kind, class);
    }
    if (slab == NULL) {
        return 0;
    }
    dead = NULL;
    cpu = cpu_lock(&irq); /* perhaps another one by now */
    adopt(cpu, &cpu->bin[kind][class], slab);
    got =
        take_local(cpu, &cpu->bin[kind][class], out, (uint32_t)min_u64(want, slab->objects), &dead);
    spin_unlock_irq(&cpu->lock, irq);
    (void)bury(dead);
    return got;
}

void slab_give(void *const *objects, uint32_t count)
{
    struct slab *dead = NULL;
    const void *bad = NULL;
    hal_irq_t irq;
    struct heap_cpu *const cpu = cpu_lock(&irq);

    for (uint32_t i = 0; i < count && bad == NULL; i++) {
        struct slab *const slab = table_find(objects[i]);
        const uint32_t index = slab == NULL ? UINT32_MAX : slab_index(slab, objects[i]);

        if (index == UINT32_MAX || !slab_is_out(slab, index)) {
            bad = objects[i];
        } else {
            give_one(cpu, slab, index, &dead);
        }
    }
    spin_unlock_irq(&cpu->lock, irq);
    if (bad != NULL) {
        heap_fault(bad, "is free already");
    }
    (void)bury(dead);
}

static uint64_t cpu_trim(struct heap_cpu *cpu)
{
    struct slab *dead = NULL;
    const hal_irq_t irq = spin_lock_irq(&cpu->lock);

    (void)remote_collect(cpu, &dead);
    for (uint32_t i = 0; i < SLAB_KINDS * HEAP_CLASSES; i++) {
        struct cpu_bin *const bin = &cpu->bin[i / HEAP_CLASSES][i % HEAP_CLASSES];
        struct list_node *node = bin->partial.next;

        while (bin->empty > 0 && node != &bin->partial) {
            struct slab *const slab = container_of(node, struct slab, node);

            node = node->next;
            if (slab->used == 0) {
                bin->empty--;
                list_remove(&slab->node);
                slab->next = dead;
                dead = slab;
                atomic_fetch_sub_explicit(&bin->slabs, 1, memory_order_relaxed);
            }
        }
    }
    spin_unlock_irq(&cpu->lock, irq);
    return bury(dead);
}

uint64_t slab_trim(void)
{
    uint64_t frames = 0;

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        if (atomic_load_explicit(&g_cpu[cpu].used, memory_order_relaxed)) {
            frames += cpu_trim(&g_cpu[cpu]);
        }
    }
    return frames;
}

void slab_stats(uint32_t class, struct heap_class_stats *out)
{
    *out = (struct heap_class_stats){ .size_bytes = g_size[class] };
    for (uint32_t i = 0; i < CPUS_MAX * SLAB_KINDS; i++) {
        struct cpu_bin *const bin = &g_cpu[i / SLAB_KINDS].bin[i % SLAB_KINDS][class];

        const uint64_t taken = atomic_load_explicit(&bin->taken, memory_order_relaxed);

        out->objects += taken - atomic_load_explicit(&bin->given, memory_order_relaxed);
        out->allocs += i % SLAB_KINDS == SLAB_CHECKED ? taken : 0; /* each is an allocation */
        out->slabs += atomic_load_explicit(&bin->slabs, memory_order_relaxed);
    }
}

uint64_t slab_remote_frees(void)
{
    uint64_t sum = 0;

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        sum += atomic_load_explicit(&g_cpu[cpu].remote_frees, memory_order_relaxed);
    }
    return sum;
}
