/*
 * core/syscall/native_memory.c - memory objects and the process's own mappings: docs/syscalls.
 */
#include "exo/abi/memory.h"
#include "exo/mem/memory.h"
#include "exo/mem/user.h"
#include "exo/proc/program.h"
#include "native.h"

_Static_assert(EXO_PROT_READ == VM_PROT_READ && EXO_PROT_WRITE == VM_PROT_WRITE &&
                   EXO_PROT_EXEC == VM_PROT_EXEC,
               "programs and areas name protections alike");

int64_t native_memory_create(const struct native_call *call)
{
    struct memory *memory = NULL;
    const exo_status_t status = memory_create(call->arg[0], &memory);

    return status == EXO_OK ? native_cap_of(call, memory_object(memory), MEMORY_RIGHTS) : status;
}

int64_t native_memory_open(const struct native_call *call)
{
    char path[PROC_PATH_MAX];
    size_t len = 0;
    struct cpio_file file = { 0 };
    struct memory *memory = NULL;
    exo_status_t status =
        user_copy_string(proc_space(call->proc), path, sizeof(path), call->arg[0], &len);

    if (status == EXO_OK) {
        status = program_file(path, &file);
    }
    if (status == EXO_OK) {
        status = memory_of_bytes(file.data, file.len_bytes, &memory);
    }
    return status == EXO_OK
               ? native_cap_of(call, memory_object(memory), MEMORY_RIGHTS & ~EXO_RIGHT_MEMORY_WRITE)
               : status;
}

int64_t native_memory_size(const struct native_call *call)
{
    struct kobj *object = NULL;
    const exo_status_t status = native_object(call, call->arg[0], EXO_TYPE_MEMORY, 0, &object);

    if (status != EXO_OK) {
        return status;
    }
    const uint64_t size_bytes = memory_size(memory_of(object));

    kobj_unref(object);
    return (int64_t)size_bytes;
}

static exo_status_t prot_check(uint64_t prot)
{
    const uint64_t both = EXO_PROT_WRITE | EXO_PROT_EXEC;

    return (prot & ~(uint64_t)VM_PROT_ALL) != 0 || (prot & both) == both ? EXO_ERR_INVALID : EXO_OK;
}

/* Find memory that may be mapped so; what else it could be mapped for is taken from the same
 * entry, which never changes. */
static exo_status_t memory_get(const struct native_call *call, uint32_t prot, struct kobj **object,
                               uint32_t *never)
{
    const exo_rights_t need = EXO_RIGHT_MEMORY_READ |
                              ((prot & VM_PROT_WRITE) != 0 ? EXO_RIGHT_MEMORY_WRITE : 0) |
                              ((prot & VM_PROT_EXEC) != 0 ? EXO_RIGHT_MEMORY_EXEC : 0);
    struct cap_info info = { 0 };
    exo_status_t status = cap_query(call->native->caps, call->arg[0], &info);

    if (status == EXO_OK) {
        status = native_object(call, call->arg[0], EXO_TYPE_MEMORY, need, object);
    }
    *never = ((info.rights & EXO_RIGHT_MEMORY_WRITE) == 0 ? VM_PROT_WRITE : 0) |
             ((info.rights & EXO_RIGHT_MEMORY_EXEC) == 0 ? VM_PROT_EXEC : 0);
    return status;
}

static exo_status_t map_memory(const struct native_call *call, struct vm_map_spec *spec,
                               vaddr_t *at)
{
    struct kobj *object = NULL;
    exo_status_t status = memory_get(call, spec->prot, &object, &spec->never);

    if (status != EXO_OK) {
        return status;
    }
    const struct memory *const memory = memory_of(object);
    const uint64_t size_bytes = align_up(memory_size(memory), PAGE_SIZE);

    spec->object = memory_pages(memory);
    spec->flags |= spec->object->ops->frame != NULL ? VM_MAP_SHARED : 0;
    status = spec->offset > size_bytes || spec->len_bytes > size_bytes - spec->offset
                 ? EXO_ERR_INVALID
                 : vm_map(proc_space(call->proc), spec, at);
    kobj_unref(object); /* the area holds the pages */
    return status;
}

static exo_status_t map_own(const struct native_call *call, struct vm_map_spec *spec, vaddr_t *at)
{
    if (spec->offset != 0) {
        return EXO_ERR_INVALID;
    }
    spec->object = vm_object_zero();
    const exo_status_t status = vm_map(proc_space(call->proc), spec, at);

    vm_object_unref(spec->object);
    return status;
}

/* cap, address, length, offset, protection, flags */
int64_t native_memory_map(const struct native_call *call)
{
    const uint64_t *const arg = call->arg;
    vaddr_t at = 0;
    exo_status_t status = prot_check(arg[4]);

    if (status != EXO_OK || (arg[5] & ~(uint64_t)EXO_MAP_FIXED) != 0) {
        return EXO_ERR_INVALID;
    }
    struct vm_map_spec spec = {
        .addr = arg[1],
        .len_bytes = arg[2],
        .offset = arg[3],
        .prot = (uint32_t)arg[4],
        .flags = arg[5] != 0 ? VM_MAP_FIXED | VM_MAP_NOREPLACE : 0,
    };

    status = arg[0] == EXO_CAP_NONE ? map_own(call, &spec, &at) : map_memory(call, &spec, &at);
    return status == EXO_OK ? (int64_t)at : status;
}

int64_t native_memory_unmap(const struct native_call *call)
{
    return vm_unmap(proc_space(call->proc), call->arg[0], call->arg[1]);
}

int64_t native_memory_protect(const struct native_call *call)
{
    const exo_status_t status = prot_check(call->arg[2]);

    return status == EXO_OK ? vm_protect(proc_space(call->proc), call->arg[0], call->arg[1],
                                         (uint32_t)call->arg[2])
                            : status;
}
