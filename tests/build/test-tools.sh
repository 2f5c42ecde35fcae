#!/bin/sh
# test-tools.sh - mkinitrd, mksyms, link-kernel, qemu-run and mkiso, each without the kernel.
# shellcheck source=tests/build/common.sh
. "$(dirname "$0")/common.sh"

mkinitrd=$top/tools/mkinitrd
qemu_run=$top/tools/qemu-run

# ---- mkinitrd ----------------------------------------------------------------------------------------

initrd_holds_what_it_was_given()
{
    printf 'one' >one
    printf '#!/bin/sh\n' | script two
    expect 0 "$mkinitrd" -o a.cpio one etc/deep/two=two
    mkdir unpacked
    (cd unpacked && busybox cpio -id <../a.cpio)
    cmp one unpacked/bin/one
    cmp two unpacked/etc/deep/two
    [ -x unpacked/etc/deep/two ]
    [ ! -x unpacked/bin/one ]
}

initrd_is_the_same_for_the_same_files()
{
    echo 1 >a
    echo 2 >b
    "$mkinitrd" -o first.cpio a x/b=b
    sleep 1.1
    touch a
    "$mkinitrd" -o second.cpio x/b=b a
    cmp first.cpio second.cpio
}

initrd_refuses_bad_names_and_files()
{
    echo 1 >a
    for name in /abs a//b ../up a/. ''; do
        expect 1 "$mkinitrd" -o x.cpio "$name=a"
        has err 'bad name'
    done
    expect 1 "$mkinitrd" -o x.cpio missing
    has err 'missing: No such file'
    expect 1 "$mkinitrd" -o x.cpio d=.
    expect 1 "$mkinitrd" -o x.cpio d=a d/e=a
    has err 'both a file and a folder'
    [ ! -e x.cpio ]
}

# ---- the symbol table --------------------------------------------------------------------------------

symbols_are_sorted_functions_with_one_name_each()
{
    cat >nm.txt <<'NM'
0000000000002000 T second
0000000000001000 t first_local
0000000000001000 T first
0000000000003000 D data
0000000000001800 W weak
0000000000004000 W data_start
                 U undefined
NM
    "$top/tools/mksyms" <nm.txt >table.s
    grep -o '0x[0-9a-f]*' table.s | tr '\n' ' ' >addresses
    [ "$(cat addresses)" = '0x0000000000001000 0x0000000000001800 0x0000000000002000 ' ]
    has table.s '.asciz "first"'
    hasnt table.s first_local
    has table.s '.asciz "weak"'
    hasnt table.s '"data"'
    hasnt table.s data_start
    has table.s '.long 3'
}

# A program that looks its own main() up in the table.
table_program()
{
    cat >weak.c <<'C'
#include <stdint.h>
struct ksym { uint64_t addr; const char *name; };
__attribute__((weak)) const struct ksym g_ksyms[1];
__attribute__((weak)) const uint32_t g_ksym_count = 0;
C
    cat >main.c <<'C'
#include <stdint.h>
#include <string.h>
struct ksym { uint64_t addr; const char *name; };
extern const struct ksym g_ksyms[];
extern const uint32_t g_ksym_count;
int main(void)
{
    for (uint32_t i = 0; i < g_ksym_count; i++) {
        if (g_ksyms[i].addr == (uintptr_t)main) {
            return strcmp(g_ksyms[i].name, "main") == 0 ? 42 : 1;
        }
    }
    return 2;
}
C
    gcc -fno-pie -c main.c weak.c
}

second_link_finds_its_functions()
{
    table_program
    expect 0 "$top/tools/link-kernel" gcc -no-pie main.o weak.o -o program
    expect 42 ./program
}

a_table_that_moves_the_code_is_an_error()
{
    table_program
    ld --verbose | sed '1,/^=====/d;/^=====/,$d' | sed 's/^  \.text  *:/  .ksyms : { *(.ksyms) }\n&/' >bad.ld
    expect 1 "$top/tools/link-kernel" gcc -no-pie -T bad.ld main.o weak.o -o program
    has err 'moved the code'
    [ ! -e program ]
}

# ---- qemu-run ----------------------------------------------------------------------------------------

# A guest of a few instructions: prints, reports a status if given one, and ends as $1 says.
guest()
{
    cat >guest.asm <<ASM
bits 32
align 4
dd 0x1BADB002, 0, -0x1BADB002
global _start
_start:
    mov esi, hello
    mov edx, 0x3f8
    call print
    mov esi, second
    mov edx, 0x2f8
    call print
    mov esi, report
    mov edx, 0xe9
    call print
    $1
stop:
    cli
    hlt
    jmp stop
print:
    lodsb
    test al, al
    jz .done
    out dx, al
    jmp print
.done:
    ret
hello: db "a", 13, 10, "b", 10, 0
second: db "to standard error", 10, 0
report: db $2, 0
ASM
    nasm -f elf32 guest.asm -o guest.o
    ld -m elf_i386 -Ttext=0x100000 -o guest.elf guest.o
}

exit_device='mov edx, 0xf4
    mov eax, 1
    out dx, eax'

the_guests_status_and_bytes_come_out()
{
    guest "$exit_device" '"exo-exit 42", 10'
    expect 42 "$qemu_run" guest.elf --cpus 1 --timeout 30
    printf 'a\r\nb\n' >want
    cmp out want
    printf 'to standard error\n' | cmp err -
    expect 42 "$qemu_run" guest.elf --machine pc --cpu qemu64 --no-hpet --cpus 2 --timeout 30
}

a_guest_that_hangs_is_a_timeout()
{
    guest '' '"nothing"'
    expect 124 "$qemu_run" guest.elf --cpus 1 --timeout 1
    has err 'timed out after 1 s'
}

a_triple_fault_is_no_success()
{
    guest 'lidt [stop]
    int3' '"nothing"'
    expect 125 "$qemu_run" guest.elf --cpus 1 --timeout 30
    has err 'ended without a status'
}

a_power_off_without_a_status_is_no_success()
{
    guest "$exit_device" '"exo-exit", 10'
    expect 125 "$qemu_run" guest.elf --cpus 1 --timeout 30
}

no_machine_outlives_its_runner()
{
    guest '' '"nothing"'
    "$qemu_run" guest.elf --cpus 1 --extra "-name exo-orphan-$$" </dev/null >/dev/null 2>&1 &
    runner=$!
    sleep 1
    kill -KILL "$runner"
    wait "$runner" || true
    sleep 0.3
    # The brackets keep grep from finding its own command line.
    ! grep -al "exo-orphan[-]$$" /proc/[0-9]*/cmdline 2>/dev/null
}

arguments_are_encoded_for_the_kernel()
{
    : >k.elf
    expect 0 "$qemu_run" --dry-run k.elf --env 'A=b c' --append log=debug -- busybox expr 6 '*' '' 'é%'
    has out "-append 'log=debug env=A=b%20c -- busybox expr 6 %2A %00 %C3%A9%25'"
}

wrong_use_of_qemu_run_is_explained()
{
    expect 125 "$qemu_run" missing.elf
    has err 'no such file'
    : >x.iso
    expect 125 "$qemu_run" x.iso --append log=debug
    has err 'carries its own command line'
    : >k.elf
    expect 125 "$qemu_run" k.elf --qemu no-such-qemu
    has err "it is in the Debian package 'qemu-system-x86'"
}

# ---- mkiso -------------------------------------------------------------------------------------------

a_kernel_without_header_makes_no_iso()
{
    cp /bin/busybox not-a-kernel
    expect 1 "$top/tools/mkiso" -o x.iso -k not-a-kernel
    has err 'no multiboot2 header'
    [ ! -e x.iso ]
    expect 2 "$top/tools/mkiso" -o x.iso
}

mkiso_names_missing_packages()
{
    path_without mformat
    expect 1 env PATH="$PWD/bin" "$top/tools/mkiso" -o x.iso -k k
    has err "mformat not found; it is in the Debian package 'mtools'"
    expect 1 env EXO_GRUB_FOLDER=/nonexistent "$top/tools/mkiso" -o x.iso -k k
    has err "'grub-pc-bin'"
}

run_tests initrd_holds_what_it_was_given initrd_is_the_same_for_the_same_files \
    initrd_refuses_bad_names_and_files symbols_are_sorted_functions_with_one_name_each \
    second_link_finds_its_functions a_table_that_moves_the_code_is_an_error \
    the_guests_status_and_bytes_come_out a_guest_that_hangs_is_a_timeout \
    a_triple_fault_is_no_success a_power_off_without_a_status_is_no_success \
    no_machine_outlives_its_runner arguments_are_encoded_for_the_kernel \
    wrong_use_of_qemu_run_is_explained a_kernel_without_header_makes_no_iso mkiso_names_missing_packages
