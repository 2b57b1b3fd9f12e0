/*
 * Prometheus' text format 0.0.4: each metric with its help and type, and a sample
 * for each value of its label.  No label comes from a client.
 */


#include "ngx_http_seal_km_metrics.h"

#include <nginx.h>
#include <openssl/crypto.h>


/* more than all samples with the longest numbers take */
#define NGX_HTTP_SEAL_KM_TEXT_MAX  (24 * 1024)


/* on its way */
typedef struct {
    u_char                        *p;
    u_char                        *last;
    ngx_http_seal_km_counters_t    sum;
    ngx_shm_zone_t                *shm_zone;
    ngx_http_seal_km_main_conf_t  *smcf;
} ngx_http_seal_km_text_t;


typedef struct ngx_http_seal_km_metric_s  ngx_http_seal_km_metric_t;

struct ngx_http_seal_km_metric_s {
    const char         *name;
    const char         *type;
    const char         *help;
    void              (*write)(ngx_http_seal_km_text_t *text,
                               const ngx_http_seal_km_metric_t *metric);

    /* of what is counted: where, and for each counter from there its label */
    size_t              counter;
    const char         *label;    /* NULL: one counter, without a label */
    const char *const  *values;   /* the last is NULL */
};


#define ngx_http_seal_km_counter(member)                                      \
    offsetof(ngx_http_seal_km_counters_t, member)


static void ngx_http_seal_km_write(ngx_http_seal_km_text_t *text,
    const char *fmt, ...);
static uint64_t ngx_http_seal_km_counted(ngx_http_seal_km_text_t *text,
    size_t counter, ngx_uint_t i);
static void ngx_http_seal_km_write_counters(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric);
static void ngx_http_seal_km_write_responses(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric);
static void ngx_http_seal_km_write_histogram(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric);
static void ngx_http_seal_km_write_seconds(ngx_http_seal_km_text_t *text,
    uint64_t nanoseconds);
static void ngx_http_seal_km_write_entries(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric);
static void ngx_http_seal_km_write_evictions(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric);
static void ngx_http_seal_km_write_bytes(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric);
static void ngx_http_seal_km_write_keys(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric);
static void ngx_http_seal_km_write_age(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric);
static ngx_uint_t ngx_http_seal_km_is_used(ngx_http_seal_km_text_t *text,
    void *keys);
static void ngx_http_seal_km_write_info(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric);


/* in the order of the counters */

static const char *const  ngx_http_seal_km_cache_values[] =
    { "off", "miss", "hit", NULL };
static const char *const  ngx_http_seal_km_record_values[] =
    { "encrypted", "plain", NULL };
static const char *const  ngx_http_seal_km_waiting_values[] =
    { "keys", "store", NULL };
static const char *const  ngx_http_seal_km_connection_values[] =
    { "ready", "connecting", "failed", NULL };
static const char *const  ngx_http_seal_km_fetch_values[] =
    { "ok", "failed", NULL };
static const char *const  ngx_http_seal_km_note_values[] =
    { "sent", "dropped", NULL };


static const ngx_http_seal_km_metric_t  ngx_http_seal_km_metrics[] = {

    { "seal_km_responses_total", "counter",
      "Responses by reason; a word of the operator's own counts as policy.",
      ngx_http_seal_km_write_responses,
      ngx_http_seal_km_counter(responses), "reason", NULL },

    { "seal_km_request_seconds", "histogram",
      "Time from the head of a request to its response.",
      ngx_http_seal_km_write_histogram,
      ngx_http_seal_km_counter(request_time), NULL, NULL },

    { "seal_km_store_seconds", "histogram",
      "Time that the store took, for each response that needed a record.",
      ngx_http_seal_km_write_histogram,
      ngx_http_seal_km_counter(store_time), NULL, NULL },

    { "seal_km_records_total", "counter",
      "Records delivered, by the form in which the store had them.",
      ngx_http_seal_km_write_counters,
      ngx_http_seal_km_counter(records), "form",
      ngx_http_seal_km_record_values },

    { "seal_km_requests_waiting", "gauge",
      "Requests that wait for keys or for the store now.",
      ngx_http_seal_km_write_counters,
      ngx_http_seal_km_counter(gauges.waiting), "for",
      ngx_http_seal_km_waiting_values },

    { "seal_km_token_cache_total", "counter",
      "Tokens of responses, by what the cache of verified tokens did for them.",
      ngx_http_seal_km_write_counters,
      ngx_http_seal_km_counter(token_cache)
      + NGX_HTTP_SEAL_KM_CACHE_OFF * sizeof(ngx_http_seal_km_counter_t),
      "result", ngx_http_seal_km_cache_values },

    { "seal_km_token_cache_entries", "gauge",
      "Tokens in the cache.",
      ngx_http_seal_km_write_entries, 0, NULL, NULL },

    { "seal_km_token_cache_evictions_total", "counter",
      "Tokens that had to make room for others in the zone.",
      ngx_http_seal_km_write_evictions, 0, NULL, NULL },

    { "seal_km_zone_bytes", "gauge",
      "Shared memory of the zone, in whole pages.",
      ngx_http_seal_km_write_bytes, 0, NULL, NULL },

    { "seal_km_store_connections", "gauge",
      "Connections for records by state.",
      ngx_http_seal_km_write_counters,
      ngx_http_seal_km_counter(gauges.connections), "state",
      ngx_http_seal_km_connection_values },

    { "seal_km_store_reconnects_total", "counter",
      "Times that a connection for records was opened again.",
      ngx_http_seal_km_write_counters,
      ngx_http_seal_km_counter(reconnects), NULL, NULL },

    { "seal_km_store_retries_total", "counter",
      "Times that a record was asked for again, at the same or another server.",
      ngx_http_seal_km_write_counters,
      ngx_http_seal_km_counter(retries), NULL, NULL },

    { "seal_km_keys", "gauge",
      "Keys in force in the worker that answers, by where they are from.",
      ngx_http_seal_km_write_keys, 0, NULL, NULL },

    { "seal_km_keys_age_seconds", "gauge",
      "Time since the keys of the worker that answers were fetched or confirmed.",
      ngx_http_seal_km_write_age, 0, NULL, NULL },

    { "seal_km_keys_fetches_total", "counter",
      "Fetches of keys by result.",
      ngx_http_seal_km_write_counters,
      ngx_http_seal_km_counter(fetches), "result",
      ngx_http_seal_km_fetch_values },

    { "seal_km_notifications_total", "counter",
      "Notifications of refusals by result.",
      ngx_http_seal_km_write_counters,
      ngx_http_seal_km_counter(notifications), "result",
      ngx_http_seal_km_note_values },

    { "seal_km_info", "gauge",
      "Versions of the module and of what it runs with.",
      ngx_http_seal_km_write_info, 0, NULL, NULL }
};


ngx_buf_t *
ngx_http_seal_km_metrics_text(ngx_http_request_t *r)
{
    ngx_buf_t                        *b;
    ngx_uint_t                        i;
    ngx_http_seal_km_zone_t          *zone;
    ngx_http_seal_km_text_t           text;
    const ngx_http_seal_km_metric_t  *metric;

    b = ngx_create_temp_buf(r->pool, NGX_HTTP_SEAL_KM_TEXT_MAX);
    if (b == NULL) {
        return NULL;
    }

    text.p = b->pos;
    text.last = b->end;
    text.shm_zone = ngx_http_seal_km_get_conf(r)->zone;
    text.smcf = ngx_http_get_module_main_conf(r, ngx_http_seal_km_module);

    zone = text.shm_zone->data;

    ngx_http_seal_km_sum_counters(&zone->tally, &text.sum);

    metric = ngx_http_seal_km_metrics;

    for (i = 0;
         i < sizeof(ngx_http_seal_km_metrics)
             / sizeof(ngx_http_seal_km_metrics[0]);
         i++)
    {
        ngx_http_seal_km_write(&text, "# HELP %s %s\n# TYPE %s %s\n",
                               metric[i].name, metric[i].help,
                               metric[i].name, metric[i].type);
        metric[i].write(&text, &metric[i]);
    }

    b->last = text.p;

    return b;
}


static void
ngx_http_seal_km_write(ngx_http_seal_km_text_t *text, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    text->p = ngx_vslprintf(text->p, text->last, fmt, args);
    va_end(args);
}


static uint64_t
ngx_http_seal_km_counted(ngx_http_seal_km_text_t *text, size_t counter,
    ngx_uint_t i)
{
    u_char  *p;

    p = (u_char *) &text->sum + counter;

    return ((ngx_http_seal_km_counter_t *) p)[i];
}


static void
ngx_http_seal_km_write_counters(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric)
{
    ngx_uint_t  i;

    if (metric->label == NULL) {
        ngx_http_seal_km_write(text, "%s %uL\n", metric->name,
                         ngx_http_seal_km_counted(text, metric->counter, 0));
        return;
    }

    for (i = 0; metric->values[i]; i++) {
        ngx_http_seal_km_write(text, "%s{%s=\"%s\"} %uL\n", metric->name,
                         metric->label, metric->values[i],
                         ngx_http_seal_km_counted(text, metric->counter, i));
    }
}


/* the words are those of the one table */

static void
ngx_http_seal_km_write_responses(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric)
{
    ngx_uint_t  i;

    for (i = 0; i < SEAL_KM_REASON_MAX; i++) {
        ngx_http_seal_km_write(text, "%s{%s=\"%s\"} %uL\n", metric->name,
                         metric->label, seal_km_reason(i)->word,
                         ngx_http_seal_km_counted(text, metric->counter, i));
    }
}


/* each bucket holds all below its bound; the last one, then, is the count */

static void
ngx_http_seal_km_write_histogram(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric)
{
    uint64_t    n;
    ngx_uint_t  i;

    n = 0;

    for (i = 0; i < NGX_HTTP_SEAL_KM_BOUNDS; i++) {
        n += ngx_http_seal_km_counted(text, metric->counter, i);

        ngx_http_seal_km_write(text, "%s_bucket{le=\"", metric->name);
        ngx_http_seal_km_write_seconds(text, ngx_http_seal_km_bounds[i]);
        ngx_http_seal_km_write(text, "\"} %uL\n", n);
    }

    n += ngx_http_seal_km_counted(text, metric->counter,
                                  NGX_HTTP_SEAL_KM_BOUNDS);

    ngx_http_seal_km_write(text, "%s_bucket{le=\"+Inf\"} %uL\n%s_sum ",
                           metric->name, n, metric->name);
    ngx_http_seal_km_write_seconds(text,
                     ngx_http_seal_km_counted(text, metric->counter
                         + offsetof(ngx_http_seal_km_histogram_t,
                                    nanoseconds), 0));
    ngx_http_seal_km_write(text, "\n%s_count %uL\n", metric->name, n);
}


/* without zeros at the end */

static void
ngx_http_seal_km_write_seconds(ngx_http_seal_km_text_t *text,
    uint64_t nanoseconds)
{
    u_char  *start;

    start = text->p;

    ngx_http_seal_km_write(text, "%uL.%09uL", nanoseconds / 1000000000,
                           nanoseconds % 1000000000);

    while (text->p > start && text->p[-1] == '0') {
        text->p--;
    }

    if (text->p > start && text->p[-1] == '.') {
        text->p--;
    }
}


static void
ngx_http_seal_km_write_entries(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric)
{
    ngx_http_seal_km_zone_t  *zone;

    zone = text->shm_zone->data;

    ngx_http_seal_km_write(text, "%s %ui\n", metric->name, zone->sh->ntokens);
}


static void
ngx_http_seal_km_write_evictions(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric)
{
    ngx_http_seal_km_zone_t  *zone;

    zone = text->shm_zone->data;

    ngx_http_seal_km_write(text, "%s %ui\n", metric->name,
                           zone->sh->evictions);
}


static void
ngx_http_seal_km_write_bytes(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric)
{
    size_t                    size, available;
    ngx_http_seal_km_zone_t  *zone;

    zone = text->shm_zone->data;

    size = text->shm_zone->shm.size;
    available = zone->shpool->pfree * ngx_pagesize;

    ngx_http_seal_km_write(text, "%s{state=\"used\"} %uz\n"
                           "%s{state=\"free\"} %uz\n",
                           metric->name, size - available,
                           metric->name, available);
}


static void
ngx_http_seal_km_write_keys(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric)
{
    size_t                           n;
    ngx_uint_t                       i, k;
    ngx_http_seal_km_key_files_t   **files;
    ngx_http_seal_km_key_source_t  **source;

    n = 0;
    files = text->smcf->key_files.elts;

    for (i = 0; i < text->smcf->key_files.nelts; i++) {
        if (ngx_http_seal_km_is_used(text, files[i])) {
            for (k = 0; k < files[i]->n; k++) {
                n += seal_km_jwks_count(files[i]->file[k].jwks);
            }
        }
    }

    ngx_http_seal_km_write(text, "%s{source=\"file\"} %uz\n", metric->name, n);

    n = 0;
    source = text->smcf->sources.elts;

    for (i = 0; i < text->smcf->sources.nelts; i++) {
        if (ngx_http_seal_km_is_used(text, source[i]) && source[i]->jwks) {
            n += seal_km_jwks_count(source[i]->jwks);
        }
    }

    ngx_http_seal_km_write(text, "%s{source=\"request\"} %uz\n", metric->name,
                           n);
}


/* of the oldest set, if there are several; none was fetched: no age */

static void
ngx_http_seal_km_write_age(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric)
{
    ngx_uint_t                       i, fetched;
    ngx_msec_t                       age;
    ngx_http_seal_km_key_source_t  **source;

    age = 0;
    fetched = 0;
    source = text->smcf->sources.elts;

    for (i = 0; i < text->smcf->sources.nelts; i++) {
        if (ngx_http_seal_km_is_used(text, source[i]) && source[i]->jwks) {
            age = ngx_max(age, ngx_current_msec - source[i]->fetched);
            fetched = 1;
        }
    }

    if (fetched) {
        ngx_http_seal_km_write(text, "%s{source=\"request\"} ", metric->name);
        ngx_http_seal_km_write_seconds(text, (uint64_t) age * 1000000);
        ngx_http_seal_km_write(text, "\n");
    }
}


/* whether a location of the zone trusts these files, or this source */

static ngx_uint_t
ngx_http_seal_km_is_used(ngx_http_seal_km_text_t *text, void *keys)
{
    ngx_uint_t                     i;
    ngx_http_seal_km_loc_conf_t  **location;

    location = text->smcf->locations.elts;

    for (i = 0; i < text->smcf->locations.nelts; i++) {
        if (location[i]->zone == text->shm_zone
            && (location[i]->key_set->files == keys
                || location[i]->key_set->source == keys))
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_seal_km_write_info(ngx_http_seal_km_text_t *text,
    const ngx_http_seal_km_metric_t *metric)
{
    ngx_http_seal_km_write(text, "%s{version=\"%s\",nginx=\"%s\","
                           "libjwt=\"%s\",openssl=\"%s\"} 1\n",
                           metric->name, NGX_HTTP_SEAL_KM_RELEASE,
                           NGINX_VERSION, seal_km_algorithm_library(),
                           OpenSSL_version(OPENSSL_VERSION_STRING));
}
