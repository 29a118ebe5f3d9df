# luabuild: `make help` lists the targets.

# ---- settings ----
PREFIX  ?= /usr/local
B       ?= build
CC      ?= gcc
OPT     ?= -O2 -g
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

PACKAGES  = lua5.4 lua5.4-cjson lua5.4-filesystem libcurl libxml-2.0 libssh2 libarchive libssl libcrypto libcrypt libmicrohttpd libedit
DEPS      = gcc make libc6-dev pkg-config git ca-certificates liblua5.4-dev lua-cjson-dev lua-filesystem-dev \
            libcurl4-openssl-dev libxml2-dev libssh2-1-dev libarchive-dev libssl-dev libcrypt-dev libmicrohttpd-dev libedit-dev
TEST_DEPS = golang-go golang-github-vmware-govmomi-dev golang-golang-x-crypto-dev golang-github-pkg-sftp-dev \
            qemu-system-x86 qemu-utils ovmf openssh-server openssh-client libpam-wrapper openssl curl \
            mtools dosfstools xorriso isolinux syslinux-common extlinux busybox-static e2fsprogs fdisk cpio \
            lua-check cppcheck valgrind

# each warning group and why
WARN  = -Wall -Wextra -Werror            # the usual, and no excuses
WARN += -Wshadow -Wwrite-strings -Wundef # names and literals mean one thing
WARN += -Wconversion -Wvla               # no silent narrowing, no unbounded stack
WARN += -Wstrict-prototypes -Wmissing-prototypes

# ---- no need to change below ----
CPPFLAGS := -D_POSIX_C_SOURCE=200809L -DLB_VERSION='"$(VERSION)"' -Isrc -I$(B)
# the libraries that Debian also ships as archives are linked in: pkg-config gives -l names, LUALIBS the archives
LUALIBS  := -Wl,-Bstatic -llua5.4-cjson -llua5.4-filesystem -llua5.4 -Wl,-Bdynamic -lm -ldl
CFLAGS   := -std=c11 $(OPT) $(WARN) $(SAN) $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
LDLIBS   := $(LUALIBS) $(shell pkg-config --libs $(filter-out lua%,$(PACKAGES)) 2>/dev/null)
LDFLAGS  := -Wl,--as-needed -Wl,-E

TOOLS   := src/mkembed.c src/mkvim.c
SOURCES := $(filter-out $(TOOLS),$(wildcard src/*.c))
MODULES := $(patsubst src/%.c,%,$(shell grep -l '^int luaopen_lb_' $(SOURCES)))
OBJECTS := $(SOURCES:src/%.c=$(B)/%.o) $(B)/embedded.o $(B)/vim_tables.o
LUA     := $(sort $(shell find lua -name '*.lua' 2>/dev/null))

.PHONY: all deps test-deps test demo lab lab-tools check bench install clean help
all: $(B)/luabuild ## build/luabuild

$(B)/luabuild: $(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJECTS) $(LDLIBS)

$(B)/%.o: src/%.c | $(B)/modules.h
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/embedded.o $(B)/vim_tables.o: $(B)/%.o: $(B)/%.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(B)/embedded.c: $(B)/mkembed $(LUA) $(SOURCES)
	$(B)/mkembed lua/ $(LUA) $(SOURCES) > $@.new && mv $@.new $@

# the vSphere API as constant tables
$(B)/mkvim $(B)/vim_tables.o: src/vim_table.h
$(B)/vim_tables.c: $(B)/mkvim src/vim25.schema
	$(B)/mkvim src/vim25.schema > $@.new && mv $@.new $@

$(B)/mk%: src/mk%.c | $(B)
	$(CC) -std=c11 -O1 $(WARN) -D_POSIX_C_SOURCE=200809L -o $@ $<

# the list of C modules: every file that defines luaopen_lb_NAME
$(B)/modules.h: $(SOURCES) | $(B)
	@printf 'X(%s)\n' $(MODULES) > $@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@; touch $@

$(B):
	mkdir -p $@

-include $(wildcard $(B)/*.d)

# ---- people ----
deps: ## install what building and running need (Debian 12)
	@src/apt $(DEPS)

test-deps: deps ## install what tests, lab and demo need besides
	@src/apt $(TEST_DEPS)

test: test-deps all lab-tools ## run every test, or those of FILTER=…
	$(B)/luabuild run tests/run.lua $(FILTER)

demo: test-deps all lab-tools ## build both base images in the lab
	tests/demo $(B)

lab: test-deps all lab-tools ## run the lab until Ctrl-C: a vCenter whose machines boot
	$(B)/lab/lab -dir $(B)/lab/run

lab-tools: $(B)/lab/lab $(B)/lab/guest.iso

# offline and without a network of its own: everything is in Debian's packages
$(B)/lab/lab: $(wildcard tests/lab/*.go) | $(B)
	GO111MODULE=off GOFLAGS= GOPATH=/usr/share/gocode GOCACHE=$(abspath $(B))/gocache go build -o $@ ./tests/lab

# the CD of the lab's guest, from Debian packages that are fetched once and not installed
$(B)/lab/guest.iso: $(filter-out %.md %/try.sh,$(shell find tests/lab/guest -type f))
	tests/lab/guest/fetch.sh $(B)/lab/deb
	tests/lab/guest/make-iso.sh $@ $(B)/lab/deb

check: test-deps all lab-tools ## linters, then the tests under ASan, UBSan and valgrind
	luacheck -q lua recipes tests
	cppcheck -q --error-exitcode=1 --enable=warning,portability --inline-suppr --suppress=missingIncludeSystem \
	  -D_POSIX_C_SOURCE=200809L -DLB_VERSION='""' -Isrc -I$(B) src
	$(MAKE) B=$(B)/san OPT='-O1 -g -fno-omit-frame-pointer' SAN='-fsanitize=address,undefined -fno-sanitize-recover=all' all
	LAB=$(B)/lab ASAN_OPTIONS=detect_leaks=1:fast_unwind_on_malloc=0 LSAN_OPTIONS=suppressions=tests/lsan.supp:print_suppressions=0 \
	  $(B)/san/luabuild run tests/run.lua $(FILTER)
	valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite --run-libc-freeres=no \
	  --suppressions=tests/valgrind.supp $(B)/luabuild run tests/run.lua c/

install: all ## install under PREFIX
	install -D -m 755 $(B)/luabuild $(DESTDIR)$(PREFIX)/bin/luabuild

clean: ## remove build/
	rm -rf $(B)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 14
