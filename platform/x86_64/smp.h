/*
 * smp.h - what start-up must prepare for hal_cpu_start().
 */
#ifndef PLATFORM_X86_64_SMP_H
#define PLATFORM_X86_64_SMP_H

#include "exo/hal/boot_info.h"

/* Take a page below 1 MiB for the trampoline out of the memory map. Without one only the boot CPU
 * runs (reported).  Context: boot CPU, before core_main(). */
void smp_init(struct boot_info *info);

#endif /* PLATFORM_X86_64_SMP_H */
