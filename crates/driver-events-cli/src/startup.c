/*
 * Prepares the process before Rust's runtime starts, where Rust needs unsafe code.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

/* Opens /dev/null in place of a closed stream. */
static void open_if_closed(int stream, int mode)
{
	if (fcntl(stream, F_GETFD) == -1 && errno == EBADF)
		/* Returns the lowest number that is free: the stream. */
		(void)open("/dev/null", mode);
}

__attribute__((constructor)) static void prepare(void)
{
	/*
	 * The mode does not allow what the stream is for, as in gnulib's stdopen. The runtime would open it for both, so that
	 * output to a closed stream succeeds. This cannot be detected later: Python and Node.js pass the same /dev/null to a
	 * child whose output they discard.
	 */
	open_if_closed(0, O_WRONLY);
	open_if_closed(1, O_RDONLY);

	/* At the limit of a file's size a write fails with EFBIG. The default action would end the process. */
	signal(SIGXFSZ, SIG_IGN);
}
