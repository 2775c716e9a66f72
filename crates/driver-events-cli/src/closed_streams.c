/*
 * Opens /dev/null in place of a closed standard input or output, in the mode that does not work: a read or write then fails.
 *
 * Rust's runtime opens it for reading and writing before main, so that output to a closed stream would succeed. Python and
 * Node.js pass the same /dev/null to a child whose output they discard, so this must be told apart before Rust starts. It
 * cannot be done in Rust without unsafe code. gnulib's stdopen does the same.
 */
#include <errno.h>
#include <fcntl.h>

static void open_if_closed(int stream, int mode)
{
	if (fcntl(stream, F_GETFD) == -1 && errno == EBADF)
		/* Returns the lowest number that is free: the stream. */
		(void)open("/dev/null", mode);
}

__attribute__((constructor)) static void open_closed_streams(void)
{
	open_if_closed(0, O_WRONLY);
	open_if_closed(1, O_RDONLY);
}
