# chaos: what happens to builds that are interrupted, killed, or left by their vCenter, at every step
.PHONY: chaos
chaos: ready ## every fault at every step of builds, and at any time; five of them boot afterwards; FILTER=… for some of them (an hour)
	$(B)/luabuild run tests/chaos/run.lua $(if $(FILTER),"$(FILTER)")

.PHONY: soak
soak: ready ## 200 builds in a row by one process: is its memory flat, are all sessions closed?
	$(B)/luabuild run tests/chaos/soak.lua
