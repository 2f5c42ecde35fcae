/*
 * exo/abi/status_list.h - the one list of status codes: X(NAME, value, "text").
 *
 * Dense, grouped by cause, never renumbered; outside errno's range (-1..-4095) on purpose.
 * No guard: include it with X defined.
 */
/* what the caller asked for */
X(INVALID, -4097, "argument is out of range or contradictory")
X(BAD_ADDRESS, -4098, "user memory is not mapped or not permitted")
X(BAD_FORMAT, -4099, "image, table or text is malformed")
X(NOT_SUPPORTED, -4100, "this kernel or machine does not offer it")
X(NOT_FOUND, -4101, "nothing has that name")
X(EXISTS, -4102, "something has that name or place already")
X(ACCESS_DENIED, -4103, "rights do not allow it")
/* what the system can give */
X(NO_MEMORY, -4104, "out of memory")
X(NO_RESOURCES, -4105, "a named limit is reached")
X(BUSY, -4106, "in use by somebody else")
/* what happened meanwhile */
X(TIMED_OUT, -4107, "the deadline passed")
X(INTERRUPTED, -4108, "the wait was cut short")
X(DEAD, -4109, "the other side is gone")
X(IO, -4110, "the device or host failed")
/* what a capability number names */
X(BAD_CAP, -4111, "capability is closed, revoked or forged")
X(WRONG_TYPE, -4112, "capability names an object of another type")
