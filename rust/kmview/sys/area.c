// SPDX-License-Identifier: GPL-2.0
/*
 * Areas: memory that a process can read, and that the kernel alone writes. For copies of what the
 * arguments of system calls point to.
 *
 * An area is a shared mapping of a file that is not open for writing, so that nothing makes it
 * writable, not even for a debugger; and sealed: until the address space ends, no thread can put
 * something else in its place. So it is not for one call, but used again and again, by one thread at
 * a time. A child by fork has none.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/highmem.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "helpers.h"

#define PLACES 6

struct kmview_area {
	struct kref refs;
	struct hlist_node node;		/* in areas, while it is mapped */
	struct mm_struct *mm;		/* NULL: it is not mapped any more; guarded by the lock */
	bool taken;			/* guarded by the lock */
	unsigned long addr;
	struct page *pages[PLACES];	/* each set once, by who has taken the area */
};

/* By address space. Of one that ends, they are removed before it is freed. */
static DEFINE_HASHTABLE(areas, 6);
static DEFINE_SPINLOCK(lock);

static void free_area(struct kref *refs)
{
	struct kmview_area *area = container_of(refs, struct kmview_area, refs);

	for (int i = 0; i < PLACES; i++)
		if (area->pages[i])
			put_page(area->pages[i]);
	kfree(area);
}

static vm_fault_t fault(struct vm_fault *vmf)
{
	struct kmview_area *area = vmf->vma->vm_private_data;
	struct page *page;

	if (vmf->pgoff >= PLACES)
		return VM_FAULT_SIGBUS;
	/* With what is in it: see kmview_area_write(). */
	page = smp_load_acquire(&area->pages[vmf->pgoff]);
	if (!page)
		return VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

/* It stays one mapping, whatever advice is given about a part of it. */
static int may_split(struct vm_area_struct *vma, unsigned long addr)
{
	return -EINVAL;
}

/* The address space ends. */
static void close_mapping(struct vm_area_struct *vma)
{
	struct kmview_area *area = vma->vm_private_data;

	spin_lock(&lock);
	if (area->mm) {
		hash_del(&area->node);
		area->mm = NULL;
	}
	spin_unlock(&lock);
}

static const struct vm_operations_struct mapping_operations = {
	.fault = fault,
	.may_split = may_split,
	.close = close_mapping,
};

/* Once, by take_new(): nobody else ever has the file. */
static int mmap(struct file *file, struct vm_area_struct *vma)
{
	vm_flags_mod(vma, VM_SEALED | VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP, VM_EXEC | VM_MAYEXEC);
	if (vma->vm_flags & (VM_WRITE | VM_MAYWRITE))
		return -EPERM;
	vma->vm_private_data = file->private_data;
	vma->vm_ops = &mapping_operations;
	return 0;
}

static int release(struct inode *inode, struct file *file)
{
	struct kmview_area *area = file->private_data;

	kref_put(&area->refs, free_area);
	return 0;
}

/* The module stays while there is one. */
static const struct file_operations file_operations = {
	.owner = THIS_MODULE,
	.mmap = mmap,
	.release = release,
};

/* Whether somebody still has what a call before has sent from here without copying. */
static bool in_use(struct kmview_area *area)
{
	for (int i = 0; i < PLACES; i++) {
		struct folio *folio = area->pages[i] ? page_folio(area->pages[i]) : NULL;

		if (folio && folio_ref_count(folio) > 1 + folio_mapcount(folio))
			return true;
	}
	return false;
}

static bool fits(struct kmview_area *area, bool low)
{
	return area->mm == current->mm && !(low && area->addr + PLACES * PAGE_SIZE > U32_MAX) &&
	       !in_use(area);
}

/* Whether the next call of the current thread may use an area that it has taken. */
bool kmview_area_fits(struct kmview_area *area, bool low)
{
	bool ok;

	spin_lock(&lock);
	ok = fits(area, low);
	spin_unlock(&lock);
	return ok;
}

static struct kmview_area *take_old(bool low)
{
	struct kmview_area *area, *found = NULL;

	spin_lock(&lock);
	hash_for_each_possible(areas, area, node, (unsigned long)current->mm) {
		if (!area->taken && fits(area, low)) {
			area->taken = true;
			kref_get(&area->refs);
			found = area;
			break;
		}
	}
	spin_unlock(&lock);
	return found;
}

/* In a 32-bit call, below 4 GiB. */
static struct kmview_area *take_new(void)
{
	struct kmview_area *area = kzalloc(sizeof(*area), GFP_KERNEL_ACCOUNT);
	struct file *file;
	unsigned long addr;

	if (!area)
		return ERR_PTR(-ENOMEM);
	kref_init(&area->refs);
	file = anon_inode_getfile("[kmview]", &file_operations, area, O_RDONLY);
	if (IS_ERR(file)) {
		kfree(area);
		return ERR_CAST(file);
	}
	kref_get(&area->refs);
	addr = vm_mmap(file, 0, PLACES * PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
	fput(file);
	if (IS_ERR_VALUE(addr)) {
		kref_put(&area->refs, free_area);
		/* Of all that may be, such as a limit on what is locked. */
		return ERR_PTR(addr == -EAGAIN ? -ENOMEM : (long)addr);
	}
	area->addr = addr;
	area->taken = true;
	spin_lock(&lock);
	area->mm = current->mm;
	hash_add(areas, &area->node, (unsigned long)area->mm);
	spin_unlock(&lock);
	return area;
}

/* An area of the current process, for the current thread, until kmview_area_leave(). */
struct kmview_area *kmview_area_take(bool low)
{
	return take_old(low) ?: take_new();
}

void kmview_area_leave(struct kmview_area *area)
{
	spin_lock(&lock);
	area->taken = false;
	spin_unlock(&lock);
	kref_put(&area->refs, free_area);
}

unsigned long kmview_area_address(struct kmview_area *area, unsigned int place)
{
	return area->addr + place * PAGE_SIZE;
}

/* Writes a place: at most a page, and zeros behind it. */
int kmview_area_write(struct kmview_area *area, unsigned int place, const void *from, size_t size)
{
	struct page *page = area->pages[place];

	if (!page) {
		page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!page)
			return -ENOMEM;
	}
	memcpy_to_page(page, 0, from, size);
	memzero_page(page, size, PAGE_SIZE - size);
	/* Nobody sees the page before that. */
	smp_store_release(&area->pages[place], page);
	return 0;
}
