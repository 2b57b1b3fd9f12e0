/*
 * The text of the metrics, read back by a parser of Prometheus' text format
 * (0.0.4) that knows nothing of how it was written: whatever is counted, each
 * sample is there with that number, below its help and its type, and no other.
 * The input is what there is to tell: numbers of the zone, and the counters of two
 * workers, as bytes.
 */


#include <unistd.h>

#include "fuzz_nginx.h"
#include "ngx_http_seal_km_metrics.h"


#define FUZZ_SAMPLES_MAX  512

#define FUZZ_PAGE         4096
#define FUZZ_ZONE         (1 << 20)
#define FUZZ_AGE          ((uint64_t) 10 * 365 * 86400 * 1000)
#define FUZZ_NOBODY       0x7ffffff0


/* a sample: name, label as it is written, value as it is written */
typedef struct {
    char  name[64];
    char  label[200];
    char  value[64];
} fuzz_sample_t;


static void fuzz_zone(const uint8_t *data, size_t size);
static void fuzz_slot(ngx_http_seal_km_tally_t *tally,
    const ngx_http_seal_km_counters_t *counters);
static uint64_t fuzz_take(const uint8_t **data, size_t *size);
static void fuzz_text(void);
static ngx_buf_t *fuzz_write(void);
static void fuzz_read(const char *p, const char *last);
static const char *fuzz_sample(const char *p, const char *family);
static const char *fuzz_word(const char *p, char *word, size_t size,
    const char *stops);
static void fuzz_compare(void);
static void fuzz_compare_zone(void);
static void fuzz_histogram(const char *name,
    const ngx_http_seal_km_histogram_t *histogram);
static void fuzz_is(const char *name, const char *label, uint64_t value);
static uint64_t fuzz_nanoseconds(const char *name, const char *label);
static const char *fuzz_value(const char *name, const char *label);


static ngx_http_seal_km_counters_t     fuzz_counters;     /* what must come */
static ngx_http_seal_km_zone_shared_t  fuzz_sh;
static ngx_http_seal_km_zone_t         fuzz_the_zone;
static ngx_slab_pool_t                 fuzz_shpool;
static ngx_shm_zone_t                  fuzz_shm_zone;
static ngx_http_seal_km_key_source_t   fuzz_source;

static fuzz_sample_t                   fuzz_samples[FUZZ_SAMPLES_MAX];
static size_t                          fuzz_nsamples;
static size_t                          fuzz_nlooked;    /* at, once each */

ngx_module_t                           ngx_http_seal_km_module;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_zone(data, size);
    fuzz_text();

    return 0;
}


/*
 * Counters of two workers, of which one is no more: its gauges have gone with it.
 * The rest is what the zone itself tells.
 */

static void
fuzz_zone(const uint8_t *data, size_t size)
{
    size_t                       i;
    ngx_http_seal_km_tally_t     dead;
    ngx_http_seal_km_counter_t  *sum;
    ngx_http_seal_km_counters_t  counters[2];

    memset(&fuzz_sh, 0, sizeof(fuzz_sh));
    fuzz_sh.ntokens = fuzz_take(&data, &size);
    fuzz_sh.evictions = fuzz_take(&data, &size);
    fuzz_shpool.pfree = fuzz_take(&data, &size) % (FUZZ_ZONE / FUZZ_PAGE + 1);
    fuzz_source.fetched = fuzz_take(&data, &size);
    ngx_current_msec = fuzz_source.fetched + fuzz_take(&data, &size) % FUZZ_AGE;

    memset(counters, 0, sizeof(counters));
    memcpy(counters, data, ngx_min(size, sizeof(counters)));

    memset(&fuzz_the_zone, 0, sizeof(fuzz_the_zone));
    fuzz_the_zone.sh = &fuzz_sh;
    fuzz_the_zone.shpool = &fuzz_shpool;
    ngx_http_seal_km_init_tally(&fuzz_the_zone.tally);
    ngx_http_seal_km_init_tally(&dead);

    ngx_pid = getpid();
    fuzz_slot(&fuzz_the_zone.tally, &counters[0]);

    /* more than any system has */
    ngx_pid = FUZZ_NOBODY;
    fuzz_slot(&dead, &counters[1]);

    fuzz_counters = counters[0];
    sum = (ngx_http_seal_km_counter_t *) &fuzz_counters;

    for (i = sizeof(ngx_http_seal_km_gauges_t) / sizeof(*sum);
         i < sizeof(fuzz_counters) / sizeof(*sum); i++)
    {
        sum[i] += ((ngx_http_seal_km_counter_t *) &counters[1])[i];
    }
}


static void
fuzz_slot(ngx_http_seal_km_tally_t *tally,
    const ngx_http_seal_km_counters_t *counters)
{
    tally->slots = &fuzz_sh.slots;
    tally->shpool = &fuzz_shpool;

    fuzz_assert(ngx_http_seal_km_take_slot(tally, NULL, NULL) == NGX_OK);

    *tally->counters = *counters;
}


/* a number of eight bytes, or of those that are left */

static uint64_t
fuzz_take(const uint8_t **data, size_t *size)
{
    size_t    n;
    uint64_t  value;

    n = ngx_min(*size, sizeof(value));
    value = 0;

    memcpy(&value, *data, n);
    *data += n;
    *size -= n;

    return value;
}


static void
fuzz_text(void)
{
    ngx_buf_t  *b;

    b = fuzz_write();

    /* what does not fit would be cut off */
    fuzz_assert(b != NULL && b->last < b->end);

    fuzz_nsamples = 0;
    fuzz_nlooked = 0;
    fuzz_read((char *) b->pos, (char *) b->last);
    fuzz_compare();
    fuzz_compare_zone();

    free(b->start);
    free(b);

    fuzz_free_slabs();
}


/* of one location, which has fetched keys, and none is of use */

static ngx_buf_t *
fuzz_write(void)
{
    void                           *loc_confs[1], *main_confs[1];
    ngx_buf_t                      *b;
    ngx_http_request_t              r;
    ngx_http_seal_km_key_set_t      key_set;
    ngx_http_seal_km_loc_conf_t     conf, *locations[1];
    ngx_http_seal_km_main_conf_t    main_conf;
    ngx_http_seal_km_key_source_t  *sources[1];

    memset(&r, 0, sizeof(r));
    memset(&key_set, 0, sizeof(key_set));
    memset(&conf, 0, sizeof(conf));
    memset(&main_conf, 0, sizeof(main_conf));

    fuzz_shm_zone.data = &fuzz_the_zone;
    fuzz_shm_zone.shm.size = FUZZ_ZONE;
    fuzz_source.jwks = seal_km_jwks_create();
    fuzz_assert(fuzz_source.jwks != NULL);

    key_set.source = &fuzz_source;
    conf.zone = &fuzz_shm_zone;
    conf.key_set = &key_set;
    locations[0] = &conf;
    sources[0] = &fuzz_source;
    main_conf.locations.elts = locations;
    main_conf.locations.nelts = 1;
    main_conf.sources.elts = sources;
    main_conf.sources.nelts = 1;

    loc_confs[0] = &conf;
    main_confs[0] = &main_conf;
    r.loc_conf = loc_confs;
    r.main_conf = main_confs;

    b = ngx_http_seal_km_metrics_text(&r);

    seal_km_jwks_free(fuzz_source.jwks);

    return b;
}


/* "# HELP name text", "# TYPE name type", samples of that name, and so on */

static void
fuzz_read(const char *p, const char *last)
{
    char  *text, name[64], family[64], type[16];

    text = fuzz_alloc((size_t) (last - p) + 1);
    memcpy(text, p, (size_t) (last - p));
    text[last - p] = '\0';
    fuzz_assert(strlen(text) == (size_t) (last - p));

    for (p = text; *p; /* void */) {
        fuzz_assert(strncmp(p, "# HELP ", 7) == 0);
        p = fuzz_word(p + 7, family, sizeof(family), " ");
        p = strchr(p, '\n');
        fuzz_assert(p != NULL && strncmp(p, "\n# TYPE ", 8) == 0);
        p = fuzz_word(p + 8, name, sizeof(name), " ");
        fuzz_assert(strcmp(name, family) == 0);
        p = fuzz_word(p + 1, type, sizeof(type), "\n") + 1;
        fuzz_assert(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0
                    || strcmp(type, "histogram") == 0);

        while (*p != '#' && *p) {
            p = fuzz_sample(p, family);
        }
    }

    free(text);
}


static const char *
fuzz_sample(const char *p, const char *family)
{
    fuzz_sample_t  *sample;

    fuzz_assert(fuzz_nsamples < FUZZ_SAMPLES_MAX);
    sample = &fuzz_samples[fuzz_nsamples];

    p = fuzz_word(p, sample->name, sizeof(sample->name), "{ ");
    fuzz_assert(strncmp(sample->name, family, strlen(family)) == 0);

    sample->label[0] = '\0';

    if (*p == '{') {
        p = fuzz_word(p + 1, sample->label, sizeof(sample->label), "}") + 1;
    }

    fuzz_assert(*p == ' ');
    p = fuzz_word(p + 1, sample->value, sizeof(sample->value), "\n");
    fuzz_assert(strspn(sample->value, "0123456789.") == strlen(sample->value));
    fuzz_assert(strcmp(fuzz_value(sample->name, sample->label), "") == 0);

    fuzz_nsamples++;

    return p + 1;
}


/* up to one of these, which has to be there, and not nothing */

static const char *
fuzz_word(const char *p, char *word, size_t size, const char *stops)
{
    size_t  n;

    n = strcspn(p, stops);
    fuzz_assert(n > 0 && n < size && p[n] != '\0');
    memcpy(word, p, n);
    word[n] = '\0';

    return p + n;
}


static void
fuzz_compare(void)
{
    char      label[64];
    unsigned  i;

    const ngx_http_seal_km_counters_t  *c = &fuzz_counters;

    for (i = 0; i < SEAL_KM_REASON_MAX; i++) {
        snprintf(label, sizeof(label), "reason=\"%s\"",
                 seal_km_reason(i)->word);
        fuzz_is("seal_km_responses_total", label, c->responses[i]);
    }

    fuzz_is("seal_km_token_cache_total", "result=\"hit\"",
            c->token_cache[NGX_HTTP_SEAL_KM_CACHE_HIT]);
    fuzz_is("seal_km_token_cache_total", "result=\"miss\"",
            c->token_cache[NGX_HTTP_SEAL_KM_CACHE_MISS]);
    fuzz_is("seal_km_token_cache_total", "result=\"off\"",
            c->token_cache[NGX_HTTP_SEAL_KM_CACHE_OFF]);
    fuzz_is("seal_km_records_total", "form=\"encrypted\"",
            c->records[NGX_HTTP_SEAL_KM_FORM_ENCRYPTED]);
    fuzz_is("seal_km_records_total", "form=\"plain\"",
            c->records[NGX_HTTP_SEAL_KM_FORM_PLAIN]);
    fuzz_is("seal_km_requests_waiting", "for=\"keys\"",
            c->gauges.waiting[NGX_HTTP_SEAL_KM_WAITS_FOR_KEYS]);
    fuzz_is("seal_km_requests_waiting", "for=\"store\"",
            c->gauges.waiting[NGX_HTTP_SEAL_KM_WAITS_FOR_STORE]);
    fuzz_is("seal_km_store_connections", "state=\"ready\"",
            c->gauges.connections[NGX_HTTP_SEAL_KM_STORE_READY]);
    fuzz_is("seal_km_store_connections", "state=\"connecting\"",
            c->gauges.connections[NGX_HTTP_SEAL_KM_STORE_CONNECTING]);
    fuzz_is("seal_km_store_connections", "state=\"failed\"",
            c->gauges.connections[NGX_HTTP_SEAL_KM_STORE_FAILED]);
    fuzz_is("seal_km_store_reconnects_total", "", c->reconnects);
    fuzz_is("seal_km_store_retries_total", "", c->retries);
    fuzz_is("seal_km_keys_fetches_total", "result=\"ok\"",
            c->fetches[NGX_HTTP_SEAL_KM_FETCH_OK]);
    fuzz_is("seal_km_keys_fetches_total", "result=\"failed\"",
            c->fetches[NGX_HTTP_SEAL_KM_FETCH_FAILED]);
    fuzz_is("seal_km_notifications_total", "result=\"sent\"",
            c->notifications[NGX_HTTP_SEAL_KM_NOTE_SENT]);
    fuzz_is("seal_km_notifications_total", "result=\"dropped\"",
            c->notifications[NGX_HTTP_SEAL_KM_NOTE_DROPPED]);

    fuzz_histogram("seal_km_request_seconds", &c->request_time);
    fuzz_histogram("seal_km_store_seconds", &c->store_time);
}


static void
fuzz_compare_zone(void)
{
    fuzz_is("seal_km_token_cache_entries", "", fuzz_sh.ntokens);
    fuzz_is("seal_km_token_cache_evictions_total", "", fuzz_sh.evictions);
    fuzz_is("seal_km_zone_bytes", "state=\"free\"",
            fuzz_shpool.pfree * FUZZ_PAGE);
    fuzz_is("seal_km_zone_bytes", "state=\"used\"",
            FUZZ_ZONE - fuzz_shpool.pfree * FUZZ_PAGE);
    fuzz_is("seal_km_keys", "source=\"file\"", 0);
    fuzz_is("seal_km_keys", "source=\"request\"", 0);
    fuzz_assert(fuzz_nanoseconds("seal_km_keys_age_seconds",
                                 "source=\"request\"")
                == (ngx_current_msec - fuzz_source.fetched) * 1000000);

    /* all have been looked at, but the one with our versions */
    fuzz_assert(fuzz_nsamples == fuzz_nlooked + 1);
}


/* buckets hold what is below their bounds, the sum is in seconds */

static void
fuzz_histogram(const char *name, const ngx_http_seal_km_histogram_t *histogram)
{
    char      sample[64], label[64];
    uint64_t  n;
    unsigned  i;

    static const char *const  bounds[] = {
        "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
        "0.25", "0.5", "1", "2.5", "+Inf"
    };

    n = 0;

    snprintf(sample, sizeof(sample), "%s_bucket", name);

    for (i = 0; i <= NGX_HTTP_SEAL_KM_BOUNDS; i++) {
        n += histogram->n[i];
        snprintf(label, sizeof(label), "le=\"%s\"", bounds[i]);
        fuzz_is(sample, label, n);
    }

    snprintf(sample, sizeof(sample), "%s_count", name);
    fuzz_is(sample, "", n);

    snprintf(sample, sizeof(sample), "%s_sum", name);
    fuzz_assert(fuzz_nanoseconds(sample, "") == histogram->nanoseconds);
}


static void
fuzz_is(const char *name, const char *label, uint64_t value)
{
    char  text[32];

    fuzz_nlooked++;
    snprintf(text, sizeof(text), "%llu", (unsigned long long) value);

    if (strcmp(fuzz_value(name, label), text) != 0) {
        fprintf(stderr, "%s{%s}: \"%s\", not %s\n", name, label,
                fuzz_value(name, label), text);
        abort();
    }
}


/* seconds, with nine decimals at most */

static uint64_t
fuzz_nanoseconds(const char *name, const char *label)
{
    char        *end;
    uint64_t     value;
    const char  *p, *fraction;

    fuzz_nlooked++;
    p = fuzz_value(name, label);
    value = strtoull(p, &end, 10) * 1000000000;
    fuzz_assert(end > p);

    if (*end == '.') {
        char  digits[] = "000000000";

        fraction = end + 1;
        fuzz_assert(strlen(fraction) > 0 && strlen(fraction) <= 9);
        memcpy(digits, fraction, strlen(fraction));
        value += strtoull(digits, &end, 10);
        fuzz_assert(*end == '\0');
    }

    return value;
}


/* "" if there is no such sample */

static const char *
fuzz_value(const char *name, const char *label)
{
    size_t  i;

    for (i = 0; i < fuzz_nsamples; i++) {
        if (strcmp(fuzz_samples[i].name, name) == 0
            && strcmp(fuzz_samples[i].label, label) == 0)
        {
            return fuzz_samples[i].value;
        }
    }

    return "";
}
