// SPDX-License-Identifier: GPL-2.0
/*
 * The memory that a session and its monitor share, and what goes into it from the memory of the
 * current thread.
 */
#include <linux/mm.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "helpers.h"

/* Charged to who asks for it. */
void *kmview_ring_alloc(size_t size)
{
	return __vmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
}

void kmview_ring_free(void *base)
{
	vfree(base);
}

static vm_fault_t fault(struct vm_fault *vmf)
{
	size_t size, pos = vmf->pgoff << PAGE_SHIFT;
	void *base = kmview_file_ring(vmf->vma->vm_file->private_data, &size);

	if (!base || pos >= size)
		return VM_FAULT_SIGBUS;
	vmf->page = vmalloc_to_page(base + pos);
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct operations = {
	.fault = fault,
};

/* Not for children: those that are traced would keep the session alive. */
int kmview_ring_mmap(struct file *file, struct vm_area_struct *vma)
{
	size_t size, end;
	void *base = kmview_file_ring(file->private_data, &size);

	if (!base)
		return -ENODEV;
	if (!(vma->vm_flags & VM_SHARED) || (vma->vm_flags & VM_EXEC))
		return -EINVAL;
	if (check_add_overflow(vma->vm_pgoff, vma_pages(vma), &end) || end > size >> PAGE_SHIFT)
		return -EINVAL;
	vm_flags_mod(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYEXEC);
	vma->vm_ops = &operations;
	return 0;
}

/* The kernel crate's has another form in each kernel. */
void kmview_smp_mb(void)
{
	/* What for is said where it is called. */
	smp_mb();
}

u64 kmview_now(void)
{
	return ktime_get_ns();
}

/* Gives how many bytes there were. */
size_t kmview_copy_buffer(void *to, unsigned long from, size_t size)
{
	return size - copy_from_user(to, (const void __user *)from, size);
}

/* Gives how many bytes there were, up to and with a NUL. */
size_t kmview_copy_string(char *to, unsigned long from, size_t size)
{
	long len = strncpy_from_user(to, (const char __user *)from, size);
	size_t done = 0;

	if (len >= 0)
		return len == size ? size : len + 1;
	/* It is not all there, or perhaps its end just before what is not. */
	while (done < size) {
		size_t part = min(size - done, PAGE_SIZE - (from + done) % PAGE_SIZE);
		size_t got = kmview_copy_buffer(to + done, from + done, part);
		char *nul = memchr(to + done, 0, got);

		if (nul)
			return nul + 1 - to;
		done += got;
		if (got < part)
			break;
	}
	return done;
}
