# luabuild: `make help` lists the targets.

# ---- settings ----
PREFIX  ?= /usr/local
B       ?= build
OPT     ?= -O2 -g
VERSION := $(shell git -c safe.directory='*' describe --tags --always --dirty 2>/dev/null || echo unknown)

PACKAGES  = lua5.4 lua5.4-cjson lua5.4-filesystem libcrypto libssl libcurl libxml-2.0 libssh2 libarchive libcrypt libmicrohttpd libedit
DEPS      = gcc make libc6-dev pkg-config git ca-certificates liblua5.4-dev lua-cjson-dev lua-filesystem-dev \
            libcurl4-openssl-dev libxml2-dev libssh2-1-dev libarchive-dev libssl-dev libcrypt-dev libmicrohttpd-dev libedit-dev
TEST_DEPS = golang-go golang-github-vmware-govmomi-dev golang-golang-x-crypto-dev golang-github-pkg-sftp-dev clang libclang-rt-dev \
            qemu-system-x86 qemu-utils ovmf openssh-server openssh-client libpam-wrapper openssl curl \
            mtools dosfstools xorriso isolinux syslinux-common extlinux busybox-static netcat-openbsd e2fsprogs fdisk cpio iproute2 virt-v2v \
            zsh fish tmux mandoc groff-base man-db bsdextrautils libarchive-tools libxml2-utils chromium poppler-utils graphviz jq \
            python3 python3-yaml python3-jsonschema packer lua-check cppcheck shellcheck valgrind

# warnings: the usual, and no excuses; names and literals mean one thing; no silent narrowing, no unbounded stack; C has prototypes
WARN := -Wall -Wextra -Werror -Wshadow -Wwrite-strings -Wundef -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes

# ---- no need to change below ----
CPPFLAGS := -D_POSIX_C_SOURCE=200809L -Isrc -I$(B)
# what Debian also ships as archives is linked in (LUALIBS); libcrypto is first: a third of the names looked up at a start are its own
LUALIBS  := -Wl,-Bstatic -llua5.4-cjson -llua5.4-filesystem -llua5.4 -Wl,-Bdynamic -lm -ldl
CFLAGS   := -std=c11 $(OPT) $(WARN) $(SAN) $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
LDLIBS   := $(LUALIBS) $(shell pkg-config --libs $(filter-out lua%,$(PACKAGES)) 2>/dev/null)
LDFLAGS  := -Wl,--as-needed -Wl,-E

SOURCES := $(filter-out src/mk%.c,$(wildcard src/*.c))
MODULES := $(patsubst src/%.c,%,$(shell grep -l '^int luaopen_lb_' $(SOURCES)))
OBJECTS := $(SOURCES:src/%.c=$(B)/%.o) $(B)/embedded.o $(B)/vim_tables.o
LUA     := $(sort $(shell find lua -name '*.lua'))
unexport $(filter VCENTER_% GOVC_% LUABUILD_VAR_%,$(.VARIABLES)) # tests and demo have a vCenter of their own

.PHONY: all deps test-deps ready test demo lab lab-tools san tsan check bench install uninstall clean help FORCE
all: $(B)/luabuild ## build/luabuild

# one line for each product; make --trace shows the commands
$(B)/luabuild: $(OBJECTS)
	@echo 'LD  $@'; $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJECTS) $(LDLIBS)

$(B)/%.o: src/%.c | $(B)/modules.h
	@echo 'CC  $<'; $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/embedded.o $(B)/vim_tables.o: $(B)/%.o: $(B)/%.c
	@echo 'CC  $<'; $(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# the directories: a file that goes or comes changes them
$(B)/embedded.c: $(B)/mkembed $(LUA) $(SOURCES) src $(shell find lua -type d)
	@echo 'GEN $@'; $(B)/mkembed lua/ $(LUA) $(SOURCES) > $@.new && mv $@.new $@

# the vSphere API as constant tables
$(B)/mkvim $(B)/vim_tables.o: src/vim_table.h
$(B)/vim_tables.c: $(B)/mkvim src/vim25.schema
	@echo 'GEN $@'; $(B)/mkvim src/vim25.schema > $@.new && mv $@.new $@

$(B)/mk%: src/mk%.c | $(B)
	@echo 'CC  $<'; $(CC) -std=c11 -O1 $(WARN) -D_POSIX_C_SOURCE=200809L $(shell pkg-config --cflags lua5.4 2>/dev/null) -o $@ $< $(LUALIBS)

# headers: the C modules, which are the files that define luaopen_lb_NAME; the version, which only runtime.c knows
$(B)/modules.h: lines = $(patsubst %,'X(%)',$(MODULES))
$(B)/version.h: lines = '\#define LB_VERSION "$(VERSION)"'
$(B)/modules.h $(B)/version.h: FORCE | $(B)
	@printf '%s\n' $(lines) > $@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(B)/runtime.o: $(B)/version.h

$(B):
	@pkg-config --exists $(PACKAGES) 2>/dev/null || { echo "Libraries are missing: make deps installs them." >&2; exit 1; }
	mkdir -p $@

-include $(wildcard tests/*/*.mk $(B)/*.d)

# ---- people ----
deps: ## install what building and running need (Debian 12)
	@src/apt $(DEPS)

test-deps: deps ## install what tests, lab and demo need besides
	@src/apt $(TEST_DEPS)

# a make of its own, since this one has asked pkg-config before the packages were there
ready: test-deps
	@$(MAKE) --no-print-directory all lab-tools

test: ready ## run every test, or those of FILTER=…
	$(B)/luabuild run tests/run.lua $(if $(FILTER),"$(FILTER)")

demo: ready ## build both base images and an appliance in the lab
	tests/demo $(B)

lab: ready ## run the lab until Ctrl-C: a vCenter whose machines boot
	$(B)/lab/lab -dir $(B)/lab/run

lab-tools: $(B)/lab/lab $(B)/lab/vcsim $(B)/lab/guest.iso; @:

# offline and without a network of its own: everything is in Debian's packages
$(B)/lab/lab $(B)/lab/vcsim: $(B)/lab/%: $(wildcard tests/lab/*.go tests/vcsim/*.go) | $(B)
	@echo 'GO  $@'; GO111MODULE=off GOFLAGS=-buildvcs=false GOPATH=/usr/share/gocode GOCACHE=$(abspath $(B))/gocache go build -o $@ ./tests/$*

# the CD of the lab's guest, from Debian packages that are fetched once and not installed
$(B)/lab/guest.iso: $(filter-out %.md %/try.sh %/make-systemd.sh tests/lab/guest/systemd/%,$(shell find tests/lab/guest -type f))
	tests/lab/guest/fetch.sh $(B)/lab/deb
	tests/lab/guest/make-iso.sh $@ $(B)/lab/deb

san tsan: ready
	@$(MAKE) --no-print-directory B=$(B)/$@ OPT='-O1 -g -fno-omit-frame-pointer' SAN='-fsanitize=$(if $(filter tsan,$@),thread,address -fsanitize=undefined -fno-sanitize-recover=all)' all

check: san tsan fuzz-tools ## linters, then the tests under ASan and UBSan, those of the C modules under TSan and valgrind
	tests/check $(B) $(if $(FILTER),"$(FILTER)")

bench: ready ## measure, beside plain tools where they can be compared; or what TOPIC="base export …" names
	$(B)/luabuild run tests/bench/run.lua $(B)/bench $(TOPIC)

install: all ## install under PREFIX: the program, the recipes, the manual page, completion for shells
	src/install $(B)/luabuild $(DESTDIR)$(PREFIX)
uninstall: ; src/install --remove $(DESTDIR)$(PREFIX) ## remove what install has put there

clean: ; rm -rf $(B) ## remove build/

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile tests/*/*.mk | expand -t 14
