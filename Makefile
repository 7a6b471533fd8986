# SPDX-License-Identifier: MIT
# Settings come first; below the line nothing needs a change.
ifeq ($(origin CC),default)
CC := gcc
endif
PREFIX ?= /usr/local
BUILD ?= build
LUA ?= lua5.4
MUSL_CC ?= $(shell command -v musl-gcc || echo $(CC))
OPT ?= -O2 -g
SANITIZE ?=
VERSION := $(shell cat VERSION)
PKGS := lua5.4 libuv libcjson
ARGPARSE ?= $(shell $(LUA) -e 'io.write(package.searchpath("argparse", package.path) or "")')

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
  -Werror=implicit-function-declaration -Werror=incompatible-pointer-types -Werror=int-conversion \
  -Werror=return-type -Werror=format -Werror=uninitialized -Werror=missing-prototypes
CPPFLAGS += -D_GNU_SOURCE -DWX_VERSION='"$(VERSION)"' -iquote src $(shell pkg-config --cflags $(PKGS))
CFLAGS += -std=c11 -fPIC -fvisibility=hidden $(OPT) $(WARN) $(SANITIZE)
LDLIBS += $(shell pkg-config --libs $(PKGS))
LDFLAGS += $(SANITIZE)

# ------------------------------------------------------------------------------
.DELETE_ON_ERROR:
.SUFFIXES:

# Platform code is split by file: peer_linux.c, peer_darwin.c.
FOREIGN := $(if $(filter Darwin,$(shell uname -s)),linux,darwin)
LIB_SRC := $(filter-out %_$(FOREIGN).c,$(wildcard src/core/*.c src/api/*.c)) \
  src/sched.c src/host.c src/embed.c
LIB_OBJ := $(LIB_SRC:src/%.c=$(BUILD)/%.o) $(BUILD)/scripts.o
GUEST := $(patsubst src/guest/%.c,$(BUILD)/guest/wrapix-%,$(wildcard src/guest/*.c))
LUA_FILES := $(shell find lua profiles -name '*.lua' -o -path '*/template/*' -type f 2>/dev/null | sort)
LUA_NAMES := $(patsubst lua/%,%,$(LUA_FILES))

all: $(BUILD)/wrapix $(BUILD)/libwrapix.a $(BUILD)/libwrapix.so $(BUILD)/lua/wrapix.so \
  $(BUILD)/wrapix.pc

$(BUILD)/wrapix: $(BUILD)/main.o $(BUILD)/libwrapix.a
	$(CC) $(LDFLAGS) -o $@ $< -Wl,--whole-archive $(BUILD)/libwrapix.a -Wl,--no-whole-archive $(LDLIBS)

$(BUILD)/libwrapix.a: $(LIB_OBJ)
	rm -f $@ && ar rcs $@ $^

$(BUILD)/libwrapix.so: $(LIB_OBJ)
	$(CC) $(LDFLAGS) -shared -Wl,-soname,libwrapix.so.0 -o $@ $^ $(LDLIBS)

# The module of a stock Lua must not bring a second copy of liblua.
$(BUILD)/lua/wrapix.so: $(LIB_OBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -shared -o $@ $^ $(shell pkg-config --libs libuv libcjson)

$(BUILD)/wrapix.pc: src/wrapix.pc.in VERSION
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' $< > $@

$(BUILD)/%.o: src/%.c VERSION
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/scripts.o: $(BUILD)/scripts.c
	$(CC) $(CPPFLAGS) -std=c11 -fPIC -fvisibility=hidden -O0 -c -o $@ $<

$(BUILD)/guest/wrapix-%: src/guest/%.c VERSION
	@mkdir -p $(@D)
	$(MUSL_CC) -std=c11 -DWX_VERSION='"$(VERSION)"' -Os $(WARN) -static -s -o $@ $<

# The list itself is a prerequisite: a removed file must leave the binary too.
$(BUILD)/scripts.list: FORCE
	@mkdir -p $(@D)
	@echo '$(LUA_FILES) $(GUEST) $(ARGPARSE)' | cmp -s - $@ || echo '$(LUA_FILES) $(GUEST) $(ARGPARSE)' > $@
FORCE:

$(BUILD)/scripts.c: src/pack.lua $(BUILD)/scripts.list $(LUA_FILES) $(GUEST)
	@test -n '$(ARGPARSE)' || { echo 'argparse for Lua 5.4 is missing: make deps' >&2; exit 1; }
	$(LUA) src/pack.lua $@ argparse.lua=$(ARGPARSE) \
	  $(join $(addsuffix =,$(LUA_NAMES)),$(LUA_FILES)) \
	  $(join $(patsubst $(BUILD)/%,%=,$(GUEST)),$(GUEST))

-include $(LIB_OBJ:.o=.d) $(BUILD)/main.d

UNIT_C := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/core/*_test.c))

$(BUILD)/tests/%: tests/%.c tests/unit/core/tap.h $(BUILD)/libwrapix.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/libwrapix.a $(LDLIBS)

unit-c: $(UNIT_C)
	@for test in $^; do $$test || exit 1; done

unit: all unit-c
	$(BUILD)/wrapix --run tests/run.lua tests/unit

clean:
	rm -rf $(BUILD)

.PHONY: all unit unit-c clean FORCE
