# SPDX-License-Identifier: GPL-2.0
# What one does with this tree; "make help" lists it. The modules themselves are described to kbuild by Kbuild.
#
# K=VERSION  kernel (scripts/kernels), default the first one; for "test": that one only
# KDIR=DIR   a kernel tree prepared for Rust modules, used with the machine's own tools instead of the build root
# M=DIR      with "module": where its Kbuild is
# T=PATTERN  with "test": tests whose names match; with "peers": suites, or SUITE:PROGRAM
# DIR=DIR    with "tools": install them there (DIR/bin, DIR/share/man)
# PRIVATE=1  with "doc": private items too
# V=1        show commands

K ?=
DIR ?=
KDIR ?=
T ?=
PRIVATE ?=
V ?=
CLIPPY ?=

ifneq ($(V),)
  kbuild := V=$(V)
else
  Q := @
endif
ifneq ($(CLIPPY),)
  kbuild += CLIPPY=$(CLIPPY)
endif

select := $(if $(KDIR),--kdir "$(KDIR)",--kernel "$(K)")

.PHONY: all
all: modules

.PHONY: help
help: ## list the targets
	@echo 'usage: make [TARGET...] [K=VERSION] [KDIR=DIR] [T=PATTERN] [V=1]'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F '|' '{ printf "%-14s %s\n", $$1, $$2 }'
	@echo
	@sed -n 's/^# \([A-Z]*\(=[A-Z]*\|=1\)  .*\)/  \1/p' Makefile
	@echo '  UTRACE_CACHE   where everything made goes (now $(or $(UTRACE_CACHE),$${XDG_CACHE_HOME:-~/.cache}/utrace))'

.PHONY: modules
modules: ## build the modules (default)
	$(Q)scripts/modules $(select) $(kbuild)

.PHONY: modules-test
modules-test: ## build the modules with the tests' delay points and fault switches
	$(Q)scripts/modules $(select) --flavour test $(kbuild)

.PHONY: module
module: ## build the module of yours in M=DIR, which uses utrace
	$(Q)scripts/module --kernel "$(K)" "$(M)"

.PHONY: tools
tools: ## build what runs in user space: the program kmview and its manual pages
	$(Q)scripts/tools $(DIR)

.PHONY: selftests
selftests: ## build and install (in the cache) the kselftests
	$(Q)scripts/selftests "$(K)"

.PHONY: test
test: ## run all tests: on the host, and in virtual machines with each supported kernel
	$(Q)K="$(K)" T="$(T)" scripts/test

.PHONY: test-debug
test-debug: ## run the tests in a virtual machine whose kernel checks locking, RCU, memory and objects
	$(Q)K="$(or $(K:%=%-debug),debug)" T="$(T)" scripts/test

.PHONY: peers
peers: ## run the kernel's own selftests without utrace, with it, and with every thread traced; show what differs
	$(Q)K="$(K)" T="$(T)" scripts/peers

.PHONY: model
model: ## explore the interleavings of the core with loom
	$(Q)scripts/model

.PHONY: demo
demo: ## see it at work
	$(Q)scripts/demo

.PHONY: shell
shell: modules ## a shell in a virtual machine, all modules loaded
	$(Q)qemu/run --kernel "$(K)" --load

.PHONY: check
check: ## formatting, lints and static checks
	$(Q)scripts/check

.PHONY: doc
doc: ## build the documentation of the API; PRIVATE=1 for that of the internals
	$(Q)scripts/doc $(if $(PRIVATE),private)

.PHONY: install
install: ## build for the running kernel (or KDIR's) and install
	$(Q)scripts/install "$(KDIR)"

.PHONY: clean
clean: ## remove what was built from this tree
	$(Q)scripts/clean

.PHONY: distclean
distclean: ## remove the whole cache: build root, kernels and all
	$(Q)scripts/clean --all
