// SPDX-License-Identifier: GPL-2.0
/*
 * threads [THREADS [ROUNDS]]: threads that wait for each other through pipes and a mutex. A load
 * for the demo and the torture, not a test of its own.
 */
#include <pthread.h>

#include "ut.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long total, rounds = 100;

struct link {
	int in, out;
};

/* Takes a byte from the one before, and hands it to the one behind. */
static void *pass_on(void *argument)
{
	struct link *link = argument;
	char c;

	for (long i = 0; i < rounds; i++) {
		if (read(link->in, &c, 1) != 1)
			break;
		pthread_mutex_lock(&lock);
		total++;
		pthread_mutex_unlock(&lock);
		if (write(link->out, &c, 1) != 1)
			break;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 8;
	struct link *links;
	pthread_t *threads;
	int (*pipes)[2];
	char c = 'x';

	if (argc > 2)
		rounds = atol(argv[2]);
	links = calloc(count, sizeof(*links));
	threads = calloc(count, sizeof(*threads));
	pipes = calloc(count + 1, sizeof(*pipes));
	if (!links || !threads || !pipes)
		return 2;
	for (long i = 0; i <= count; i++)
		if (pipe(pipes[i]))
			return 2;
	for (long i = 0; i < count; i++) {
		links[i] = (struct link) { .in = pipes[i][0], .out = pipes[i + 1][1] };
		if (pthread_create(&threads[i], NULL, pass_on, &links[i]))
			return 2;
	}
	for (long i = 0; i < rounds; i++)
		if (write(pipes[0][1], &c, 1) != 1 || read(pipes[count][0], &c, 1) != 1)
			return 2;
	for (long i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	printf("%ld threads passed a byte on %ld times\n", count, total);
	return total == count * rounds ? 0 : 1;
}
