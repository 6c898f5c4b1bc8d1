/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * kmview: system call virtualisation from user space, over a file descriptor.
 *
 * A *session* is what an open of /dev/kmview makes. Threads come into it by KMVIEW_ADOPT,
 * KMVIEW_ATTACH, or because a thread that is in it makes them. Each thread's events are read from
 * a file descriptor of the session, by whoever has that descriptor: the *monitor*.
 *
 * A thread whose event has a *ticket* waits until that ticket is answered (KMVIEW_ANSWER,
 * KMVIEW_EXCHANGE). A ticket names one event, and is given again after 2^40 others at the earliest.
 * With one that is over, every operation fails with ESTALE and does nothing. Over it is when it has been
 * answered, when the thread has been detached, or when it has been killed: SIGKILL ends every wait at
 * once. No other signal ends it, repeats the event or changes its ticket. A signal that comes meanwhile
 * acts when the thread goes on.
 *
 * Several sessions may have the same thread, next to ptrace, seccomp and BPF. They see a system
 * call one after the other: at its entry the session that came last begins, at its exit the oldest
 * one. Each sees what those before it made of the call, when they have answered. With views nested
 * in views, a call so goes from the innermost one outwards to the kernel, and its result back the
 * other way.
 *
 * Seccomp comes first: a filter does not see what a session makes of a call. So open(2) of /dev/kmview
 * fails (EPERM) under seccomp without CAP_SYS_ADMIN; a descriptor from before, or from others, is a grant.
 *
 * All structures have the same layout for 32-bit and 64-bit programs. All reserved fields and
 * unknown flags must be 0 (EINVAL). Structures grow at their end only, and their size is part of
 * the number of each ioctl: a smaller one means 0 for what is missing, and of a larger one what the
 * kernel does not know must be 0 (E2BIG). What this kernel has is told by KMVIEW_INFO; an operation
 * or flag whose feature it lacks fails with EOPNOTSUPP.
 *
 * Descriptors of the session are closed in a process that comes into it by KMVIEW_ADOPT, as by
 * close-on-exec, so that nothing but its monitors keeps a session alive. (Not if the process
 * shares its table of descriptors with others.) What an exec leaves, it leaves: open with O_CLOEXEC.
 */
#ifndef _UAPI_LINUX_KMVIEW_H
#define _UAPI_LINUX_KMVIEW_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define KMVIEW_VERSION		1

#define KMVIEW_IOC		0xEB

/*
 * KMVIEW_INFO: what this kernel has. On any descriptor, changes nothing.
 */
struct kmview_info {
	__u32 version;			/* KMVIEW_VERSION of the kernel */
	__u32 event_size;		/* of its struct kmview_event */
	__aligned_u64 features;		/* KMVIEW_FEATURE_* */
	__u32 max_calls;		/* largest kmview_calls.bits */
	__u32 max_batch;		/* largest kmview_batch.count and the like */
	__aligned_u64 events;		/* KMVIEW_MASK() of the kinds that it knows */
};

/* Entry and exit events with answers, adopting, attaching, following, AT_CLOSE_* */
#define KMVIEW_FEATURE_CONTROL		(1ULL << 0)
#define KMVIEW_FEATURE_MEMORY		(1ULL << 1)	/* KMVIEW_MEMORY */
#define KMVIEW_FEATURE_EVENTS		(1ULL << 2)	/* EXEC, EXIT, SIGNAL and waiting NEW */
#define KMVIEW_FEATURE_SNAPSHOT		(1ULL << 3)	/* KMVIEW_SNAPSHOT */
#define KMVIEW_FEATURE_FDS		(1ULL << 4)	/* KMVIEW_PUT_FD, KMVIEW_CLOSE_FD */
#define KMVIEW_FEATURE_ROUTE		(1ULL << 5)	/* KMVIEW_JOIN, KMVIEW_SET_QUEUE */
#define KMVIEW_FEATURE_OBSERVE		(1ULL << 6)	/* rings: KMVIEW_RING and all around it */
#define KMVIEW_FEATURE_FD_FILTER	(1ULL << 7)	/* KMVIEW_SET_FDS, KMVIEW_CALLS_FD */
#define KMVIEW_FEATURE_PATH_FILTER	(1ULL << 8)	/* KMVIEW_SET_PATHS, KMVIEW_CALLS_PATH */
#define KMVIEW_FEATURE_COUNT		(1ULL << 9)	/* KMVIEW_CALLS_COUNT, KMVIEW_COUNTS */

/* --- events ------------------------------------------------------------------------------- */

/*
 * NEW and END never wait, unless NEW is asked to, and the thread is new, not attached. The others have
 * a ticket, and wait; in a ring (see below) nothing does. Of one thread, events come in the order in
 * which they happened: NEW is its first, END its last.
 */
#define KMVIEW_EVENT_NEW	1	/* the thread is in the session now */
#define KMVIEW_EVENT_END	2	/* it no longer is: dead, or out of reach */
#define KMVIEW_EVENT_ENTRY	3	/* it is about to make a system call */
#define KMVIEW_EVENT_RETURN	4	/* it has made one: the exit of a system call */
#define KMVIEW_EVENT_EXEC	5	/* it has loaded a program, and is about to start it */
#define KMVIEW_EVENT_SIGNAL	6	/* a signal is about to act on it */
#define KMVIEW_EVENT_EXIT	7	/* it begins to exit, all that it has still there */

#define KMVIEW_MASK(kind)	(1U << (kind))

/* kmview_event.flags */
#define KMVIEW_ABORTED		(1U << 0)	/* ENTRY: another session skips the call already */
#define KMVIEW_BY_ATTACH	(1U << 1)	/* NEW: by KMVIEW_ATTACH */
#define KMVIEW_BY_ADOPT		(1U << 2)	/* NEW: by KMVIEW_ADOPT */
#define KMVIEW_BY_CLONE		(1U << 3)	/* NEW: a thread of the session made it */
#define KMVIEW_OUT_OF_REACH	(1U << 4)	/* END: alive, but see below on set-uid programs */
#define KMVIEW_GROUP_DEAD	(1U << 5)	/* END: it was the last thread of its process */

/*
 * Of a set-uid program, or whatever else has more rights than the one who opened the session may
 * ptrace, the session lets go when it is loaded, with END and KMVIEW_OUT_OF_REACH: before its EXEC
 * and its first instruction. Under AT_CLOSE_KILL it is killed instead.
 */
struct kmview_event {
	__aligned_u64 ticket;		/* 0: nobody waits */
	__aligned_u64 thread;		/* names it in the session, for good as a ticket does */
	__aligned_u64 cookie;		/* what KMVIEW_SET_THREAD has set, at first that of its parent */
	__s32 tid;			/* in the pid namespace of who opened the session; 0: not in it */
	__s32 pid;			/* of its process (thread group), likewise */
	__u16 kind;			/* KMVIEW_EVENT_* */
	__u16 flags;
	__u32 arch;			/* AUDIT_ARCH_* of the system call; EXEC: of the program */
	__aligned_u64 ip;		/* of the thread; ENTRY and RETURN: behind the instruction */
	__aligned_u64 sp;
	__aligned_u64 time;		/* CLOCK_MONOTONIC, in ns. 0 in events that wait */
	union {
		struct {		/* ENTRY */
			__s64 nr;
			__aligned_u64 args[6];	/* of 32-bit calls: zero-extended */
		} entry;
		struct {		/* RETURN */
			__s64 nr;	/* as the call was made; -1: it was skipped */
			__s64 result;	/* or a negative errno */
			__u32 is_error;
			__u32 reserved;
		} ret;
		struct {		/* NEW */
			__aligned_u64 parent;	/* its number in the session, or 0 */
			__aligned_u64 clone_flags;	/* CLONE_* */
		} created;
		struct {		/* EXIT, and END if known: as from wait(2) */
			__s32 status;
			__u32 reserved;
		} exit;
		struct {		/* EXEC */
			__s32 former_tid;	/* another one if it was not its process's leader */
			__u32 reserved;
		} exec;
		struct {		/* SIGNAL: as in siginfo_t */
			__s32 number;
			__s32 code;
			__s32 pid;	/* of the sender, in its own pid namespace's eyes */
			__u32 uid;
			__aligned_u64 address;	/* of a fault */
			__aligned_u64 value;	/* of sigqueue() */
		} signal;
		__aligned_u64 words[8];
	};
};

/*
 * read(2) gives as many records of KMVIEW_EVENT_SIZE bytes as there are and as fit, at least one and
 * at most 1024: it waits for it (EAGAIN with O_NONBLOCK; EINTR after a signal, unless its handler has
 * SA_RESTART). EINVAL: room for less than one.
 * It is at the end of the file, 0, when the session has had threads, has none any more, all events
 * of this queue have been read, and no adoption is on. A queue without threads, of a session that has
 * some, is not at its end: they may be moved to it.
 *
 * poll(2): EPOLLIN when there is an event to read or a record in the ring; EPOLLHUP at the end.
 */
#define KMVIEW_EVENT_SIZE	128	/* of records from read(2), for ever */

/* --- answers ------------------------------------------------------------------------------ */

#define KMVIEW_RUN		0	/* go on */
/*
 * ENTRY: do not make the call; kmview_answer.result is its result. There is no RETURN in this
 * session, unless KMVIEW_WANT_RETURN. SIGNAL: as if it had not been sent.
 */
#define KMVIEW_SKIP		1
#define KMVIEW_DETACH		2	/* RUN, and the thread leaves the session. No END */
#define KMVIEW_DETACH_ALL	3	/* that, and all others, too; adoption is off */

/* kmview_answer.flags */
/*
 * ENTRY, RUN: make the call with this number. If a signal has it restarted, it is the thread's own
 * call again, with another ENTRY.
 */
#define KMVIEW_SET_NR		(1U << 0)
/*
 * ENTRY, RUN: and with these arguments; but for those of which the session has taken a copy, which
 * stays. After the call the thread finds its own in its registers.
 */
#define KMVIEW_SET_ARGS		(1U << 1)
#define KMVIEW_SET_RESULT	(1U << 2)	/* RETURN: this is the result */
#define KMVIEW_WANT_RETURN	(1U << 3)	/* ENTRY: report the RETURN of this call */
#define KMVIEW_NO_RETURN	(1U << 4)	/* ENTRY: do not, whatever KMVIEW_SET_CALLS says */

struct kmview_answer {
	__aligned_u64 ticket;
	__u32 action;			/* KMVIEW_RUN... */
	__u32 flags;
	__s64 nr;
	__aligned_u64 args[6];
	__s64 result;			/* a value, or a negative errno */
	__s32 error;			/* out, in batches: 0, or a negative errno */
	__u32 reserved;
};

/*
 * KMVIEW_ANSWER: one answer.
 *
 * ESTALE: nobody waits with this ticket. EINVAL: no such action or flag for such an event, and the
 * thread waits on.
 */

/*
 * KMVIEW_EXCHANGE: gives answers, at most 1024 (EINVAL), then takes events, as many at most, and waits
 * for one if there is none: a monitor's loop in one call. Returns how many events there are.
 *
 * Answers are given in their order, each for itself: what became of it is in its error, and nr_failed
 * counts those with one. 0 events: the time is over, a signal came, or the end was reached (poll(2)
 * tells). What has been answered is not to be answered again. EINTR only when there was no answer. After
 * EFAULT, and E2BIG for an answer that has more than this kernel knows, those before are answered.
 */
struct kmview_exchange {
	__aligned_u64 answers;		/* struct kmview_answer[nr_answers] */
	__u32 nr_answers;
	__u32 answer_size;		/* sizeof(struct kmview_answer) */
	__aligned_u64 events;		/* room for struct kmview_event[max_events] */
	__u32 max_events;		/* 0: answer only */
	__u32 event_size;		/* sizeof(struct kmview_event) */
	__s64 timeout;			/* in ns; negative: none; 0: do not wait; 24 days at most */
	__u32 nr_failed;		/* out */
	__u32 flags;			/* 0 */
};

/* --- threads ------------------------------------------------------------------------------ */

/*
 * KMVIEW_ADOPT: the caller's own business, if who opened the session might ptrace it (EPERM); the one
 * who has the session gets what it asks for. It is over when the caller loads a program that is out
 * of the opener's reach: see above. Each CHILDREN of a thread replaces its CHILDREN before, in the same
 * session, and each SELF its SELF.
 *
 * Security modules say what they say to PTRACE_TRACEME, of the caller as the child and who opened the
 * session, with the rights of that time, as the parent (EPERM). They are asked again when a process is
 * to come, which then stays outside. So under Yama's ptrace_scope 2 the opener needs CAP_SYS_PTRACE in
 * the caller's user namespace, under 3 nobody is adopted; 0 and 1 are the same.
 */
/*
 * The next process that the calling thread makes, or with kmview_adopt.count 0 all until
 * KMVIEW_ADOPT_NONE. Threads that it makes are not meant.
 */
#define KMVIEW_ADOPT_CHILDREN	1
/* The calling thread, when it next execs; not if another one of its process does, and so ends it. */
#define KMVIEW_ADOPT_SELF	2
#define KMVIEW_ADOPT_NONE	3	/* end what the calling thread has asked for */

struct kmview_adopt {
	__u32 what;
	__u32 count;			/* CHILDREN: how many; 0: all */
	__u32 flags;			/* 0 */
	__u32 reserved;
};

/*
 * KMVIEW_ATTACH: a running thread, or with KMVIEW_ATTACH_PROCESS all threads of its process. It needs
 * what PTRACE_ATTACH needs (EPERM), but not that nobody traces it; of the caller, and but for security
 * modules also of who opened the session: nobody gains rights by being handed a descriptor, or by
 * handing one on. EEXIST: it is in the session.
 * EINVAL: it is of the caller's own process. ESRCH: it is not there, or dead. One that dies meanwhile
 * has its NEW and END, if this succeeds.
 *
 * With KMVIEW_ATTACH_PROCESS these errors are those of the thread that is named. Others that may not be
 * attached, as each has rights of its own, are left out; so are, unless KMVIEW_FOLLOW_THREADS is on,
 * those that the process makes meanwhile.
 */
#define KMVIEW_ATTACH_PROCESS	(1U << 0)
/* Have it leave a system call that it is blocked in, as for a signal that restarts it. */
#define KMVIEW_ATTACH_INTERRUPT	(1U << 1)

struct kmview_attach {
	__s32 pid;			/* of a thread, in the caller's pid namespace */
	__u32 flags;
	__aligned_u64 thread;		/* out: its number; of the one that was named */
};

/* KMVIEW_DETACH_THREAD: lets a thread go, whether it waits or not. No END. ESRCH: no such thread. */
struct kmview_thread {
	__aligned_u64 thread;
};

/* KMVIEW_SET_THREAD: how the session knows a thread. */
#define KMVIEW_SET_COOKIE	(1U << 0)
/*
 * Its events, also the unread ones, in their order, come to the queue of this descriptor, which is
 * one of the session (EINVAL); so do those of the threads that it makes from now on. What has been
 * read stays with who has it: a ticket may be answered through any descriptor of the session. Records
 * go to the ring of its new queue; those that are in the ring of the old one stay there.
 */
#define KMVIEW_SET_QUEUE	(1U << 1)

struct kmview_set_thread {
	__aligned_u64 thread;
	__aligned_u64 cookie;
	__s32 fd;
	__u32 flags;
};

/*
 * KMVIEW_JOIN: this descriptor, fresh from open(2) (nothing but KMVIEW_INFO has been done with it),
 * becomes another one of the session of fd, with a queue of its own: all that is said here of the
 * session holds for each of its descriptors. Threads that are adopted or attached through it come to
 * its queue. When a queue's last descriptor is closed, its threads, adoptions and unread events move
 * to another queue of the session; with the last queue, the session ends. A ring that goes takes its
 * unread records along. EBUSY: not fresh. EBADF: fd is not open. EINVAL: it is not of kmview. EMFILE:
 * the session has 1024 queues.
 */
struct kmview_join {
	__s32 fd;
	__u32 flags;			/* 0 */
};

/* --- what is reported --------------------------------------------------------------------- */

/* What becomes of the threads when the session's last descriptor is closed. */
#define KMVIEW_AT_CLOSE_DETACH	0	/* they run on by themselves */
#define KMVIEW_AT_CLOSE_FAIL	1	/* calls selected to wait fail with the errno; so for ever */
#define KMVIEW_AT_CLOSE_KILL	2	/* SIGKILL */

#define KMVIEW_FOLLOW_THREADS	(1U << 0)	/* new threads of a process come into the session */
#define KMVIEW_FOLLOW_PROCESSES	(1U << 1)	/* and new processes, by fork, vfork and clone */

/* KMVIEW_SET_OPTIONS. At first: both FOLLOWs, AT_CLOSE_DETACH. */
struct kmview_options {
	__u32 at_close;
	__s32 at_close_errno;		/* FAIL: 1 to 4095 */
	__u32 follow;
	__u32 flags;			/* 0 */
};

/*
 * KMVIEW_SET_EVENTS: the kinds besides system calls. At first none waits and none goes to the ring,
 * but for the notes NEW and END, which always come to the queue. For those that are both to wait
 * and to be recorded: the record tells what was before the answer.
 */
struct kmview_events {
	__u32 wait;			/* KMVIEW_MASK()s of NEW, EXEC, SIGNAL, EXIT */
	__u32 record;			/* likewise, and END: to the ring */
	__aligned_u64 wait_signals;	/* 1 << (signal - 1): which SIGNALs */
	__aligned_u64 record_signals;
};

#define KMVIEW_ABI_NATIVE	0	/* 64-bit calls */
#define KMVIEW_ABI_COMPAT	1	/* 32-bit calls */

/* kmview_calls.what */
#define KMVIEW_CALLS_ENTRY	1	/* ENTRY waits */
#define KMVIEW_CALLS_RETURN	2	/* RETURN waits */
#define KMVIEW_CALLS_RECORD_ENTRY	3	/* ENTRY goes to the ring */
#define KMVIEW_CALLS_RECORD_RETURN	4	/* RETURN goes to the ring */
/* They are counted: see KMVIEW_COUNTS. That makes no event. */
#define KMVIEW_CALLS_COUNT	7
/*
 * Of those above, calls in these sets only when a descriptor, or a path, that they name is selected;
 * of a call in both, either will do. It is looked at when the call is made, as it then is: also for
 * its RETURN. A call that names none is not selected, one that the kernel does not know is.
 */
#define KMVIEW_CALLS_FD		5
#define KMVIEW_CALLS_PATH	6

/* kmview_calls.flags: numbers from bits on, negative and x32 ones are in the set. */
#define KMVIEW_CALLS_OTHERS	(1U << 0)

/*
 * KMVIEW_SET_CALLS: which system calls; replaces the set of that name. At first all are empty. What
 * is not in a set makes no event. It holds from the next call of each thread on; a thread that
 * waits does so on.
 */
struct kmview_calls {
	__u32 what;
	__u32 abi;
	__aligned_u64 bitmap;		/* __u64[(bits + 63) / 64]: bit nr % 64 of word nr / 64 */
	__u32 bits;
	__u32 flags;
};

/*
 * KMVIEW_SET_FDS: descriptors of a thread's process. They need not be open. From the next call on, the
 * set follows what threads of the session do: a duplicate (dup and fcntl) of one is another one when
 * the call has ended; one that is closed (also by dup2) no longer is from the entry of the call on,
 * before its number can be used again; a new process has a copy, and so has a thread that no longer
 * shares its table; an exec drops what is not open after it. A call that is skipped changes nothing;
 * one that fails neither. Threads that share a table share the set, and race with each other as they
 * do for the table: between a duplicate and the end of its call, another thread may use it unselected;
 * a copy for a new process is made when that is made. Descriptors that come by other ways (sockets,
 * pidfd_getfd, opening /proc/self/fd) are not followed. What the session itself puts at a number, or
 * closes there, is not in the set.
 *
 * Descriptors that are arguments are looked at. Calls that name some in memory (poll, select,
 * io_submit, bpf; socketcall and mmap of i386) are selected if there are any in the set. Descriptors
 * in messages, and those of io_uring's entries, do not count. ESRCH: no such thread. EBADF: ADD of a
 * negative one. ENOSPC: ADD of more than 16384 from 1024 on.
 */
#define KMVIEW_FDS_ADD		1
#define KMVIEW_FDS_REMOVE	2
#define KMVIEW_FDS_CLEAR	3

struct kmview_fds {
	__aligned_u64 thread;
	__u32 op;
	__s32 fd;
};

/*
 * KMVIEW_SET_PATHS: prefixes, by whole components, of the paths that are selected; replaces those
 * set before. A path that a call names is taken relative to the current directory, or the
 * descriptor that the call gives, with "." and ".." resolved by their text; all as the thread sees it
 * from its root. No symbolic link is followed, and another thread may change the string: a filter is
 * no protection; see KMVIEW_SNAPSHOT.
 *
 * An empty path, or none beside a descriptor, is the directory or descriptor itself. Selected is what
 * cannot be told: a string that is too long or not there, or is relative to what has no path below
 * the root. The text of a new symbolic link, and addresses of sockets, are no paths. EINVAL: one is
 * not absolute, too long, or without its NUL. E2BIG: more than 64 KiB.
 */
struct kmview_paths {
	__aligned_u64 paths;		/* absolute ones, each with a NUL behind it */
	__u32 size;			/* of all, in bytes */
	__u32 flags;			/* 0 */
};

/* --- a thread that waits ------------------------------------------------------------------ */

/* For ioctls on many items, at most 1024, done in order. */
struct kmview_batch {
	__aligned_u64 items;
	__u32 count;
	__u32 item_size;
};

/*
 * KMVIEW_MEMORY: a batch of these, each with an error of its own. Rights are those of ptrace (EPERM); no
 * page is touched in vain. The thread does not go on while an item of it is being done, answered or not.
 */
#define KMVIEW_MEMORY_READ	1
#define KMVIEW_MEMORY_WRITE	2
#define KMVIEW_MEMORY_STRING	3	/* read up to a NUL, which is among the bytes, or len */

struct kmview_memory {
	__aligned_u64 ticket;
	__aligned_u64 address;		/* in the thread's process */
	__aligned_u64 buffer;		/* in the caller's */
	__aligned_u64 len;		/* at most KMVIEW_MEMORY_MAX */
	__u32 op;
	__u32 flags;			/* 0 */
	__s64 result;			/* out: bytes done, perhaps fewer; or a negative errno */
};

#define KMVIEW_MEMORY_MAX	(1U << 20)

/*
 * KMVIEW_SNAPSHOT: copies, at an ENTRY, what an argument points to; gives it to the monitor; and has
 * the call use this very copy: no thread of the process can change it between check and use. Returns
 * how many bytes, the NUL included. The argument of the call points to the copy from now on, also for
 * the sessions that see the call later; after the call it is in the thread's register as it was.
 * Several arguments of a call may each have a copy; of one argument the last one counts.
 *
 * The copy is input: where the call would write, it fails with EFAULT. What lies behind it is not said.
 * It is in memory of the process that nothing can change but the kernel ("[kmview]" in its maps),
 * and that is there until the process ends or execs. As long as one has such memory, the module stays.
 *
 * Like the calls on descriptors below, the thread does this itself, while it waits. EINVAL: not at
 * such an event. EPERM: see KMVIEW_MEMORY. EFAULT, ENOMEM: in the thread's process. EINTR: a signal
 * came, and nothing was done (it is restarted, if the handler has SA_RESTART), unless the thread had
 * begun: then it finishes what it does, before it goes on.
 */
#define KMVIEW_SNAPSHOT_STRING	1	/* to its NUL; ENAMETOOLONG if that is not in len */
#define KMVIEW_SNAPSHOT_BUFFER	2	/* len bytes; EFAULT if they are not all there */

struct kmview_snapshot {
	__aligned_u64 ticket;
	__u32 arg;			/* 0 to 5 */
	__u32 type;
	__aligned_u64 buffer;
	__u32 len;			/* at most KMVIEW_SNAPSHOT_MAX */
	__u32 flags;
};

/*
 * kmview_snapshot.flags: the bytes are not the thread's, but the monitor's, in its buffer: len of
 * them, with STRING up to their NUL, which must be there (EINVAL).
 */
#define KMVIEW_SNAPSHOT_GIVE	(1U << 0)

#define KMVIEW_SNAPSHOT_MAX	4096

/*
 * KMVIEW_PUT_FD: opens in the thread's process what the caller has open as fd. Returns the number
 * there. KMVIEW_CLOSE_FD: closes one there. At every event that waits. Errors are those of dup(2),
 * dup2(2) and close(2) there: EMFILE by its own limit, EBADF, EBUSY. What is closed there for the last
 * time is so by the caller, which then waits as long as close(2) does: for a socket that lingers, long.
 *
 * A descriptor of the session itself cannot be put there (EINVAL): it would keep itself alive.
 */
#define KMVIEW_FD_CLOEXEC	(1U << 0)
#define KMVIEW_FD_AT		(1U << 1)	/* as number target, in place of what that is */

struct kmview_fd {
	__aligned_u64 ticket;
	__s32 fd;			/* PUT: the caller's */
	__s32 target;			/* AT: the number there; CLOSE: likewise */
	__u32 flags;
	__u32 reserved;
};

/* --- rings -------------------------------------------------------------------------------- */

/*
 * KMVIEW_RING: gives this descriptor's queue a ring for records, to be mapped shared from offset 0:
 * a page with struct kmview_ring, then the data. Threads do not wait for the monitor, but, unless
 * KMVIEW_RING_LOSSY, for room. EBUSY: it has one. A mapping keeps the session alive, as a descriptor
 * does; a child does not inherit it.
 */
#define KMVIEW_RING_LOSSY	(1U << 0)	/* drop and count what does not fit */

struct kmview_ring_setup {
	__aligned_u64 size;		/* of the data: a power of two, 64 KiB to 256 MiB */
	__u32 flags;
	__u32 wake;			/* tell poll(2) only of that many bytes; 0: any */
};

/*
 * The monitor reads records from tail to head (load-acquire), then moves tail (store-release), and
 * if waiting is not 0 after that (full barrier), calls KMVIEW_RING_DONE. Positions only grow;
 * position p is at p % size.
 */
struct kmview_ring {
	__aligned_u64 head;		/* the kernel's: records end here */
	/*
	 * The kernel's: how many did not fit. Without RING_LOSSY: how many were waited with when the
	 * thread was killed or let go.
	 */
	__aligned_u64 lost;
	__aligned_u64 waiting;		/* the kernel's: threads wait for room */
	__aligned_u64 size;
	__aligned_u64 reserved[4];
	__aligned_u64 tail;		/* the monitor's */
};

/*
 * A record: this, then data of struct kmview_data, each from a multiple of 8 on. One with kind 0 is
 * room to be skipped. None wraps; behind its data there may be some room.
 */
struct kmview_record {
	__u32 size;			/* of all of it: a multiple of 8 */
	__u32 nr_data;
	struct kmview_event event;
};

#define KMVIEW_DATA_FAULT	(1U << 0)	/* not all of it was there */
#define KMVIEW_DATA_CUT		(1U << 1)	/* there was more than max */

struct kmview_data {
	__u32 len;			/* bytes that follow; of strings with their NUL, if it is there */
	__u8 arg;
	__u8 type;			/* KMVIEW_COPY_* */
	__u16 flags;
};

/*
 * KMVIEW_SET_COPY: a batch of these: which arguments to copy into records. The first one that is wrong
 * ends it (EINVAL). Of a thread that KMVIEW_MEMORY may not reach there are empty ones, with DATA_FAULT.
 */
#define KMVIEW_COPY_NONE	0	/* forget what was set for the argument */
#define KMVIEW_COPY_STRING	1
#define KMVIEW_COPY_BUFFER	2	/* max bytes, or what len_arg says if that is less */
#define KMVIEW_COPY_STRINGS	3	/* as argv: strings, each with its NUL */

#define KMVIEW_LEN_MAX		0xff	/* kmview_copy.len_arg: max bytes */
#define KMVIEW_LEN_RESULT	0xfe	/* as many as the result of the call, at its RETURN */

struct kmview_copy {
	__u32 abi;
	__u32 nr;
	__u8 arg;			/* 0 to 5 */
	__u8 type;
	__u8 at_return;			/* 1: copied at the RETURN, else at the ENTRY */
	__u8 len_arg;			/* BUFFER: the argument that is its length */
	__u32 max;			/* bytes, at most KMVIEW_COPY_MAX */
};

#define KMVIEW_COPY_MAX		4096

/* --- counts ------------------------------------------------------------------------------- */

/*
 * KMVIEW_COUNTS: the counts of the calls that are, or were, in KMVIEW_CALLS_COUNT, by all threads that
 * are, or were, in the session. They only grow. EINVAL: there has been no such set, or no such numbers.
 *
 * What has begun, but not come back, is among the calls alone; for good if its thread died in it, or
 * another session skipped the call or made it into another one. The time is that from this session's
 * view of the entry to that of the return: with what its own monitor, and those of the sessions that
 * see the call in between, take for it.
 */
struct kmview_count {
	__aligned_u64 calls;
	__aligned_u64 returns;
	__aligned_u64 errors;		/* those of the returns that failed */
	__aligned_u64 time;		/* of those that returned, in ns */
	__aligned_u64 longest;		/* of one, likewise */
};

struct kmview_counts {
	__u32 abi;
	__u32 first;			/* number of the first; kmview_info.max_calls: those beyond it */
	__aligned_u64 counts;		/* out: struct kmview_count[nr_counts] */
	__u32 nr_counts;
	__u32 count_size;		/* sizeof(struct kmview_count) */
	__u32 flags;			/* 0 */
	__u32 reserved;
};

/* --- looking at it ------------------------------------------------------------------------ */

/*
 * /proc/PID/fdinfo/FD of a session's descriptor has lines on the session, and one for each thread:
 *
 *	kmview-session:	threads=2 waiting=1 unread=0 events=4711 lost=0 at-close=detach
 *	kmview-thread:	tid=812 pid=812 kind=3 ticket=77 read=1
 *
 * lost: threads that could not be followed, for want of memory; where calls fail without a monitor, or
 * threads die, they were killed.
 */

#define KMVIEW_INFO		_IOR(KMVIEW_IOC, 0x00, struct kmview_info)
#define KMVIEW_SET_OPTIONS	_IOW(KMVIEW_IOC, 0x01, struct kmview_options)
#define KMVIEW_SET_CALLS	_IOW(KMVIEW_IOC, 0x02, struct kmview_calls)
#define KMVIEW_SET_EVENTS	_IOW(KMVIEW_IOC, 0x03, struct kmview_events)
#define KMVIEW_ADOPT		_IOW(KMVIEW_IOC, 0x04, struct kmview_adopt)
#define KMVIEW_ATTACH		_IOWR(KMVIEW_IOC, 0x05, struct kmview_attach)
#define KMVIEW_DETACH_THREAD	_IOW(KMVIEW_IOC, 0x06, struct kmview_thread)
#define KMVIEW_SET_THREAD	_IOW(KMVIEW_IOC, 0x07, struct kmview_set_thread)
#define KMVIEW_JOIN		_IOW(KMVIEW_IOC, 0x08, struct kmview_join)
#define KMVIEW_ANSWER		_IOW(KMVIEW_IOC, 0x09, struct kmview_answer)
#define KMVIEW_EXCHANGE		_IOWR(KMVIEW_IOC, 0x0a, struct kmview_exchange)
#define KMVIEW_MEMORY		_IOW(KMVIEW_IOC, 0x0b, struct kmview_batch)
#define KMVIEW_SNAPSHOT		_IOW(KMVIEW_IOC, 0x0c, struct kmview_snapshot)
#define KMVIEW_PUT_FD		_IOW(KMVIEW_IOC, 0x0d, struct kmview_fd)
#define KMVIEW_CLOSE_FD		_IOW(KMVIEW_IOC, 0x0e, struct kmview_fd)
#define KMVIEW_SET_FDS		_IOW(KMVIEW_IOC, 0x0f, struct kmview_fds)
#define KMVIEW_SET_PATHS	_IOW(KMVIEW_IOC, 0x10, struct kmview_paths)
#define KMVIEW_RING		_IOW(KMVIEW_IOC, 0x11, struct kmview_ring_setup)
#define KMVIEW_RING_DONE	_IO(KMVIEW_IOC, 0x12)
#define KMVIEW_SET_COPY		_IOW(KMVIEW_IOC, 0x13, struct kmview_batch)
#define KMVIEW_COUNTS		_IOW(KMVIEW_IOC, 0x14, struct kmview_counts)

#endif /* _UAPI_LINUX_KMVIEW_H */
