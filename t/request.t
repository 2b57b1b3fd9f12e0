# Row 7: what a well-formed request is, and what of an ill-formed one is echoed.

use lib 't/lib';
use SealKM;

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });
my %service = (ServiceID => 'v2x.example');

# a malformed request: the name, the members, what is echoed of them
sub malformed {
    my ($name, $body, $echo) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    km $name, { body => $body },
        { reason => 'malformed_request', echo => $echo // {} };
}

# an ignored member that is an array of so many values
sub values_of {
    my @values = map { ('[]', '{}', 0, '",["')[$_ % 4] } 1 .. $_[0];
    return '"x":[' . join(',', @values) . ']';
}

sub show { return ref $_[0] ? ${ $_[0] } : defined $_[0] ? "'$_[0]'" : 'none' }

my @wrong_types = map { \$_ } qw(null 1 1.5 true false [] ["a"] {} {"a":"b"});


test 'the members',
    config => location('= /km')
        . location('= /versions', version => '1.0.0 "1.1.0" 2.0.0')
        . location('= /other', version => '2.0.0'),
    sub {
        # strings that must be there
        for my $name (qw(Version SKmsUri ServiceID)) {
            my %echo = $name eq 'ServiceID' ? () : %service;
            malformed "$name: " . show($_), { $name => $_ }, \%echo
                for undef, '', @wrong_types;
        }

        # names of at most 255 bytes, without control characters
        for my $name (qw(Version ServiceID ClientID DeviceID UserID)) {
            my %echo = $name eq 'ServiceID' ? () : %service;

            malformed "$name: " . (length $_ > 40 ? length : show(\to_json($_))),
                { $name => $_ }, \%echo
                for 'x' x 256, "\x{e9}" x 128, "\x{1f600}" x 64, 'x' x 3000,
                    "\0", "a\0", "\0a", "a\tb", "a\n", "\x1f", "\x7f", "a\x7fb";
            malformed "$name: $_", { $name => \"\"$_\"" }, \%echo
                for qw(\u0000 a\u0000b \u001F \u007f \b);
        }

        for my $name (qw(ServiceID ClientID DeviceID UserID)) {
            for my $value ('x' x 255, "\x{e9}" x 127 . 'x', "\x{1f600}" x 63,
                           "\x{80}", "\x{a0}", "\x{2028}", ' ',
                           ' a ', '*', '../..', "a\\'b", '%00', '%')
            {
                my $reason = $name eq 'ServiceID' ? 'not_found'
                                                  : 'identity_mismatch';
                km "$name: " . (length $value > 40 ? length $value
                                                   : to_json($value)),
                    { body => { $name => $value } }, $reason;
            }
        }

        # one of the three
        for my $name (qw(ClientID DeviceID UserID)) {
            malformed "$name: " . show($_), { $name => $_ }, \%service
                for '', @wrong_types;
        }

        malformed 'two identities: ' . join(' ', map { show($_) } @$_), [ @$_ ],
            \%service for
            [ ClientID => 'client-1', DeviceID => 'dev-1' ],
            [ ClientID => 'client-1', UserID => 'alice' ],
            [ DeviceID => 'dev-1', UserID => 'alice' ],
            [ UserID => 'alice', DeviceID => \'null' ],
            [ UserID => \'null', DeviceID => 'dev-1' ],
            [ UserID => 'alice', ClientID => '' ],
            [ ClientID => 1, DeviceID => 'dev-1' ],
            [ ClientID => \'null', DeviceID => \'null' ],
            [ ClientID => 'client-1', UserID => "a\0" ];
        malformed 'three identities',
            { ClientID => 'client-1', DeviceID => 'dev-1', UserID => 'alice' },
            \%service;

        # echoed is what is valid, whatever else is wrong
        malformed 'all but the ServiceID', { ServiceID => "a\0", UserID => 'alice' },
            { UserID => 'alice' };
        malformed 'all but the UserID', { UserID => "a\0" }, \%service;
        malformed 'both, without Version', { Version => undef, UserID => 'alice' },
            { %service, UserID => 'alice' };
        malformed 'both, without all else', '{"ServiceID":"a","DeviceID":"b"}',
            { ServiceID => 'a', DeviceID => 'b' };
        malformed 'one, without all else', '{"ClientID":"b"}',
            { ClientID => 'b' };
        malformed 'nothing', '{}';
        malformed 'names in another case', '{"version":"1.0.0","serviceid":"a",'
            . '"skmsuri":"https://a.example/","date/time":1,"userid":"a"}';

        # SKmsUri
        malformed 'SKmsUri: ' . (length > 99 ? length : $_), { SKmsUri => $_ },
            \%service for
            'skm-s.example', '/seal-km', '//skm-s.example/', 'seal-km', '?a', '#a',
            ':', '://a', '1http://a.example/', 'ht tp://a.example/',
            'https://a.example/%', 'https://a.example/%4', 'https://a.example/%4g',
            'https://a.example/%%41', 'https://a.example/ ', ' https://a.example/',
            'https://a.example/a b', "https://a.example/\n", "https://a.example/\0",
            'https://a.example/"', 'https://a.example/<a>', 'https://a.example/\\',
            'https://a.example/^', 'https://a.example/`', 'https://a.example/{a}',
            'https://a.example/|', "https://a.example/\x{e9}",
            "https://a.example/\x7f", 'https://a.example/#a#b',
            'https://a.example/' . 'x' x 2031;
        km 'SKmsUri: ' . (length > 99 ? length : $_), { body => { SKmsUri => $_ } },
            'skms_uri_mismatch' for
            'https://a.example/' . 'x' x 2030, 'urn:x:y', 'a:', 'https://a.example',
            'https://[::1]:8443/', 'https://a@b.example/?c#d', 'HTTPS://A.EXAMPLE/',
            "https://a.example/!\$&'()*+,;=:@-._~%41?/?#/?";

        # Date/Time
        malformed "Date/Time: $_", { 'Date/Time' => \"$_" }, \%service for
            qw(null true [] {} "" "1700000000" "2024-01-01T00:00:00Z" 5.0 1.7e9
               17e8 1E9 -1 -1.0 0.0 1.5 1e0 -9223372036854775809
               9223372036854775808.0);
        malformed 'Date/Time: none', { 'Date/Time' => undef }, \%service;
        km "Date/Time: $_", { body => { 'Date/Time' => \"$_" } },
            'date_time_out_of_window' for
            qw(0 1 4294967296 9007199254740993 9223372036854775807
               9223372036854775808 18446744073709551616),
            map { '1' . '0' x $_ } 300, 307, 308, 309, 400, 5000;

        # Version
        km "Version: '$_'", { body => { Version => $_ } }, 'unsupported_version'
            for qw(1 1.0 1.0.0.0 1.0.1 01.0.0 1.00.0 2.0.0 0.0.0 v1.0.0 x),
                ' 1.0.0', '1.0.0 ', "1.0.0\x{a0}", '1.0.0,2.0.0', 'x' x 255;
        km "Version: $_", { location => '/versions', body => { Version => $_ } },
            @ok for qw(1.0.0 1.1.0 2.0.0);
        km 'Version: 1.2.0', { location => '/versions',
                               body => { Version => '1.2.0' } },
            'unsupported_version';
        km 'Version: 1.0.0 where only another is accepted',
            { location => '/other' }, 'unsupported_version';
        km 'Version: the other', { location => '/other',
                                   body => { Version => '2.0.0' } }, @ok;
    };


test 'the body',
    config => location('= /km'),
    sub {
        my $good = request_body();
        my $inner = $good =~ s/^\{|\}\z//gr;

        malformed 'body: ' . (length > 40 ? length : $_), $_ for
            '', ' ', "\r\n", '{', '}', '[]', "[$good]", 'null', 'true', '1', '"a"',
            'x', '{]', '{,}', "\0", '<a/>', 'Version=1.0.0&ServiceID=a',
            '[' x 4000, '{"a":' x 1500;

        malformed "body: $_->[0]", $_->[1] for
            [ 'cut short',          substr $good, 0, -1 ],
            [ 'text behind it',     "$good x" ],
            [ 'an object behind it', "$good$good" ],
            [ 'a brace behind it',  "$good}" ],
            [ 'a comma behind it',  "$good," ],
            [ 'a comma at the end', "{$inner,}" ],
            [ 'no comma',           $good =~ s/,/ /r ],
            [ 'no braces',          $inner ],
            [ 'no quotes',          $good =~ s/"Version"/Version/r ],
            [ 'other quotes',       $good =~ tr/"/'/r ],
            [ 'a comment',          "/* a */$good" ],
            [ 'a line comment',     "$good// a" ],
            [ 'NaN',                "{$inner,\"x\":NaN}" ],
            [ 'Infinity',           "{$inner,\"x\":-Infinity}" ],
            [ 'a leading zero',     "{$inner,\"x\":01}" ],
            [ 'a plus sign',        "{$inner,\"x\":+1}" ],
            [ 'no digit behind .',  "{$inner,\"x\":1.}" ],
            [ 'hexadecimal',        "{$inner,\"x\":0x1}" ],
            [ 'True',               "{$inner,\"x\":True}" ],
            [ 'undefined',          "{$inner,\"x\":undefined}" ],
            [ 'a BOM',              "\xef\xbb\xbf$good" ],
            [ 'UTF-16',             $good =~ s/(.)/\0$1/gsr ],
            [ 'a NUL before it',    "\0$good" ],
            [ 'a NUL behind it',    "$good\0" ],
            [ 'a NUL and more',     "$good\0x" ],
            [ 'a NUL inside',       "{\0$inner}" ],
            [ 'a NUL in a value',   "{$inner,\"x\":\"a\0b\"}" ],
            [ 'a NUL in a name',    "{$inner,\"x\0\":1}" ],
            [ 'U+0000 in a name',   "{$inner,\"x\\u0000\":1}" ],
            [ 'U+0000 at the start of a name', "{$inner,\"\\u0000\":1}" ],
            [ 'U+0000 in a name at a depth',   "{$inner,\"x\":{\"y\\u0000\":1}}" ],
            [ 'U+0000 behind the name of a member',
              $good =~ s/"ServiceID"/"ServiceID\\u0000"/r ],
            [ 'a tab in a value',   "{$inner,\"x\":\"a\tb\"}" ],
            [ 'a line end in a value', "{$inner,\"x\":\"a\nb\"}" ],
            [ 'an unknown escape',  "{$inner,\"x\":\"\\x41\"}" ],
            [ 'half an escape',     "{$inner,\"x\":\"\\u00\"}" ],
            [ 'a lone high surrogate', "{$inner,\"x\":\"\\ud800\"}" ],
            [ 'a lone low surrogate',  "{$inner,\"x\":\"\\udc00\"}" ],
            [ 'surrogates in the wrong order',
              "{$inner,\"x\":\"\\udc00\\ud800\"}" ],
            (map { [ "no UTF-8: $_->[0]", "{$inner,\"x\":\"$_->[1]\"}" ],
                   [ "no UTF-8 in a name: $_->[0]", "{$inner,\"$_->[1]\":1}" ] }
                [ 'Latin-1',        "\xe9" ],
                [ 'cut short',      "\xe2\x82" ],
                [ 'a continuation', "\x80" ],
                [ 'overlong /',     "\xc0\xaf" ],
                [ 'overlong NUL',   "\xc0\x80" ],
                [ 'overlong, 3 bytes', "\xe0\x80\xaf" ],
                [ 'a surrogate',    "\xed\xa0\x80" ],
                [ 'above U+10FFFF', "\xf4\x90\x80\x80" ],
                [ '5 bytes',        "\xf8\x88\x80\x80\x80" ],
                [ 'ff',             "\xff" ]);

        # a name twice, in any object
        malformed "twice: $_", "{$inner,$_}" for
            '"Version":"1.0.0"', '"ServiceID":"v2x.example"', '"ServiceID":null',
            '"Date/Time":0', '"Service\u0049D":"a"', '"Date\/Time":1',
            '"UserID":"alice","UserID":"alice"', '"UserID":"bob","User\u0049D":""',
            '"x":1,"x":1', '"":1,"":1', '"x":{"y":1,"y":2}', '"x":[1,{"y":1,"y":2}]',
            '"x":{"y":{"z":[[{"a":1,"\u0061":1}]]}}', '"\u00e9":1,"' . "\xc3\xa9\":1",
            '"\ud83d\ude00":1,"' . "\xf0\x9f\x98\x80\":1";
        km "not twice: $_", { body => { '+' => $_ } },
            { payload => 'K', echo => \%service } for
            '"x":1,"X":1', '"x":{"y":1},"z":{"y":1}', '"x":[{"y":1},{"y":1}]',
            '"x":1,"x ":1', '"Version ":"2"', '"":1', '"e":1,"' . "\xc3\xa9\":1";

        # what an ignored member may hold
        km "ignored: $_", { body => { '+' => "\"x\":$_" } },
            { payload => 'K', echo => \%service } for
            '"\u0000"', '"a\u0000b"', '{"y":["\u0000"]}', '""', '"\u007f"', '-0',
            '1e5', '123456789012345678901234567890', '"\ud83d\ude00"', 'null',
             '[[[[[]]]]]', '"' . 'x' x 5000 . '"', '[' x 99 . ']' x 99,
             '-1' . '0' x 400, '[' . '"[,]{}",' x 249 . '1]';

        # the object, its four members and the array are six values
        km "$_ values in an ignored member", { body => { '+' => values_of($_) } },
            { payload => 'K', echo => \%service } for 1, 100, 250;
        malformed "$_ values in an ignored member", { '+' => values_of($_) }, {}
            for 251, 252, 1000, 2000;
    };

run_tests();
