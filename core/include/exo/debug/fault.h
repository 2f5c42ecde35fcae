/*
 * exo/debug/fault.h - places where the simulator may let something fail.
 *
 * For the whole of a run a site fires never, seldom, often or one time alone, as the run's plan has
 * it, while the plan's faults last (docs/simulator.md). In every other build EXO_FAULT()
 * is the constant false.
 */
#ifndef EXO_DEBUG_FAULT_H
#define EXO_DEBUG_FAULT_H

#include "exo/lib/types.h"

#ifndef EXO_CONFIG_FAULT
#define EXO_CONFIG_FAULT 0 /* 1 in the simulator */
#endif

struct fault_site {
    const char *name;
    uint32_t per_million; /* how often it fires, by chance; 0: not so. The plan's */
    uint32_t nth;         /* it fires this time and no other, counted from 1; 0: not so */
    uint32_t passed;      /* so many times while faults lasted, if it fires one time alone */
    uint32_t fired;
};

/* Does `site` fire this time? Defined by the simulator.  Context: any. */
bool fault_fires(struct fault_site *site);

/* True if what stands behind it is to fail now. `label` is a C identifier, the site's name; each
 * use is a site of its own and registers itself in a linker section. */
#define EXO_FAULT(label)                                                                           \
    (EXO_CONFIG_FAULT && __extension__({                                                           \
         static struct fault_site fault_##label = { .name = #label };                              \
         static struct fault_site *const fault_ptr_##label EXO_SECTION(exo_fault_sites) =          \
             &fault_##label;                                                                       \
         (void)fault_ptr_##label;                                                                  \
         fault_fires(&fault_##label);                                                              \
     }))

#endif /* EXO_DEBUG_FAULT_H */
