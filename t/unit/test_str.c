#include "unit.h"


static void
test_equal(void **state)
{
    size_t  i;

    static const struct {
        const char     *name;
        seal_km_str_t   a;
        seal_km_str_t   b;
        int             equal;
    } cases[] = {
        { "same bytes", unit_lit("abc"), unit_lit("abc"), 1 },
        { "case matters", unit_lit("abc"), unit_lit("abC"), 0 },
        { "prefix", unit_lit("abc"), unit_lit("ab"), 0 },
        { "longer", unit_lit("ab"), unit_lit("abc"), 0 },
        { "NUL inside, same", unit_lit("a\0b"), unit_lit("a\0b"), 1 },
        { "differs behind a NUL", unit_lit("a\0b"), unit_lit("a\0c"), 0 },
        { "both empty", unit_lit(""), unit_lit(""), 1 },
        { "both absent", unit_none, unit_none, 1 },
        { "absent and not", unit_none, unit_lit("a"), 0 }
    };

    for (i = 0; i < unit_n(cases); i++) {
        unit_check(cases[i].name, seal_km_str_equal(cases[i].a, cases[i].b)
                                  == cases[i].equal);
    }
}


static void
test_is_utf8(void **state)
{
    char           *p;
    size_t          i;
    seal_km_str_t   s;

    static const struct {
        const char     *name;
        seal_km_str_t   s;
        int             utf8;
    } cases[] = {
        { "empty", unit_lit(""), 1 },
        { "absent", unit_none, 1 },
        { "ASCII with NUL", unit_lit("a\0b\x7f"), 1 },
        { "U+0080", unit_lit("\xc2\x80"), 1 },
        { "U+07FF", unit_lit("\xdf\xbf"), 1 },
        { "U+0800", unit_lit("\xe0\xa0\x80"), 1 },
        { "U+D7FF", unit_lit("\xed\x9f\xbf"), 1 },
        { "U+E000", unit_lit("\xee\x80\x80"), 1 },
        { "U+FFFF", unit_lit("\xef\xbf\xbf"), 1 },
        { "U+10000", unit_lit("\xf0\x90\x80\x80"), 1 },
        { "U+10FFFF", unit_lit("\xf4\x8f\xbf\xbf"), 1 },
        { "mixed", unit_lit("a\xc3\xa9z\xe2\x82\xac\xf0\x9f\x94\x91"), 1 },
        { "U+110000", unit_lit("\xf4\x90\x80\x80"), 0 },
        { "lead byte F5", unit_lit("\xf5\x80\x80\x80"), 0 },
        { "lead byte FF", unit_lit("\xff"), 0 },
        { "surrogate U+D800", unit_lit("\xed\xa0\x80"), 0 },
        { "surrogate U+DFFF", unit_lit("\xed\xbf\xbf"), 0 },
        { "overlong slash, two bytes", unit_lit("\xc0\xaf"), 0 },
        { "overlong, C1", unit_lit("\xc1\xbf"), 0 },
        { "overlong, three bytes", unit_lit("\xe0\x9f\xbf"), 0 },
        { "overlong, four bytes", unit_lit("\xf0\x8f\xbf\xbf"), 0 },
        { "lone continuation", unit_lit("\x80"), 0 },
        { "cut after one of two", unit_lit("a\xc3"), 0 },
        { "cut after one of three", unit_lit("a\xe2"), 0 },
        { "cut after two of three", unit_lit("a\xe2\x82"), 0 },
        { "cut after three of four", unit_lit("a\xf0\x9f\x94"), 0 },
        { "second byte no continuation", unit_lit("\xc3\x28"), 0 },
        { "third byte no continuation", unit_lit("\xe2\x82\x28"), 0 },
        { "fourth byte no continuation", unit_lit("\xf0\x9f\x94\x28"), 0 }
    };

    for (i = 0; i < unit_n(cases); i++) {
        s = cases[i].s;
        p = unit_exact(s);
        s.data = (s.data == NULL) ? NULL : p;

        unit_check(cases[i].name, seal_km_str_is_utf8(s) == cases[i].utf8);

        free(p);
    }
}


/* each code point against what RFC 3629 says of its bytes */

static void
test_is_utf8_all(void **state)
{
    unsigned       c;
    char           bytes[4];
    seal_km_str_t  s;

    s.data = bytes;

    for (c = 0x80; c < 0x120000; c++) {

        if (c < 0x800) {
            s.len = 2;
            bytes[0] = (char) (0xc0 | c >> 6);

        } else if (c < 0x10000) {
            s.len = 3;
            bytes[0] = (char) (0xe0 | c >> 12);

        } else {
            s.len = 4;
            bytes[0] = (char) (0xf0 | c >> 18);
        }

        bytes[s.len - 1] = (char) (0x80 | (c & 0x3f));
        bytes[s.len - 2] = (s.len == 2) ? bytes[0]
                           : (char) (0x80 | (c >> 6 & 0x3f));

        if (s.len == 4) {
            bytes[1] = (char) (0x80 | (c >> 12 & 0x3f));
        }

        assert_int_equal(seal_km_str_is_utf8(s),
                         c <= 0x10ffff && (c < 0xd800 || c > 0xdfff));
    }
}


static void
test_has_control(void **state)
{
    unsigned       c;
    char           bytes[3];
    seal_km_str_t  s;

    s.data = bytes;
    s.len = sizeof(bytes);

    for (c = 0; c < 256; c++) {
        bytes[0] = 'a';
        bytes[1] = 'b';
        bytes[2] = (char) c;

        assert_int_equal(seal_km_str_has_control(s), c < 0x20 || c == 0x7f);
    }

    s.len = 0;
    assert_int_equal(seal_km_str_has_control(s), 0);
    s.data = NULL;
    assert_int_equal(seal_km_str_has_control(s), 0);
}


/* one byte at any place among 32 and more, which are looked at together */

static void
test_places(void **state)
{
    int             c, fill;
    char            text[185], *p;
    size_t          i, k, len;
    seal_km_str_t   s;

    static const size_t  lens[] = { 1, 7, 8, 9, 15, 16, 31, 33, 62, 123, 184 };
    static const char  fills[] = { 'a', ' ', '~', '!', '#', '[', ']', '\xff' };

    for (fill = 0; fill < (int) sizeof(fills); fill++) {
        for (c = 0; c < 256; c++) {
            for (k = 0; k < unit_n(lens); k++) {
                len = lens[k];

                for (i = 0; i < len; i++) {
                    memset(text, fills[fill], len);
                    text[i] = (char) c;
                    s.data = text;
                    s.len = len;
                    p = unit_exact(s);
                    s.data = p;

                    assert_int_equal(seal_km_str_has_control(s),
                                     c < 0x20 || c == 0x7f);
                    assert_int_equal(seal_km_str_plain(s),
                                     c < 0x20 || c == '"' || c == '\\'
                                     ? i : len);
                    assert_int_equal(seal_km_str_is_simple(s),
                                     c >= 0x20 && c < 0x80 && c != '"'
                                     && c != '\\'
                                     && (len == 1 || fills[fill] != '\xff'));

                    if (fills[fill] != '\xff') {
                        assert_int_equal(seal_km_str_is_utf8(s), c < 0x80);
                    }

                    free(p);
                }
            }
        }
    }

    s.data = NULL;
    s.len = 0;
    assert_int_equal(seal_km_str_plain(s), 0);
    assert_int_equal(seal_km_str_has_control(s), 0);
    assert_int_equal(seal_km_str_is_simple(s), 1);
    assert_int_equal(seal_km_str_is_utf8(s), 1);
}


static void
test_cut(void **state)
{
    seal_km_str_t  rest, part;

    rest = unit_str("a=b;;c");

    part = seal_km_str_cut(&rest, ';');
    unit_check_str("first", part, unit_str("a=b"));
    part = seal_km_str_cut(&rest, ';');
    unit_check_str("empty", part, unit_str(""));
    assert_non_null(part.data);
    assert_non_null(rest.data);
    part = seal_km_str_cut(&rest, ';');
    unit_check_str("last", part, unit_str("c"));
    assert_null(rest.data);
    assert_int_equal(rest.len, 0);

    /* a delimiter at the end has an empty part behind it */

    rest = unit_str("a;");
    part = seal_km_str_cut(&rest, ';');
    unit_check_str("before the end", part, unit_str("a"));
    assert_non_null(rest.data);
    part = seal_km_str_cut(&rest, ';');
    assert_int_equal(part.len, 0);
    assert_null(rest.data);

    rest = unit_str("");
    part = seal_km_str_cut(&rest, ';');
    assert_non_null(part.data);
    assert_int_equal(part.len, 0);
    assert_null(rest.data);

    part = seal_km_str_cut(&rest, ';');
    assert_null(part.data);
    assert_int_equal(part.len, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_is_utf8),
        cmocka_unit_test(test_is_utf8_all),
        cmocka_unit_test(test_has_control),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_cut)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
