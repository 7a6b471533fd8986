# SPDX-License-Identifier: MIT
# Builds, tests and installs wrapix; `make help` lists the targets. Settings come
# first; below the line nothing needs a change.
ifeq ($(origin CC),default)
CC := gcc
endif
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
LUA_CDIR ?= $(LIBDIR)/lua/5.4
DOCDIR ?= $(PREFIX)/share/doc/wrapix
BASH_COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONS ?= $(PREFIX)/share/zsh/site-functions
FISH_COMPLETIONS ?= $(PREFIX)/share/fish/vendor_completions.d
DESTDIR ?=
BUILD ?= build
LUA ?= lua5.4
MUSL_CC ?= $(shell command -v musl-gcc || echo $(CC))
# The programs that go into sandboxes: for which machine, made by what, or made already.
# A Mac runs them in a virtual machine with Linux, and takes those that a Linux machine made
# with `make guest GUEST_ARCH=aarch64`.
SYSTEM := $(shell uname -s)
MACHINE := $(subst arm64,aarch64,$(shell uname -m))
GUEST_ARCH ?= $(MACHINE)
GUEST_CC ?= $(if $(filter Linux-$(MACHINE),$(SYSTEM)-$(GUEST_ARCH)),$(MUSL_CC),$(GUEST_ARCH)-linux-gnu-gcc)
# A directory of such programs, to be taken instead of making any.
GUEST_DIR ?=
OPT ?= -O2 -g
# For CI: -Werror. An unknown compiler may warn of more than ours do.
WERROR ?=
# -fsanitize=..., for compiler and linker; see the target asan.
SANITIZE ?=
ARGPARSE ?= $(shell $(LUA) -e 'io.write(package.searchpath("argparse", package.path) or "")' 2>&-)

# ------------------------------------------------------------------------------
# A short line for each command; V=1 shows the commands.
ifeq ($(V),)
Q = @printf '  %-5s %s\n' $(1) $@;
else
Q =
endif

.DELETE_ON_ERROR:
.SUFFIXES:

VERSION := $(shell cat src/VERSION)
SONAME := libwrapix.so.0
PKGS := lua5.4 libuv libcjson
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
  -Werror=implicit-function-declaration -Werror=incompatible-pointer-types -Werror=int-conversion \
  -Werror=return-type -Werror=format -Werror=uninitialized -Werror=missing-prototypes $(WERROR)
# CPPFLAGS, CFLAGS, LDFLAGS and LDLIBS of the caller are added, never replaced.
define_version := -DWX_VERSION='"$(VERSION)"'
cppflags := -D_GNU_SOURCE $(define_version) -iquote src \
  $(shell pkg-config --cflags $(PKGS) 2>&-) $(CPPFLAGS)
base_cflags := -std=c11 -fPIC -fvisibility=hidden
cflags := $(base_cflags) $(OPT) $(WARN) $(SANITIZE) $(CFLAGS)
ldflags := $(SANITIZE) $(LDFLAGS)
ldlibs := $(shell pkg-config --libs $(PKGS) 2>&-) -lm $(LDLIBS)
module_ldlibs := $(shell pkg-config --libs $(filter-out lua5.4,$(PKGS)) 2>&-) -lm $(LDLIBS)
guest_cflags := -std=c11 -Os $(WARN) -static -s $(define_version)

# Platform code is split by file: peer_linux.c, peer_darwin.c.
FOREIGN := $(if $(filter Darwin,$(SYSTEM)),linux,darwin)
LIB_SRC := $(filter-out %_$(FOREIGN).c,$(wildcard src/core/*.c src/api/*.c)) \
  src/sched.c src/host.c src/embed.c
LIB_OBJ := $(LIB_SRC:src/%.c=$(BUILD)/%.o) $(BUILD)/scripts.o
GUEST_OUT := $(BUILD)/guest$(if $(filter $(MACHINE),$(GUEST_ARCH)),,-$(GUEST_ARCH))
GUEST := $(patsubst src/guest/%.c,$(or $(GUEST_DIR),$(GUEST_OUT))/wrapix-%,$(wildcard src/guest/*.c))
LUA_FILES := $(shell find lua profiles -name '*.lua' -o -name '*.sh' -o -path '*/template/*' -type f 2>&- | sort)
LUA_NAMES := $(patsubst lua/%,%,$(LUA_FILES))
UNIT_C := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/core/*_test.c))
# Programs that specs of integration start: a double of podman, a terminal.
DOUBLE_SRC := $(wildcard tests/support/fake_podman/*.c)
DOUBLES := $(if $(DOUBLE_SRC),$(BUILD)/tests/fake_podman) \
  $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/support/pty.c tests/support/activate.c))

all: $(BUILD)/wrapix $(BUILD)/libwrapix.a $(BUILD)/libwrapix.so $(BUILD)/lua/wrapix.so \
  $(BUILD)/wrapix.pc

# What the files are made with and from. Each list is a prerequisite, so that
# another compiler, another flag or a removed file is noticed like an edit.
# $(call remember,TEXT): writes it into the target where it differs.
remember = printf '%s\n' '$(subst ','\'',$(1))' | cmp -s - $@ || \
  printf '%s\n' '$(subst ','\'',$(1))' >$@

$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@test -f $@ || pkg-config --exists $(PKGS) 2>&- || \
	  { echo 'make: $(PKGS): not found by pkg-config; hint: make deps' >&2; exit 1; }
	@$(call remember,$(CC) $(cppflags) $(cflags) | $(ldflags) $(ldlibs))

$(BUILD)/objects.list: FORCE
	@mkdir -p $(@D)
	@$(call remember,$(LIB_OBJ))

$(BUILD)/scripts.list: FORCE
	@mkdir -p $(@D)
	@$(call remember,$(LUA_FILES) $(GUEST) $(ARGPARSE))
FORCE:

ifeq ($(SYSTEM),Darwin)
whole_archive = -Wl,-force_load,$(1)
shared := -dynamiclib -Wl,-install_name,$(LIBDIR)/$(SONAME)
module := -bundle -Wl,-undefined,dynamic_lookup
else
whole_archive = -Wl,--whole-archive $(1) -Wl,--no-whole-archive
shared := -shared -Wl,-soname,$(SONAME)
module := -shared
endif

$(BUILD)/wrapix: $(BUILD)/main.o $(BUILD)/libwrapix.a
	$(call Q,LINK)$(CC) $(ldflags) -o $@ $< $(call whole_archive,$(BUILD)/libwrapix.a) $(ldlibs)

$(BUILD)/libwrapix.a: $(LIB_OBJ) $(BUILD)/objects.list
	$(call Q,AR)rm -f $@ && ar rcs $@ $(LIB_OBJ)

$(BUILD)/$(SONAME): $(LIB_OBJ) $(BUILD)/objects.list
	$(call Q,LINK)$(CC) $(ldflags) $(shared) -o $@ $(LIB_OBJ) $(ldlibs)

$(BUILD)/libwrapix.so: $(BUILD)/$(SONAME)
	@ln -sf $(SONAME) $@

# The module of a stock Lua must not bring a second copy of liblua.
$(BUILD)/lua/wrapix.so: $(LIB_OBJ) $(BUILD)/objects.list
	@mkdir -p $(@D)
	$(call Q,LINK)$(CC) $(ldflags) $(module) -o $@ $(LIB_OBJ) $(module_ldlibs)

write_pc = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
  -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' src/wrapix.pc.in

$(BUILD)/wrapix.pc: src/wrapix.pc.in src/VERSION $(BUILD)/flags
	@$(write_pc) >$@

$(BUILD)/%.o: src/%.c src/VERSION $(BUILD)/flags
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(cppflags) $(cflags) -MMD -MP -c -o $@ $<

# A table of bytes: nothing to optimise, nothing to check.
$(BUILD)/scripts.o: $(BUILD)/scripts.c $(BUILD)/flags
	$(call Q,CC)$(CC) $(cppflags) $(base_cflags) $(SANITIZE) -O0 -c -o $@ $<

# What is too long for one file has its parts in a directory of its name.
$(GUEST_OUT)/wrapix-vm: $(wildcard src/guest/vm/*)
$(GUEST_OUT)/wrapix-%: src/guest/%.c src/VERSION $(GUEST_OUT).flags
	@mkdir -p $(@D)
	$(call Q,GUEST)$(GUEST_CC) $(guest_cflags) -o $@ $(filter %.c,$^)

$(GUEST_OUT).flags: FORCE
	@mkdir -p $(@D)
	@$(need_guest_cc)
	@$(call remember,$(GUEST_CC) $(guest_cflags))

need_guest_cc = command -v $(firstword $(GUEST_CC)) >/dev/null || { \
  echo 'make: $(firstword $(GUEST_CC)): not found, and it makes the programs for inside a sandbox;' \
  'hint: make GUEST_DIR=DIR, with DIR as `make guest GUEST_ARCH=$(GUEST_ARCH)` on Linux left it' >&2; exit 1; }

# Those of another version would not understand this one.
check_guests = test -z '$(GUEST_DIR)' || grep -aqF 'wrapix-init $(VERSION)' '$(GUEST_DIR)/wrapix-init' || { \
  echo 'make: $(GUEST_DIR)/wrapix-init: not of version $(VERSION)' >&2; exit 1; }

$(BUILD)/scripts.c: src/pack.lua src/strip.lua $(BUILD)/scripts.list $(LUA_FILES) $(GUEST)
	@test -n '$(ARGPARSE)' || { echo 'make: argparse for Lua 5.4: not found; hint: make deps' >&2; exit 1; }
	@$(check_guests)
	$(call Q,PACK)$(LUA) src/pack.lua $@ argparse.lua=$(ARGPARSE) \
	  $(join $(addsuffix =,$(LUA_NAMES)),$(LUA_FILES)) \
	  $(join $(patsubst %,guest/%=,$(notdir $(GUEST))),$(GUEST))

# The machine of Macs, whose virtual machines run Linux programs: made here to be tried here.
CROSS_ARCH := aarch64
has_cross := $(and $(filter Linux,$(SYSTEM)),$(filter-out $(CROSS_ARCH),$(MACHINE)),\
  $(shell command -v $(CROSS_ARCH)-linux-gnu-gcc))

guest: $(GUEST)
	@echo 'the programs are in $(or $(GUEST_DIR),$(GUEST_OUT))'

cross:
	@test -z '$(has_cross)' || $(MAKE) --no-print-directory guest GUEST_ARCH=$(CROSS_ARCH) GUEST_DIR= \
	  GUEST_CC=$(CROSS_ARCH)-linux-gnu-gcc >/dev/null

-include $(LIB_OBJ:.o=.d) $(BUILD)/main.d $(UNIT_C:=.d)

## all           build everything into build/ (the default)
## deps          install what building and running need (Debian, Ubuntu)
## guest         only what runs inside a sandbox; GUEST_ARCH=aarch64 for a Mac, where
##               `make GUEST_DIR=DIR` takes the directory
## demo          install, build, and watch a toy agent do three issues in sandboxes
deps:
	@.ci/deps run

# The second make reads anew what the first one could not find before `deps`.
demo: deps
	@mkdir -p $(BUILD)
	@echo '== Building wrapix'
	@$(MAKE) --no-print-directory all >$(BUILD)/make.log 2>&1 || { cat $(BUILD)/make.log >&2; exit 1; }
	@$(BUILD)/wrapix examples/demo/demo.lua

## test          install what the tests need, run them all
## check         unit and integration tests; no container engine needed
## unit, integration, e2e     one ring; SPEC=tests/unit/... for one file or directory
test-deps:
	@.ci/deps run test

test: test-deps
	@$(MAKE) --no-print-directory tested fault
	@BUILD=$(BUILD) tests/suite unit integration e2e

tested: all $(UNIT_C) $(DOUBLES)

# Some of the tests end wrapix in the middle of a step.
check integration asan: fault

check unit integration e2e: tested
	@BUILD=$(BUILD) tests/suite $(if $(filter check,$@),unit integration,$@)

$(BUILD)/tests/unit/%: tests/unit/%.c $(BUILD)/libwrapix.a
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(cppflags) $(cflags) -MMD -MP -MF $@.d $(ldflags) -o $@ $< $(BUILD)/libwrapix.a $(ldlibs)

# Without sanitizers, which would speak through the doubles.
$(BUILD)/tests/fake_podman: $(DOUBLE_SRC) $(wildcard tests/support/fake_podman/*.h) $(BUILD)/flags
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) -D_GNU_SOURCE -std=c11 $(OPT) $(WARN) -o $@ $(DOUBLE_SRC)

$(BUILD)/tests/support/%: tests/support/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) -D_GNU_SOURCE -std=c11 $(OPT) $(WARN) -o $@ $< -lutil

## asan          unit and integration tests with address and undefined behaviour checks
## valgrind      tests of the C modules under valgrind
## gcstress      specs of the C modules with a collector that never rests
# The checks added to each access make gcc doubt texts that are cut on purpose.
asan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan OPT='-O1 -g -fno-omit-frame-pointer' \
	  SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined -Wno-format-truncation' tested
	@BUILD=$(BUILD)/asan tests/suite --asan unit integration

valgrind: tested
	@BUILD=$(BUILD) tests/suite --valgrind unit

gcstress: tested
	@BUILD=$(BUILD) tests/suite --gcstress unit

## fault         a build that ends itself where WRAPIX_FAULT says; see lua/wrapix/fault.lua
## crash         kill it at every step on the test hosts; ARGS=--quick, ARGS=deb13 for a part
fault:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fault OPT='$(OPT) -DWX_FAULTS' $(BUILD)/fault/wrapix

crash: fault
	@BUILD=$(BUILD) tests/crash/run $(ARGS)

## conformance   one list of behaviours on each runtime; ARGS=--all for docs/conformance.md
conformance: tested
	@BUILD=$(BUILD) tests/conformance/run $(ARGS)

## lint          luacheck, shellcheck, clang-tidy, cppcheck, builds without a warning
## check-portability   compile as musl and macOS would; try the programs for aarch64
## bench         measure what wrapix costs on top of the engine
lint:
	@BUILD=$(BUILD) .ci/lint

check-portability: all cross
	@BUILD=$(BUILD) tests/portability/run

# The style of the C code as clang-format knows it; part of nothing else.
format-check:
	clang-format --dry-run --Werror $(shell git ls-files 'src/*.[ch]')

bench: all
	@BUILD=$(BUILD) tests/bench/run

## install, uninstall         with PREFIX= (/usr/local) and DESTDIR=
DOCS := $(wildcard README.md LICENSE CHANGELOG.md docs/*.md)
# Names by which the program is another command; see PROGRAMS of wrapix.cli.
OTHER_NAMES := ralph wrapix-notifyd wrapix-builder
LINKS := $(addprefix $(BINDIR)/,$(OTHER_NAMES))
# bash and fish look for a file with the name of the command.
COMPLETION_LINKS := $(addprefix $(BASH_COMPLETIONS)/,$(OTHER_NAMES)) \
  $(OTHER_NAMES:%=$(FISH_COMPLETIONS)/%.fish)
COMPLETIONS := $(BASH_COMPLETIONS)/wrapix $(ZSH_COMPLETIONS)/_wrapix $(FISH_COMPLETIONS)/wrapix.fish
INSTALLED := $(BINDIR)/wrapix $(LINKS) $(COMPLETIONS) $(COMPLETION_LINKS) $(INCLUDEDIR)/wrapix.h $(LUA_CDIR)/wrapix.so \
  $(addprefix $(LIBDIR)/,libwrapix.a libwrapix.so $(SONAME) pkgconfig/wrapix.pc) \
  $(addprefix $(DOCDIR)/,$(notdir $(DOCS)))
INSTALL_DATA := install -m 644
INSTALL_PROGRAM := install -m 755
# Into a staging directory nothing is linked from, so the cache of libraries stays.
ldconfig = test -n '$(DESTDIR)' || ldconfig 2>&- || true

install: all
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(INCLUDEDIR) $(LUA_CDIR) $(LIBDIR)/pkgconfig $(DOCDIR) \
	  $(BASH_COMPLETIONS) $(ZSH_COMPLETIONS) $(FISH_COMPLETIONS))
	$(INSTALL_PROGRAM) $(BUILD)/wrapix $(DESTDIR)$(BINDIR)/wrapix
	for link in $(LINKS); do ln -sf wrapix $(DESTDIR)$$link || exit; done
	$(INSTALL_DATA) src/wrapix.h $(DESTDIR)$(INCLUDEDIR)/wrapix.h
	$(INSTALL_DATA) $(BUILD)/lua/wrapix.so $(DESTDIR)$(LUA_CDIR)/wrapix.so
	$(INSTALL_DATA) $(BUILD)/libwrapix.a $(BUILD)/$(SONAME) $(DESTDIR)$(LIBDIR)/
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libwrapix.so
	$(write_pc) >$(DESTDIR)$(LIBDIR)/pkgconfig/wrapix.pc
	chmod 644 $(DESTDIR)$(LIBDIR)/pkgconfig/wrapix.pc
	$(INSTALL_DATA) $(DOCS) $(DESTDIR)$(DOCDIR)/
	$(BUILD)/wrapix completion bash >$(DESTDIR)$(BASH_COMPLETIONS)/wrapix
	$(BUILD)/wrapix completion zsh >$(DESTDIR)$(ZSH_COMPLETIONS)/_wrapix
	$(BUILD)/wrapix completion fish >$(DESTDIR)$(FISH_COMPLETIONS)/wrapix.fish
	chmod 644 $(addprefix $(DESTDIR),$(COMPLETIONS))
	for name in $(OTHER_NAMES); do ln -sf wrapix $(DESTDIR)$(BASH_COMPLETIONS)/$$name && \
	  ln -sf wrapix.fish $(DESTDIR)$(FISH_COMPLETIONS)/$$name.fish || exit; done
	@$(ldconfig)

uninstall:
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	@test ! -d $(DESTDIR)$(DOCDIR) || rmdir --ignore-fail-on-non-empty $(DESTDIR)$(DOCDIR)
	@$(ldconfig)

## clean         remove build/
clean:
	rm -rf $(BUILD)

help:
	@sed -n 's/^## //p' Makefile

.PHONY: all guest cross deps demo test-deps test tested check unit integration e2e asan valgrind gcstress \
  fault crash conformance lint check-portability format-check bench install uninstall clean help FORCE
