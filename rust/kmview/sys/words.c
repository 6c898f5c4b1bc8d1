// SPDX-License-Identifier: GPL-2.0
/*
 * Structures between user space and us, word by word: a copy by string instructions, and what
 * copy_from_user() checks of our side of it, cost a multiple.
 */
#include <linux/uaccess.h>
#include <uapi/linux/kmview.h>

#include "helpers.h"

static __always_inline bool read_words(u64 *to, unsigned long from, size_t count)
{
	const u64 __user *place = (const u64 __user *)from;

	might_fault();
	if (!user_read_access_begin(place, count * sizeof(u64)))
		return false;
#pragma GCC unroll 16
	for (size_t i = 0; i < count; i++)
		unsafe_get_user(to[i], place + i, fault);
	user_read_access_end();
	return true;
fault:
	user_read_access_end();
	return false;
}

static __always_inline bool write_words(unsigned long to, const u64 *from, size_t count)
{
	u64 __user *place = (u64 __user *)to;

	might_fault();
	if (!user_write_access_begin(place, count * sizeof(u64)))
		return false;
#pragma GCC unroll 16
	for (size_t i = 0; i < count; i++)
		unsafe_put_user(from[i], place + i, fault);
	user_write_access_end();
	return true;
fault:
	user_write_access_end();
	return false;
}

#define WORDS(structure)	(sizeof(struct structure) / sizeof(u64))

static noinline bool read_other(u64 *to, unsigned long from, size_t size)
{
	return !copy_from_user(to, (const void __user *)from, size);
}

static noinline bool write_other(unsigned long to, const u64 *from, size_t size)
{
	return !copy_to_user((void __user *)to, from, size);
}

/* What there is for each event is without a call. False: there is no such memory. */
bool kmview_read_words(u64 *to, unsigned long from, size_t count)
{
	switch (count) {
	case WORDS(kmview_answer):
		return read_words(to, from, WORDS(kmview_answer));
	case WORDS(kmview_exchange):
		return read_words(to, from, WORDS(kmview_exchange));
	default:
		return read_other(to, from, count * sizeof(u64));
	}
}

bool kmview_write_words(unsigned long to, const u64 *from, size_t count)
{
	if (count == WORDS(kmview_event))
		return write_words(to, from, WORDS(kmview_event));
	return write_other(to, from, count * sizeof(u64));
}
