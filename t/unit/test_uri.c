#include "unit.h"

#include "seal_km_uri.h"


/* normalises from and to memory that has nothing to spare */

static int
normalize(seal_km_str_t uri, char *out, size_t *len)
{
    int    rc;
    char  *src, *dst;

    src = unit_exact(uri);
    dst = malloc(uri.len + 1);
    assert_non_null(dst);

    uri.data = src;
    rc = seal_km_uri_normalize(uri, dst, len);

    if (rc == 0) {
        assert_true(*len <= uri.len + 1);
        memcpy(out, dst, *len);
    }

    free(src);
    free(dst);

    return rc;
}


static const struct {
    const char  *uri;
    const char  *normal;       /* NULL: as it is */
} forms[] = {

    /* as it is */

    { "https://skm.example/", NULL },
    { "https://skm.example/keys", NULL },
    { "https://skm.example/keys/", NULL },
    { "https://skm.example:8443/keys?a=b&c=d#e", NULL },
    { "https://user:pw@skm.example/", NULL },
    { "urn:example:skm", NULL },
    { "sip:skm@example.com", NULL },
    { "mailto:skm@example.com", NULL },
    { "file:///etc/skm", NULL },
    { "a:", NULL },
    { "a+b-c.d1:x", NULL },
    { "x:/", NULL },
    { "x:a//b", NULL },
    { "https://a//b//", NULL },
    { "https://a/b;c=1,2", NULL },
    { "https://a/!$&'()*+,;=:@-._~", NULL },
    { "https://!$&'()*+,;=-._~/", NULL },
    { "https://a/b?/?:@!$&'()*+,;=-._~#/?:@!$&'()*+,;=-._~", NULL },
    { "https://1.2.3.4/", NULL },
    { "https://a.b./", NULL },

    /* case of scheme and host (6.2.2.1) */

    { "HTTPS://SKM.Example/", "https://skm.example/" },
    { "hTTpS://a/", "https://a/" },
    { "URN:Example:A", "urn:Example:A" },
    { "https://A/Keys?Q#F", "https://a/Keys?Q#F" },
    { "https://User:PW@A/", "https://User:PW@a/" },
    { "https://a/%c3%a9", "https://a/%C3%A9" },
    { "https://a/?%c3#%2f", "https://a/?%C3#%2F" },
    { "https://%C3%89x/", "https://%C3%89x/" },
    { "https://%c3%89X/", "https://%C3%89x/" },
    { "https://u%3a@a/", "https://u%3A@a/" },

    /* escapes of unreserved characters (6.2.2.2) */

    { "https://a/%41%5a%61%7A%30%39%2d%2E%5F%7e", "https://a/AZaz09-._~" },
    { "https://%41.%45x%41mple/", "https://a.example/" },
    { "https://%4a%c3/", "https://j%C3/" },
    { "https://a/?%41#%42", "https://a/?A#B" },
    { "https://%41@b/", "https://A@b/" },
    { "urn:%41", "urn:A" },
    { "https://a/%2F%3f%23%5B%40%25%20%00", "https://a/%2F%3F%23%5B%40%25"
      "%20%00" },
    { "https://a/%21%24%26%27%28%29%2A%2B%2C%3B%3D%3A", NULL },
    { "https://a/?%3D%26#%2B", NULL },
    { "https://%21a/", NULL },
    { "https://a/%2541", NULL },
    { "https://a%2Fb/", NULL },
    { "https://a%3A80/", NULL },
    { "https://a%40b/", NULL },

    /* dot segments (6.2.2.3, 5.2.4) */

    { "https://a/b/../c", "https://a/c" },
    { "https://a/./b", "https://a/b" },
    { "https://a/b/.", "https://a/b/" },
    { "https://a/b/..", "https://a/" },
    { "https://a/..", "https://a/" },
    { "https://a/.", "https://a/" },
    { "https://a/../../b", "https://a/b" },
    { "https://a/b/c/../../d", "https://a/d" },
    { "https://a/b/c/./../../g", "https://a/g" },
    { "https://a/mid/content=5/../6", "https://a/mid/6" },
    { "https://a/b//../c", "https://a/b/c" },
    { "https://a//..//b", "https://a//b" },
    { "https://a/b/.../c", NULL },
    { "https://a/b/..c", NULL },
    { "https://a/b/c..", NULL },
    { "https://a/b/.c", NULL },
    { "https://a/b/c.", NULL },
    { "https://a/%2e%2E/b", "https://a/b" },
    { "https://a/b/%2e./c", "https://a/c" },
    { "https://a/b/%2E/c", "https://a/b/c" },
    { "https://a/b%2F../c", NULL },
    { "https://a/?b/../c", NULL },
    { "https://a/#b/../c", NULL },
    { "https://a/b/..?c", "https://a/?c" },
    { "https://a/b/.#c", "https://a/b/#c" },
    { "x:/a/../b", "x:/b" },
    { "x:/..", "x:/" },
    { "urn:a/../b", NULL },
    { "x:a/..", NULL },
    { "x:..", NULL },
    { "x:.//a", NULL },

    /* no authority comes into being */

    { "x:/.//a", NULL },
    { "x:/..//a", "x:/.//a" },
    { "x:/b/..//a", "x:/.//a" },
    { "x:/%2E//a", "x:/.//a" },
    { "x:/.//", NULL },
    { "x:///a", NULL },
    { "x:////a", NULL },

    /* port (6.2.3) */

    { "https://a:443/", "https://a/" },
    { "http://a:80/", "http://a/" },
    { "wss://a:443/", "wss://a/" },
    { "ws://a:80/", "ws://a/" },
    { "HTTPS://a:443", "https://a/" },
    { "https://a:/", "https://a/" },
    { "x://a:/b", "x://a/b" },
    { "https://u@a:443?q", "https://u@a/?q" },
    { "https://[::1]:443/", "https://[::1]/" },
    { "https://a:80/", NULL },
    { "http://a:443/", NULL },
    { "https://a:0443/", NULL },
    { "https://a:4433/", NULL },
    { "https://a:44/", NULL },
    { "https://a:99999999/", NULL },
    { "x://a:443/", NULL },
    { "https://443/", NULL },

    /* empty path (6.2.3) */

    { "https://a", "https://a/" },
    { "https://a?b", "https://a/?b" },
    { "https://a#b", "https://a/#b" },
    { "x://a", "x://a/" },
    { "x://", "x:///" },

    /* what is empty is not absent */

    { "https://a/?", NULL },
    { "https://a/#", NULL },
    { "https://a/?#", NULL },
    { "https://a?", "https://a/?" },
    { "https://a#", "https://a/#" },
    { "https://@a/", NULL },
    { "https://:@a/", NULL },

    /* IP literals (3.2.2) */

    { "https://[2001:DB8::A]/", "https://[2001:db8::a]/" },
    { "https://[::]", "https://[::]/" },
    { "https://[1:2:3:4:5:6:7:8]:1/", NULL },
    { "https://[1:2:3:4:5:6:7::]/", NULL },
    { "https://[::2:3:4:5:6:7:8]/", NULL },
    { "https://[::ffff:1.2.3.4]/", NULL },
    { "https://[1111:2222:3333:4444:5555:6666:255.255.255.255]/", NULL },
    { "https://u@[::1]:8443/", NULL },
    { "https://[V1F.A:~!]/", "https://[v1f.a:~!]/" },

    /* the colon and the at sign elsewhere */

    { "https://a/b:c@d", NULL },
    { "https://u/@a:b@c:x", NULL },
    { "https://u:p:w@a/", NULL },
    { "x:a:b@c", NULL }
};


static void
test_normal_form(void **state)
{
    char           out[SEAL_KM_URI_MAX + 1], again[SEAL_KM_URI_MAX + 1];
    size_t         i;
    seal_km_str_t  got;

    for (i = 0; i < unit_n(forms); i++) {
        unit_check(forms[i].uri,
                   normalize(unit_text(forms[i].uri), out, &got.len) == 0);

        got.data = out;
        unit_check_str(forms[i].uri, got,
                       unit_text(forms[i].normal == NULL ? forms[i].uri
                                                         : forms[i].normal));

        /* the normal form is its own normal form */

        unit_check(forms[i].uri, normalize(got, again, &got.len) == 0);
        got.data = again;
        unit_check_str(forms[i].uri, got,
                       unit_text(forms[i].normal == NULL ? forms[i].uri
                                                         : forms[i].normal));
    }
}


static const struct {
    const char     *name;
    seal_km_str_t   uri;
} faults[] = {
    { "empty", unit_lit("") },
    { "absent", unit_none },
    { "relative path", unit_lit("keys") },
    { "absolute path", unit_lit("/keys") },
    { "network path", unit_lit("//a/keys") },
    { "query only", unit_lit("?a") },
    { "fragment only", unit_lit("#a") },
    { "no colon", unit_lit("https") },
    { "colon in a later segment", unit_lit("a/b:c") },
    { "empty scheme", unit_lit(":a") },
    { "scheme begins with a digit", unit_lit("1a:b") },
    { "scheme begins with a plus", unit_lit("+a:b") },
    { "underscore in the scheme", unit_lit("a_b:c") },
    { "escape in the scheme", unit_lit("ht%74p://a/") },
    { "space in the scheme", unit_lit("ht tp://a/") },
    { "NUL in the scheme", unit_lit("ht\0tp://a/") },
    { "space before", unit_lit(" https://a/") },
    { "space behind", unit_lit("https://a/ ") },
    { "line end behind", unit_lit("https://a/\n") },
    { "NUL behind", unit_lit("https://a/\0") },
    { "tab in the path", unit_lit("https://a/\tb") },
    { "DEL in the path", unit_lit("https://a/\x7f") },
    { "UTF-8 in the path", unit_lit("https://a/\xc3\xa9") },
    { "UTF-8 in the host", unit_lit("https://\xc3\xa9/") },
    { "backslash", unit_lit("https://a\\b/") },
    { "quote", unit_lit("https://a/\"") },
    { "less than", unit_lit("https://a/<b>") },
    { "caret", unit_lit("https://a/^") },
    { "grave accent", unit_lit("https://a/`") },
    { "braces", unit_lit("https://a/{b}") },
    { "pipe", unit_lit("https://a/|") },
    { "bracket in the path", unit_lit("https://a/[") },
    { "bracket in the query", unit_lit("https://a/?[") },
    { "bracket in the fragment", unit_lit("https://a/#]") },
    { "second number sign", unit_lit("https://a/#b#c") },
    { "number sign in the query's fragment", unit_lit("https://a/?b#c#") },

    { "escape cut after the sign", unit_lit("https://a/%") },
    { "escape cut after one digit", unit_lit("https://a/%4") },
    { "escape of no digits", unit_lit("https://a/%zz") },
    { "escape with one digit", unit_lit("https://a/%4g") },
    { "escape over the end of the path", unit_lit("https://a/%4?1") },
    { "escape over the end of the query", unit_lit("https://a/?%4#1") },
    { "escape over the end of the host", unit_lit("https://a%4/1") },
    { "escape over the end of user information",
      unit_lit("https://u%4@1/") },
    { "escape in the fragment", unit_lit("https://a/#%") },
    { "escape with a NUL", unit_lit("https://a/%4\0") },

    { "http without a host", unit_lit("http:///a") },
    { "https without a host", unit_lit("https://") },
    { "https with a port only", unit_lit("https://:443/") },
    { "https with user information only", unit_lit("https://u@/") },
    { "https with a query only", unit_lit("https://?a") },
    { "https without an authority", unit_lit("https:/a") },
    { "https with a rootless path", unit_lit("https:a") },
    { "https and no more", unit_lit("https:") },
    { "wss without a host", unit_lit("wss:///") },

    { "two at signs", unit_lit("https://u@v@a/") },
    { "letters in the port", unit_lit("https://a:80a/") },
    { "minus in the port", unit_lit("https://a:-80/") },
    { "escape in the port", unit_lit("https://a:%38/") },
    { "two ports", unit_lit("https://a:1:2/") },
    { "bracket in user information", unit_lit("https://[@a/") },

    { "IPv6 without brackets", unit_lit("https://::1/") },
    { "bracket not closed", unit_lit("https://[::1/") },
    { "bracket not closed, at the end", unit_lit("https://[::1") },
    { "bracket closed only", unit_lit("https://::1]/") },
    { "nothing in brackets", unit_lit("https://[]/") },
    { "something behind the bracket", unit_lit("https://[::1]a/") },
    { "something before the bracket", unit_lit("https://a[::1]/") },
    { "IPv4 in brackets", unit_lit("https://[1.2.3.4]/") },
    { "name in brackets", unit_lit("https://[a]/") },
    { "zone", unit_lit("https://[fe80::1%25eth0]/") },
    { "zone, not escaped", unit_lit("https://[fe80::1%eth0]/") },
    { "too many groups", unit_lit("https://[1:2:3:4:5:6:7:8:9]/") },
    { "too few groups", unit_lit("https://[1:2:3]/") },
    { "group too long", unit_lit("https://[12345::]/") },
    { "two double colons", unit_lit("https://[1::2::3]/") },
    { "three colons", unit_lit("https://[:::]/") },
    { "IPv4 part with a leading zero", unit_lit("https://[::1.2.3.04]/") },
    { "IPv4 part too large", unit_lit("https://[::1.2.3.256]/") },
    { "NUL in brackets", unit_lit("https://[::1\0]/") },
    { "long text in brackets",
      unit_lit("https://[0001:0002:0003:0004:0005:0006:0007:0008:0009:0]")
    },
    { "future version without digits", unit_lit("https://[v.a]/") },
    { "future version without a dot", unit_lit("https://[v1]/") },
    { "future version without an address", unit_lit("https://[v1.]/") },
    { "future version with an escape", unit_lit("https://[v1.%41]/") },
    { "future version with an at sign", unit_lit("https://[v1.a@b]/") }
};


static void
test_refused(void **state)
{
    char    out[SEAL_KM_URI_MAX + 1];
    size_t  i, len;

    for (i = 0; i < unit_n(faults); i++) {
        unit_check(faults[i].name, normalize(faults[i].uri, out, &len) == -1);
    }
}


/* each byte in each component */

static void
test_characters(void **state)
{
    int          i;
    char         uri[32], out[SEAL_KM_URI_MAX + 1];
    size_t       n, len;
    const char  *before, *also;

    static const struct {
        const char  *format;   /* where the character goes */
        const char  *also;     /* beside the unreserved and sub-delims */
    } components[] = {
        { "x://%ca@b/", ":" },
        { "x://a%cb/", NULL },
        { "x://a/b%cc", ":@/" },
        { "x:b%cc", ":@/" },
        { "x://a/?b%cc", ":@/?" },
        { "x://a/#b%cc", ":@/?" },
        { "x://[v1.a%cb]/", ":" }
    };

    for (n = 0; n < unit_n(components); n++) {
        for (i = 1; i < 256; i++) {
            also = components[n].also;

            /* these end the component, and what is behind may fit */

            if (strchr("/?#:@]", i) != NULL
                && (also == NULL || strchr(also, i) == NULL))
            {
                continue;
            }

            before = strchr("!$&'()*+,;=-._~", i);
            (void) snprintf(uri, sizeof(uri), components[n].format, i);

            assert_int_equal(normalize(unit_text(uri), out, &len) == 0,
                             (i >= '0' && i <= '9') || (i >= 'a' && i <= 'z')
                             || (i >= 'A' && i <= 'Z') || before != NULL
                             || (also != NULL && strchr(also, i) != NULL));
        }
    }
}


static void
test_length(void **state)
{
    char           uri[SEAL_KM_URI_MAX + 1], out[SEAL_KM_URI_MAX + 1];
    size_t         len;
    seal_km_str_t  s;

    memset(uri, 'a', sizeof(uri));
    memcpy(uri, "https://", 8);
    s.data = uri;

    s.len = SEAL_KM_URI_MAX;
    assert_int_equal(normalize(s, out, &len), 0);
    assert_int_equal(len, SEAL_KM_URI_MAX + 1);
    assert_int_equal(out[SEAL_KM_URI_MAX], '/');

    s.len = SEAL_KM_URI_MAX + 1;
    assert_int_equal(normalize(s, out, &len), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_normal_form),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_length)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
