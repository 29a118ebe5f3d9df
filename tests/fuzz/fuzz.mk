# every object anew, by clang, with the coverage that libFuzzer looks at
.PHONY: fuzz fuzz-tools
fuzz-tools: ready
	@$(MAKE) --no-print-directory B=$(B)/fuzz CC=clang OPT='-O1 -g -fno-omit-frame-pointer' \
	  SAN='-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all' $(B)/fuzz/fuzz

$(B)/fuzz: tests/fuzz/fuzz.c $(filter-out $(B)/main.o,$(OBJECTS))
	@echo 'LD  $@'; $(CC) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(LDLIBS)

fuzz: fuzz-tools ## feed each reader of foreign bytes for TIME=60 seconds, or that of FILTER=…
	tests/fuzz/run $(B) $(or $(TIME),60) $(FILTER)
