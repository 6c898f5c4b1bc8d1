/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the C and the Rust of kmview.
 */
#ifndef KMVIEW_HELPERS_H
#define KMVIEW_HELPERS_H

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

/* device.c, and what it calls: sys/device.rs */
int kmview_device_register(void);
void kmview_device_unregister(void);
void *kmview_file_open(void);
void kmview_file_release(void *private);
long kmview_file_read(void *private, unsigned long buf, size_t size, bool nonblock);
unsigned int kmview_file_poll(void *private, struct file *file, struct poll_table_struct *table);
long kmview_file_ioctl(void *private, unsigned int cmd, unsigned long arg);
void kmview_file_show(void *private, struct seq_file *m);
void *kmview_file_ring(void *private, size_t *size);
bool kmview_file_is_of(void *private, const void *session);
struct file *kmview_fget(int fd);
void *kmview_file_of(struct file *file);
void kmview_fput(struct file *file);
void kmview_close_own_files(const void *session);
bool kmview_is_of_session(struct file *file, const void *session);

/* ring.c */
void *kmview_ring_alloc(size_t size);
void kmview_ring_free(void *base);
int kmview_ring_mmap(struct file *file, struct vm_area_struct *vma);
void kmview_smp_mb(void);
u64 kmview_now(void);
size_t kmview_copy_buffer(void *to, unsigned long from, size_t size);
size_t kmview_copy_string(char *to, unsigned long from, size_t size);

/* words.c */
bool kmview_read_words(u64 *to, unsigned long from, size_t count);
bool kmview_write_words(unsigned long to, const u64 *from, size_t count);

/* wait.c */
void kmview_sleeper_init(void);
bool kmview_sleeper_begin(struct task_struct **sleeper);
void kmview_sleeper_wakes(void);
long kmview_sleeper_sleep(long timeout);
void kmview_sleeper_end(struct task_struct **sleeper);
bool kmview_sleeper_wake(struct task_struct **sleeper);
bool kmview_give_way(void);
void kmview_pollers_init(struct wait_queue_head *pollers);
void kmview_pollers_free(struct wait_queue_head *pollers);
void kmview_pollers_add(struct wait_queue_head *pollers, struct file *file,
			struct poll_table_struct *table);
void kmview_pollers_wake(struct wait_queue_head *pollers, bool all);

/* names.c */
struct kmview_names {
	u8 fds;		/* which arguments are descriptors, as bits */
	u8 paths;	/* which are paths, relative to the current directory */
	u8 ats;		/* which are, relative to the descriptor before it */
	u8 change;	/* what becomes of descriptors: */
};

#define KMVIEW_FDS_CLOSE	1
#define KMVIEW_FDS_CLOSE_RANGE	2
#define KMVIEW_FDS_DUP		3
#define KMVIEW_FDS_DUP2		4
#define KMVIEW_FDS_FCNTL	5
#define KMVIEW_FDS_UNSHARE	6
#define KMVIEW_FDS_IN_MEMORY	7	/* nothing, but it names some that are no arguments */

void kmview_names_init(void);
const struct kmview_names *kmview_names(unsigned int abi, int nr);
bool kmview_is_open(int fd);
int kmview_directory(int fd, char *buf, int size);
const void *kmview_files(struct task_struct *task);

/* area.c */
struct kmview_area;

struct kmview_area *kmview_area_take(bool low);
void kmview_area_leave(struct kmview_area *area);
bool kmview_area_fits(struct kmview_area *area, bool low);
unsigned long kmview_area_address(struct kmview_area *area, unsigned int place);
int kmview_area_write(struct kmview_area *area, unsigned int place, const void *from, size_t size);

/* descriptor.c */
int kmview_descriptor_init(void);
struct file *kmview_file_get(int fd);
void kmview_file_put(struct file *file);
int kmview_fd_put(struct file *file, int target, bool cloexec);
int kmview_fd_close(int fd);

/* call.S */
long kmview_call3(unsigned long address, unsigned long a, unsigned long b, unsigned long c);

/* task.c */
struct kmview_opener {
	const struct cred *cred;
	struct pid_namespace *pid_ns;
};

bool kmview_is_confined(void);
void kmview_opener_init(struct kmview_opener *opener);
void kmview_opener_get(const struct kmview_opener *opener);
void kmview_opener_free(struct kmview_opener *opener);
bool kmview_opener_may_trace(const struct kmview_opener *opener, struct task_struct *task);
bool kmview_opener_may_access(const struct kmview_opener *opener, struct task_struct *task);
int kmview_tid(const struct kmview_opener *opener, struct task_struct *task);
int kmview_tgid(const struct kmview_opener *opener, struct task_struct *task);
void kmview_kill(struct task_struct *task);
bool kmview_is_dead(struct task_struct *task);
bool kmview_is_dying(struct task_struct *task);
struct task_struct *kmview_thread_after(struct task_struct *task, int after, u64 until);
bool kmview_same_process(struct task_struct *a, struct task_struct *b);

#endif
