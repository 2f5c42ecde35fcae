/*
 * build_kind.h - what this build of the hosted back end is, as 0/1 constants.
 */
#ifndef BUILD_KIND_H
#define BUILD_KIND_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HOSTED_ASAN 1
#endif
#if __has_feature(thread_sanitizer) && !defined(HOSTED_TSAN)
#define HOSTED_TSAN 1 /* the simulator defines it as 0: instrumented, but with its own hooks */
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(HOSTED_ASAN)
#define HOSTED_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__) && !defined(HOSTED_TSAN)
#define HOSTED_TSAN 1
#endif
#ifndef HOSTED_ASAN
#define HOSTED_ASAN 0
#endif
#ifndef HOSTED_TSAN
#define HOSTED_TSAN 0
#endif

#ifndef EXO_CONFIG_SWITCH_UCONTEXT
#define EXO_CONFIG_SWITCH_UCONTEXT 0 /* configure --with-switch=ucontext */
#endif

/* Nobody has to be told of a switch and it is the windowed one: it is done where it stands. */
#define HOSTED_SWITCH_INLINE (!HOSTED_ASAN && !HOSTED_TSAN && !EXO_CONFIG_SWITCH_UCONTEXT)

#endif /* BUILD_KIND_H */
