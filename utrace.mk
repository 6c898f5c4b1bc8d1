# SPDX-License-Identifier: GPL-2.0
#
# For the Kbuild of a module in Rust that uses utrace:
#
#   obj-m := mine.o
#   include $(UTRACE)/utrace.mk
#
# "make module M=DIR" passes UTRACE, the folder with what utrace's own build left.

ifeq ($(wildcard $(UTRACE)/libutrace.rmeta),)
$(error UTRACE=$(UTRACE) holds no libutrace.rmeta: build utrace first)
endif

utrace_users ?= $(obj-m)
$(foreach user,$(utrace_users),$(eval RUSTFLAGS_$(user) += --extern utrace=$(UTRACE)/libutrace.rmeta))
# Rebuilt when utrace is: a module made for other sources of it is refused at load.
$(addprefix $(obj)/,$(utrace_users)): $(UTRACE)/libutrace.rmeta
