# The lab's guest with systemd, and the stand-in for k3s: what the test of the k3s recipe needs, and nothing else. Where they cannot
# be made, that test is left out, and says so.
TEST_DEPS += mmdebstrap uidmap fakechroot fakeroot golang-gopkg-yaml.v3-dev
.PHONY: k3s-guest k3s-tools
test check: k3s-guest

k3s-guest: ready
	@$(MAKE) --no-print-directory k3s-tools || echo "the guest with systemd could not be made: the k3s recipe will not be tested" >&2

k3s-tools: $(B)/lab/systemd.iso $(B)/lab/k3s; @:

$(B)/lab/k3s: $(wildcard tests/lab/k3s/*.go) | $(B)
	@echo 'GO  $@'; CGO_ENABLED=0 GO111MODULE=off GOFLAGS=-buildvcs=false GOPATH=/usr/share/gocode GOCACHE=$(abspath $(B))/gocache \
	  go build -trimpath -ldflags='-s -w' -o $@ ./tests/lab/k3s

$(B)/lab/systemd.tar: tests/lab/guest/make-systemd.sh $(shell find tests/lab/guest/systemd tests/lab/guest/system/usr/lib/lab -type f)
	@echo 'GEN $@'; tests/lab/guest/make-systemd.sh $@

$(B)/lab/systemd.iso: $(B)/lab/systemd.tar $(B)/lab/guest.iso
	@echo 'GEN $@'; tests/lab/guest/make-iso.sh $@ $(B)/lab/deb $<
