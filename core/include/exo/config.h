/*
 * exo/config.h - constants that configure chooses, as 0/1 so that both branches always compile.
 *
 * The compiler's command line defines them (Makefile.am, AM_CPPFLAGS); the defaults here let a
 * header be compiled alone.
 */
#ifndef EXO_CONFIG_H
#define EXO_CONFIG_H

#ifndef EXO_CONFIG_DEBUG
#define EXO_CONFIG_DEBUG                                                                           \
    1 /* KASSERT_DEBUG, context checks; configure --enable-debug (default yes) */
#endif
#ifndef EXO_CONFIG_DEBUG_LOCKS
#define EXO_CONFIG_DEBUG_LOCKS 1 /* lock ranks and owners; --enable-debug-locks (default yes) */
#endif
#ifndef EXO_CONFIG_TEST
#define EXO_CONFIG_TEST 0 /* test hooks: the unit test binary and exo-test.elf only */
#endif
#ifndef EXO_VERSION
#define EXO_VERSION "0.1.0"
#endif
#ifndef EXO_COMMIT
#define EXO_COMMIT "unknown"
#endif

#endif /* EXO_CONFIG_H */
