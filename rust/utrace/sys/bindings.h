/* SPDX-License-Identifier: GPL-2.0 */
/* The input of bindgen. */
#include <linux/utrace.h>

#include "helpers.h"
#include "trace.h"
