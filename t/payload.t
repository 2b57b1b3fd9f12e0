# seal_km_payload: how a record becomes Payload.

use lib 't/lib';
use SealKM;

use MIME::Base64 'encode_base64';

my $redis = start_redis();
my ($records, %name) = (0);

# the ServiceID of a record that holds these bytes
sub record {
    my ($bytes) = @_;
    $name{$bytes} //= 'r' . ++$records;
    $redis->set("seal:km:$name{$bytes}:service", $bytes);
    return $name{$bytes};
}

sub asked {
    my ($type, $bytes) = @_;
    return (location => "/$type", body => { ServiceID => record($bytes) });
}

sub text { my ($bytes) = @_; utf8::decode($bytes); return $bytes }

sub show {
    my ($bytes) = @_;
    $bytes =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ge;
    return length $bytes > 60 ? length $bytes : "'$bytes'";
}

my @locations = (location('= /string') . location('= /json', payload => 'json')
                 . location('= /base64', payload => 'base64')
                 . location('= /explicit', payload => 'string'));

my $binary = join '', map { chr } 0 .. 255;

# well-formed UTF-8, and what is not
my @utf8 = (
    'text', ' ', ' a ', '"', '\\', '\\"', '\\u0041', '/', "\0", "a\0b", "\0\0",
    (map { chr } 1 .. 31), "\x7f", "a\tb\r\nc", '{"a":1}', '[1]', 'null', '5',
    '</script>', '%41', '&amp;', '$host', "caf\xc3\xa9", "\xc2\x80", "\xdf\xbf",
    "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
    "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xf0\x9f\x98\x80", "\xef\xbb\xbfa",
    "\xe2\x80\xa8\xe2\x80\xa9", "-----BEGIN X-----\nAA==\n-----END X-----\n",
);
my @no_utf8 = (
    "\x80", "\xbf", "a\x80", "\xc0\x80", "\xc0\xaf", "\xc1\xbf", "\xc2", "\xc2a",
    "\xe0\x80\x80", "\xe0\x9f\xbf", "\xe2\x82", "\xe2\x82a", "\xed\xa0\x80",
    "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98",
    "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff",
    "caf\xe9", "good \xc3\xa9 then \xe9", 'x' x 5000 . "\xff", $binary,
);

test 'string',
    config => "@locations",
    log => [ qr/\[error\].*payload_invalid/ ],
    sub {
        for my $type (qw(string explicit)) {
            km "$type: " . show($_), { asked($type, $_) },
                { payload => text($_) } for @utf8;
            km "$type: " . show($_), { asked($type, $_) }, 'payload_invalid'
                for @no_utf8;
            km "$type: an empty record", { asked($type, '') }, 'ok';
        }

        # which escapes, byte for byte
        my $res = post(asked('string', "\"\\/\b\f\n\r\t\0\x1f\x7f\xc3\xa9"));
        like($res->body, qr{,"Payload":"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\xc3\xa9"\}\z},
             'string: the escapes');
    };


# JSON values, passed on byte for byte, and what is none
my @json = (
    '{}', '[]', '""', '0', '-0', '-0.0', '1', '-1', '1.0', '1.50', '1e5', '1E+5',
    '1e-5', '0.1e0', 'true', 'false', 'null', '"text"', '" "', '"\u0041\/\n"',
    '"\u0000"', '"a\u0000b"', '"\u00e9"', "\"caf\xc3\xa9\"", '"\ud83d\ude00"',
    "\"\x7f\"", '"\"\\\\"', '{"a":1}', '{"b":1,"a":2}', '{"a":{"b":[{"c":null}]}}',
    '{"a":{"x":1},"b":{"x":1}}', '[{"x":1},{"x":1}]', '{"a":1,"A":2}', '{"":1}',
    '{ "a" : [ 1 , 2 ] }', "{\r\n\t\"a\": 1\n}", '[1,"1",1.0,true,null,{}]',
    '{"keys":[{"kty":"oct","k":"AAAA"}]}', '[' x 100 . ']' x 100,
    '9223372036854775807', '9223372036854775808', '-9223372036854775808',
    '-9223372036854775809', '18446744073709551616', '123456789012345678901234567890',
    '1' . '0' x 308, '-1' . '0' x 308, '[1' . '0' x 200 . ']',
    '1.7976931348623157e308', '-1.7976931348623157e308', '1e308', '0e999',
    '0.' . '1' x 400, '{"n":' . '9' x 308 . '}', '4.9e-324', '"1e999"',
    '{"ErrorCode":"01","Payload":1}',
);
my @no_json = (
    ' ', "\n", 'text', '{', '}', '[', ']', '{]', '{,}', '[,]', '[1,]', '{"a":1,}',
    '{"a"}', '{"a":}', '{a:1}', "{'a':1}", '"', '"a', 'a"', "'a'", '1 2', '{}{}',
    '[] x', 'nul', 'nulll', 'True', 'NULL', 'undefined', 'NaN', 'Infinity',
    '-Infinity', '+1', '01', '-01', '1.', '.5', '1e', '1e+', '0x10', '1_000', '--1',
    '// a', '/**/1', '1//', '"\x41"', '"\u00"', '"\u00zz"', '"\'', '"a' . "\n" . '"',
    "\"\t\"", "\"\1\"", "\0", "1\0", "\0001", "{}\0", "{\0}", "\"a\0b\"",
    "\xef\xbb\xbf{}", "\0{\0}", "\"caf\xe9\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"",
    "\"\xff\"", "\xff", $binary,
    # a name twice
    '{"a":1,"a":1}', '{"a":1,"a":2}', '{"a":1,"b":2,"a":3}', '{"x":{"a":1,"a":1}}',
    '[{"a":1,"a":1}]', '[[[{"a":1,"b":{"c":1,"c":1}}]]]', '{"a":1,"\u0061":1}',
    '{"\u0061":1,"\u0061":1}', "{\"\\u00e9\":1,\"\xc3\xa9\":1}", '{"":1,"":2}',
    '{"\ud83d\ude00":1,' . "\"\xf0\x9f\x98\x80\":1}",
    # beyond a double
    '1e309', '-1e309', '1.8e308', '1e999999', '[1e400]', '{"a":-1e400}',
    '1' . '0' x 309, '-1' . '0' x 309, '9' x 400, '{"a":[' . '9' x 310 . ']}',
    '1' . '0' x 309 . '.0', '1' . '0' x 300 . 'e10',
    # closing what is not open
    '"},"ErrorCode":"', '1,"ErrorCode":"01"', '1}', '{}}',
);

test 'json',
    config => "@locations",
    log => [ qr/\[error\].*payload_invalid/ ],
    sub {
        km 'json: ' . show($_), { asked('json', $_) }, { payload => \"$_" }
            for @json;
        km 'json: ' . show($_), { asked('json', $_) }, 'payload_invalid'
            for @no_json;
        km 'json: an empty record', { asked('json', '') }, 'ok';

        # white space around it is part of the record
        my $res = post(asked('json', " \r\n{ }\t"));
        like($res->body, qr/,"Payload": \r\n\{ \}\t\}\z/, 'json: white space');

        # deep, but not without end: an answer in any case
        for my $deep (1000, 5000, 200_000) {
            my $text = '[' x $deep . ']' x $deep;
            $res = post(asked('json', $text));
            ok($res && ($res->status == 200 && $res->body =~ /"Payload":\Q$text\E\}\z/
                        || $res->header('X-Reason') eq 'payload_invalid'),
               "json: $deep deep");
            $res = post(asked('json', '[' x $deep));
            is($res && $res->header('X-Reason'), 'payload_invalid',
               "json: $deep deep, open");
        }
    };


# records that are made to be dear, and a second one in each
my $names = join ',', map { qq("$_":0) } 0 .. 99_999;
my @dear = (
    [ 'objects',    '[' . '{},' x 300_000 . '{}]', '{]' ],
    [ 'names',      "{$names}", qq({$names,"5":0}) ],
    [ 'in objects', '[' . '{"a":{"b":0,"c":0}},' x 50_000 . '0]',
                    '[' . '{"a":{"b":0,"c":0}},' x 50_000 . '{"a":{"b":0,"b":0}}]' ],
    [ 'escapes',    '"' . '\u0041' x 100_000 . '"', '"' . '\u0041' x 100_000 . '\ud800"' ],
);

test 'json: dear records',
    config => "@locations",
    log => [ qr/\[error\].*payload_invalid/ ],
    sub {
        for (@dear) {
            my ($name, $good, $bad) = @$_;
            km "json: $name", { asked('json', $good) }, { payload => \$good };
            km "json: $name, no JSON", { asked('json', $bad) }, 'payload_invalid';
        }
    };


test 'base64',
    config => "@locations",
    sub {
        km 'base64: ' . show($_), { asked('base64', $_) },
            { payload => encode_base64($_, '') } for
            $binary, 'a', 'ab', 'abc', 'abcd', "\0", "\xff", "\xfb\xff\xfe", ' ',
            "\r\n", '{}', 'x' x 76, 'x' x 77, @utf8[0 .. 10], @no_utf8[0 .. 10],
            map { chr } 0 .. 255;
        km 'base64: an empty record', { asked('base64', '') }, 'ok';

        # RFC 4648, 10, and the alphabet of clause 4
        km "base64: $_->[0]", { asked('base64', $_->[0]) },
            { payload => $_->[1] } for
            [ f => 'Zg==' ], [ fo => 'Zm8=' ], [ foo => 'Zm9v' ],
            [ foob => 'Zm9vYg==' ], [ foobar => 'Zm9vYmFy' ],
            [ "\xfb\xff\xbf" => '+/+/' ];
    };


# all of a large record, whatever its escaping makes of it
my $mega = 1 << 20;
my $random = join '', map { chr int rand 256 } 1 .. $mega;

my @large = (
    [ string => 'x' x $mega,          '"' . 'x' x $mega . '"' ],
    [ string => '"' x $mega,          '"' . '\"' x $mega . '"' ],
    [ string => "\1" x $mega,         '"' . '\u0001' x $mega . '"' ],
    [ string => "\xc3\xa9" x ($mega / 2), '"' . "\xc3\xa9" x ($mega / 2) . '"' ],
    [ json => '"' . 'x' x $mega . '"', '"' . 'x' x $mega . '"' ],
    [ json => '[' . '1,' x ($mega / 2) . '1]', '[' . '1,' x ($mega / 2) . '1]' ],
    [ base64 => $random,              '"' . encode_base64($random, '') . '"' ],
);

# just below and above sizes at which buffers end
for my $size (map { ($_ - 1, $_, $_ + 1) } 1024, 4096, 8192, 16384, 65536) {
    push @large, [ string => 'y' x $size, '"' . 'y' x $size . '"' ];
}

test 'large records',
    config => "@locations",
    log => [ qr/\[error\].*payload_invalid/ ],
    sub {
        my $keep = client();

        for (@large) {
            my ($type, $bytes, $payload) = @$_;
            my %set = asked($type, $bytes);
            my $res = post(%set, via => $keep);

            ok($res && $res->status == 200
               && $res->header('Content-Length') == length $res->body
               && substr($res->body, -length($payload) - 12)
                  eq ",\"Payload\":$payload}", "$type: " . length($bytes) . ' '
               . show(substr $bytes, 0, 2));
        }

        # a client that is slow to take it
        my $slow = client();
        $slow->send(request(asked('string', 'x' x $mega)));
        sleep 1;
        is(length $slow->response->body, length(post(asked('string', 'x' x $mega))
           ->body), 'a client that waits before it reads');

        # one that takes none of it
        my $gone = client();
        $gone->send(request(asked('string', 'x' x $mega)));
        $gone->close;
        km 'after one that went away', { asked('string', 'x') }, { payload => 'x' };

        my ($bad) = grep { $_->[0] eq 'json' } @large;
        is(post(asked('json', substr $bad->[1], 0, -1))->header('X-Reason'),
           'payload_invalid', 'json: a large one cut short');
    };

run_tests();
