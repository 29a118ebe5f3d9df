# chaos: what happens to builds that are interrupted, killed, or left by their vCenter, at every step
.PHONY: chaos
chaos: ready ## every fault at every step of builds; FILTER=… for some of them (an hour)
	$(B)/luabuild run tests/chaos/run.lua $(if $(FILTER),"$(FILTER)")
