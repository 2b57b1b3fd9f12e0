# SEAL KM for nginx. All that is built goes to build/; "make help" lists what
# there is to make.

ifeq ($(origin CC),default)
CC = gcc
endif

MODULE        = ngx_http_seal_km_module.so
TOOL          = seal-km-records
MODULE_BUILD  = build/nginx-$(notdir $(firstword $(CC)))
# where the tool goes that comes with the module
PREFIX       ?= /usr/local
# seconds for each fuzzer, tests that run at once (most of them wait most of the
# time), and which tests
FUZZ_SECONDS ?= 60
TEST_JOBS    ?= 4
TESTS        ?= t/*.t

# LibJWT, looked for where "config" looks; a shell asks when a recipe runs, since
# "setup" may only just have built it
JWT_LIB    = $(or $(LIBJWT_PREFIX),build/libjwt)/lib/libjwt.a
JWT_CFLAGS = $$(test -f $(JWT_LIB) && echo -isystem $(JWT_LIB:lib/libjwt.a=include) || pkg-config --cflags libjwt)
JWT_LIBS   = $$(test -f $(JWT_LIB) && echo $(JWT_LIB) || pkg-config --libs libjwt)

# the folders of what is linked without nginx
WINGS       = $(wildcard src/protocol/*) src/redis/connection src/redis/pool \
              src/redis/topology
UNIT_CFLAGS = -std=gnu11 -g -MMD -MP -Wall -Wextra -Werror \
              $(WINGS:%=-I%) -It/unit $(JWT_CFLAGS)
UNIT_LIBS   = $(JWT_LIBS) -ljansson -lcrypto -lm
# with sanitizers gcc has warnings that are wrong
SANITIZE    = -fsanitize=address,undefined -fno-sanitize-recover=all \
              -fno-omit-frame-pointer -w

PROTOCOL = $(patsubst src/%.c,%,$(wildcard src/protocol/*/*.c))
# of src/redis, what needs no nginx
REDIS    = redis/connection/seal_km_redis_frame \
           redis/pool/seal_km_redis_host \
           redis/topology/seal_km_redis_choice \
           redis/topology/seal_km_redis_slot
TEST_C   = $(patsubst t/unit/%.c,%,$(wildcard t/unit/test_*.c))
HELPER_C = $(filter-out $(TEST_C),$(patsubst t/unit/%.c,%,$(wildcard t/unit/*.c)))
FUZZ_C   = $(patsubst t/fuzz/%.c,%,$(wildcard t/fuzz/fuzz_*.c))

.DEFAULT_GOAL := module
.SUFFIXES:
.SECONDARY:
.DELETE_ON_ERROR:

.PHONY: module
module: setup            ## the module: build/ngx_http_seal_km_module.so (default)
	@CC='$(CC)' tools/build-module.sh $(MODULE_BUILD)
	@# an nginx that runs has the former file mapped: it is not written into
	@cmp -s $(MODULE_BUILD)/$(MODULE) build/$(MODULE) || \
	    cp --remove-destination $(MODULE_BUILD)/$(MODULE) build/$(MODULE)
	@echo 'built build/$(MODULE)'

.PHONY: help
help:                    ## this list
	@sed -n 's/^\([a-z-]*\):.*## */\1 /p' Makefile | \
	    while read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done
	@echo '  CC=clang builds with another compiler, TESTS="t/a.t t/b.t" runs some'
	@echo '  tests, FUZZ_SECONDS=600 fuzzes longer, DESTDIR= and PREFIX= are heeded by install'

.PHONY: setup
setup:
	@tools/setup.sh build

.PHONY: setup-demo
setup-demo:
	@tools/setup.sh demo

.PHONY: setup-test
setup-test:
	@tools/setup.sh test

.PHONY: setup-bench
setup-bench:
	@tools/setup.sh bench

.PHONY: setup-lint
setup-lint:
	@tools/setup.sh lint

.PHONY: install
install: install-module install-tool install-examples ## puts module, seal-km-records and its man page into place

.PHONY: install-module
install-module: module
	@dir="$(DESTDIR)$$(tools/nginx-option.sh modules-path)" && \
	    install -d "$$dir" && \
	    install -m 644 build/$(MODULE) "$$dir/" && \
	    echo "installed $$dir/$(MODULE)"

.PHONY: install-tool
install-tool: build/$(TOOL).1
	@install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/share/man/man1"
	@install -m 755 tools/$(TOOL) "$(DESTDIR)$(PREFIX)/bin/"
	@install -m 644 build/$(TOOL).1 "$(DESTDIR)$(PREFIX)/share/man/man1/"
	@echo 'installed $(DESTDIR)$(PREFIX)/bin/$(TOOL)'

.PHONY: install-examples
install-examples:
	@install -d "$(DESTDIR)$(PREFIX)/share/seal-km"
	@install -m 644 docs/examples/*.conf "$(DESTDIR)$(PREFIX)/share/seal-km/"
	@echo 'installed $(DESTDIR)$(PREFIX)/share/seal-km/seal-km-audit.conf'

build/$(TOOL).1: tools/$(TOOL) | setup
	@mkdir -p $(@D)
	@pod2man --utf8 --section 1 --center 'SEAL KM for nginx' --release '' \
	    --name SEAL-KM-RECORDS $< $@


# A package of Debian's for the nginx of this release, and what tries it out.

.PHONY: setup-deb
setup-deb:
	@tools/setup.sh deb

.PHONY: deb
deb: setup-deb           ## the Debian package: build/deb/libnginx-mod-http-seal-km_*.deb
	@tools/deb.sh

RELEASES ?= bookworm trixie

.PHONY: deb-test
deb-test:                ## builds, installs, tries and purges it in chroots of RELEASES
	@tools/deb-test.sh $(RELEASES)

.PHONY: versions
versions: setup-test     ## Debian 12, 13 and what comes after them, in chroots (VERSIONS= chooses, also a FOLDER of nginx's source)
	@$(if $(filter-out file,$(origin TESTS)),TESTS='$(TESTS)' )tools/versions.sh $(VERSIONS)

.PHONY: image-test
image-test: setup-demo   ## does what Dockerfile says in chroots, and tries the image out
	@tools/image-test.sh


# Unit tests: each t/unit/test_*.c is a program of its own, linked with all of
# src/protocol, with $(REDIS), and with whatever else there is in t/unit. They
# are built as they are, with the address and undefined behaviour sanitizers, and,
# for "coverage", with what counts lines.

define unit_rules
build/$(1)/%.o: src/%.c Makefile | setup-test
	@mkdir -p $$(@D)
	@$$(CC) $$(UNIT_CFLAGS) $(2) -c -o $$@ $$<

build/$(1)/%.o: t/unit/%.c Makefile | setup-test
	@mkdir -p $$(@D)
	@$$(CC) $$(UNIT_CFLAGS) $(2) -c -o $$@ $$<

build/$(1)/libunit.a: $$(PROTOCOL:%=build/$(1)/%.o) $$(REDIS:%=build/$(1)/%.o)
	@rm -f $$@
	@ar rcs $$@ $$^

build/$(1)/test_%: build/$(1)/test_%.o $$(HELPER_C:%=build/$(1)/%.o) build/$(1)/libunit.a
	@$$(CC) $(2) -Wl,--wrap=mmap,--wrap=munmap -o $$@ $$^ -lcmocka $$(UNIT_LIBS)

-include $$(wildcard build/$(1)/*.d build/$(1)/*/*/*.d)
endef

$(eval $(call unit_rules,unit,-O2))
$(eval $(call unit_rules,unit-sanitized,-O1 $(SANITIZE)))
$(eval $(call unit_rules,unit-coverage,-O1 --coverage))

.PHONY: unit
unit: $(TEST_C:%=build/unit/%) $(TEST_C:%=build/unit-sanitized/%) ## the unit tests, plain and with sanitizers
	@tools/run-units.sh $^


.PHONY: setup-coverage
setup-coverage:
	@tools/setup.sh coverage

.PHONY: coverage
coverage: setup-coverage ## the lines and branches of src/ that the tests run
	@$(MAKE) --no-print-directory --output-sync -j $$(nproc) $(TEST_C:%=build/unit-coverage/%)
	@tools/coverage.sh -j $(TEST_JOBS) $(TESTS)


# A fuzzer keeps what it finds in build/fuzz/corpus; it starts from that and from
# t/fuzz/corpus. All are linked with the library of the unit tests, and with what
# in nginx's terms reads or writes others' texts; t/fuzz/nginx.c and nginx's own
# functions for texts and addresses are what that calls, and the linker drops the rest
# of them. They are built to be run, and, to see what they reach, with counters.

NGINX_SRC     ?= /usr/share/nginx/src
FUZZ_MORE      = redis/connection/seal_km_redis_reply \
                 redis/pool/seal_km_redis_announced \
                 redis/pool/seal_km_redis_endpoint \
                 redis/topology/seal_km_redis_map \
                 redis/topology/seal_km_redis_sentinel_answer \
                 http/counters/ngx_http_seal_km_counters \
                 http/operator/ngx_http_seal_km_metrics_text
FUZZ_NGINX     = ngx_inet ngx_string
FUZZ_FLAGS     = -std=gnu11 -g -O1 -MMD -MP -ffunction-sections
FUZZ_SANITIZE  = -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
FUZZ_COUNT     = -fsanitize=fuzzer -fprofile-instr-generate -fcoverage-mapping
FUZZ_WARNINGS  = -Wall -Wextra -Werror -Wno-unused-parameter
FUZZ_INCLUDES  = $(patsubst %/,-I%,$(sort $(dir $(wildcard src/*/*.h src/*/*/*.h)))) \
                 -It/fuzz $(JWT_CFLAGS) -isystem $(MODULE_BUILD) \
                 $(addprefix -isystem $(NGINX_SRC)/src/,core event event/modules \
                     os/unix http http/modules http/v2)

define fuzz_rules
build/$(1)/%.o: src/%.c Makefile | setup-test module
	@mkdir -p $$(@D)
	@clang $$(FUZZ_FLAGS) $(2) $$(FUZZ_WARNINGS) $$(FUZZ_INCLUDES) -c -o $$@ $$<

build/$(1)/%.o: t/fuzz/%.c Makefile | setup-test module
	@mkdir -p $$(@D)
	@clang $$(FUZZ_FLAGS) $(2) $$(FUZZ_WARNINGS) $$(FUZZ_INCLUDES) -c -o $$@ $$<

# taken as it is: no sanitizers, no counters
build/$(1)/ngx_%.o: Makefile | setup-test module
	@mkdir -p $$(@D)
	@source=$$$$(NGINX_SOURCE= tools/build-nginx.sh source) && \
	    clang $$(FUZZ_FLAGS) -w $$(FUZZ_INCLUDES) -c -o $$@ $$$$source/src/core/ngx_$$*.c

build/$(1)/libfuzz.a: $$(patsubst %,build/$(1)/%.o,$$(PROTOCOL) $$(REDIS) $$(FUZZ_MORE) $$(FUZZ_NGINX) nginx)
	@rm -f $$@
	@ar rcs $$@ $$^

build/$(1)/fuzz_%: build/$(1)/fuzz_%.o build/$(1)/libfuzz.a
	@clang $(2) -Wl,--gc-sections -o $$@ $$^ $$(UNIT_LIBS) -lhiredis

-include $$(wildcard build/$(1)/*.d build/$(1)/*/*/*.d)
endef

$(eval $(call fuzz_rules,fuzz,$(FUZZ_SANITIZE)))
$(eval $(call fuzz_rules,fuzz-coverage,$(FUZZ_COUNT)))

# what our JSON decoder takes, as others read it
build/fuzz/read_json: t/fuzz/read_json.c build/unit/libunit.a t/fuzz/fuzz.h Makefile | setup-test
	@mkdir -p $(@D)
	@$(CC) $(UNIT_CFLAGS) -O2 -It/fuzz -o $@ $< build/unit/libunit.a $(UNIT_LIBS)

.PHONY: fuzz
fuzz:                    ## fuzzes all that reads what others wrote, FUZZ_SECONDS each
	@$(MAKE) --no-print-directory --output-sync -j $$(nproc) $(FUZZ_C:%=build/fuzz/%) build/fuzz/read_json
	@tools/run-fuzzers.sh $(FUZZ_SECONDS) $(FUZZ_C:%=build/fuzz/%)
	@t/fuzz/differential.py build/fuzz/read_json t/fuzz/corpus build/fuzz/corpus

.PHONY: fuzz-coverage
fuzz-coverage:           ## which lines the fuzzers reach, with all that they have found so far
	@$(MAKE) --no-print-directory --output-sync -j $$(nproc) $(FUZZ_C:%=build/fuzz-coverage/%)
	@tools/fuzz-coverage.sh $(FUZZ_C:%=build/fuzz-coverage/%)


# Benchmarks of src/protocol: t/bench/bench_*.c, each a program of its own.

build/bench/%: t/bench/%.c build/unit/libunit.a Makefile | setup-test
	@mkdir -p $(@D)
	@$(CC) $(UNIT_CFLAGS) -O2 -o $@ $< build/unit/libunit.a $(UNIT_LIBS)

.PHONY: bench-json
bench-json: build/bench/bench_json_check ## what records of JSON cost at worst: CPU time
	@$<


.PHONY: bench-instructions
bench-instructions: setup-test module ## instructions for one request, against bench/instructions.txt
	@SEAL_KM_TEST_CACHE=build/test-keys bench/instructions.pl $(ROWS)

.PHONY: bench
bench: setup-bench module ## CPU of a request, beside return 200 and Lua: 8 minutes on a quiet machine
	@SEAL_KM_TEST_CACHE=build/test-keys bench/bench.pl

.PHONY: bench-quick
bench-quick: setup-bench module ## the first rows of that, roughly
	@SEAL_KM_TEST_CACHE=build/test-keys bench/bench.pl quick

.PHONY: bench-docs
bench-docs: setup-bench  ## writes what make bench has measured into docs/performance.md
	@cp build/bench/results.json bench/results.json
	@bench/docs.pl bench/results.json

.PHONY: flame-graph
flame-graph: setup-bench module ## draws docs/images/flame-graph.svg: a request whose token is in the cache
	@SEAL_KM_TEST_CACHE=build/test-keys bench/instructions.pl keep 'cached RS256' build/callgrind
	@bench/flame-graph.pl build/callgrind docs/images/flame-graph.svg

.PHONY: metrics-cost
metrics-cost: setup-test module ## what it costs a request to be counted: instructions
	@tools/metrics-cost.sh


.PHONY: soak
soak: setup-test module  ## all that may go wrong at once, for MINUTES (10)
	@SEAL_KM_SOAK_MINUTES=$(or $(MINUTES),10) tools/run-suite.sh t/soak/soak.t

.PHONY: setup-http3
setup-http3:
	@tools/setup.sh http3

HTTP3_NGINX = $(or $(NGINX_SOURCE),sid)

.PHONY: http3
http3: setup-http3       ## HTTP/3 (on Debian 12), with Debian unstable's nginx, or NGINX_SOURCE=FOLDER, built here
	@NGINX_SOURCE='$(HTTP3_NGINX)' tools/build-nginx.sh static
	@TEST_NGINX_BINARY='$(CURDIR)/build/static-$(notdir $(HTTP3_NGINX))/nginx' \
	    SEAL_KM_MODULE=none tools/run-suite.sh t/http3/http3.t

build/hostile/%: t/hostile/%.c build/unit/libunit.a Makefile | setup-test
	@mkdir -p $(@D)
	@$(CC) $(UNIT_CFLAGS) -O2 -o $@ $< build/unit/libunit.a $(UNIT_LIBS)

.PHONY: hostile
hostile: setup-test module build/hostile/collisions ## those who attack, HOSTILE_SECONDS (10) each, while others are served
	@SEAL_KM_HOSTILE_SECONDS=$(or $(HOSTILE_SECONDS),10) \
	    SEAL_KM_COLLISIONS=$(CURDIR)/build/hostile/collisions \
	    tools/run-suite.sh t/hostile/hostile.t

.PHONY: lint
lint: setup-lint warnings ## reads all of it with other compilers' and linters' eyes
	@tools/lint.sh $(PARTS)

.PHONY: warnings
warnings: setup-test module ## compiles it all with gcc and with clang, no warning allowed
	@tools/check-config.sh
	@tools/check-headers.sh
	@CC=gcc tools/build-module.sh build/nginx-gcc
	@tools/check-arrows.sh build/nginx-gcc
	@CC=clang CONFIGURED=build/nginx-gcc tools/build-module.sh build/nginx-clang
	@echo 'no warnings from gcc and clang'

.PHONY: test
test: setup-test module warnings ## all tests
	@$(MAKE) --no-print-directory --output-sync -j $$(nproc) unit
	@tools/run-suite.sh -j $(TEST_JOBS) $(TESTS)

.PHONY: suite
suite: setup-test module ## the tests with nginx alone (TESTS= chooses some)
	@tools/run-suite.sh -j $(TEST_JOBS) $(TESTS)

# what is slow itself leaves no time to others
valgrind asan: TEST_JOBS = 2

.PHONY: valgrind
valgrind: setup-test module ## the tests under valgrind
	@tools/run-suite.sh -j $(TEST_JOBS) -m valgrind $(TESTS)

.PHONY: asan
asan: setup-test module  ## the tests with nginx and module built with sanitizers
	@tools/build-nginx.sh asan
	@tools/run-suite.sh -j $(TEST_JOBS) -m asan $(TESTS)

.PHONY: static-check
static-check: setup      ## builds nginx from source with the module linked in
	@tools/build-nginx.sh static

.PHONY: openapi
openapi: setup-test      ## lints docs/openapi.yaml
	@node t/openapi/openapi.mjs build/openapi lint docs/openapi.yaml

.PHONY: demo
demo: setup-demo module  ## one exchange of each kind, shown step by step
	@tools/demo.sh

.PHONY: run
run: setup-demo module   ## a server to try by hand, until Ctrl-C
	@tools/demo.sh run

.PHONY: clean
clean:                   ## removes build/
	rm -rf build
