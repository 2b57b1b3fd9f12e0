# seal_km_uri and SKmsUri: which spellings are the same URI (RFC 3986, 6.2.2 and
# 6.2.3), and that responses have the configured one.

use lib 't/lib';
use SealKM;

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

# configured; spellings of the same URI; what is another one
my @uris = (
    [ 'https://skm-s.example/seal-km',
      [ 'HTTPS://skm-s.example/seal-km', 'https://SKM-S.Example/seal-km',
        'https://skm-s.example:443/seal-km', 'https://skm-s.example:/seal-km',
        'hTTps://skm%2Ds.exam%70le:443/seal-km',
        'https://skm-s.example/%73eal%2dkm', 'https://skm-s.example/%73eal%2Dkm',
        'https://skm-s.example/./seal-km', 'https://skm-s.example/a/../seal-km',
        'https://skm-s.example/../seal-km', 'https://skm-s.example/a/b/../../seal-km',
        'https://skm-s.example/../../../seal-km',
        'https://skm-s.example/%2e/seal-km', 'https://skm-s.example/a/%2E%2e/seal-km',
        'https://skm-s.example/a/.%2e/./seal-km',
        'https://skm-s.example/seal-km/x/../../seal-km' ],
      [ 'http://skm-s.example/seal-km', 'https://skm-s.example/Seal-km',
        'https://skm-s.example/SEAL-KM', 'https://skm-s.example/seal-km/',
        'https://skm-s.example/seal-km/.', 'https://skm-s.example/seal-km/..',
        'https://skm-s.example/seal-km?', 'https://skm-s.example/seal-km?a=b',
        'https://skm-s.example/seal-km#', 'https://skm-s.example/seal-km#a',
        'https://@skm-s.example/seal-km', 'https://a@skm-s.example/seal-km',
        'https://a:b@skm-s.example/seal-km', 'https://:@skm-s.example/seal-km',
        'https://skm-s.example:80/seal-km', 'https://skm-s.example:8443/seal-km',
        'https://skm-s.example:4430/seal-km', 'https://skm-s.example:44/seal-km',
        'https://skm-s.example//seal-km', 'https://skm-s.example/%2Fseal-km',
        'https://skm-s.example/%2fseal-km', 'https://skm-s.example/seal%2Fkm',
        'https://skm-s.example/a%2F..%2Fseal-km', 'https://skm-s.example/seal-km;',
        'https://skm-s.example/seal-km%20', 'https://skm-s.example/seal-km%00',
        'https://skm-s.example/seal-km%3F', 'https://skm-s.example/seal-km%23',
        'https://skm-s.example/seal-k', 'https://skm-s.example/seal-kmx',
        'https://skm-s.example/.../seal-km', 'https://skm-s.example/a./../../seal-km/',
        'https://skm-s.example', 'https://skm-s.example/',
        'https://skm-s.example./seal-km', 'https://skm-s.example.evil/seal-km',
        'https://evil.example/seal-km', 'https://skm-s.example%2F/seal-km',
        'https://evil.example/skm-s.example/seal-km',
        'https://skm-s.example@evil.example/seal-km',
        'https://evil.example/https://skm-s.example/seal-km',
        'httpss://skm-s.example/seal-km',
        'https2://skm-s.example/seal-km', 'ws://skm-s.example/seal-km',
        'urn:https://skm-s.example/seal-km' ] ],

    [ 'https://a.example',
      [ 'https://a.example/', 'https://a.example:443', 'https://a.example:',
        'https://a.example:443/', 'https://a.example/.', 'https://a.example/..',
        'https://a.example/x/..', 'https://A.EXAMPLE' ],
      [ 'https://a.example?', 'https://a.example#', 'https://a.example//',
        'https://a.example/x', 'https://a.example:444' ] ],

    # the spelling that is configured may be any
    [ 'HTTPS://B.Example:443/%7euser/./x/../SKM?%41=%c3%a9',
      [ 'https://b.example/~user/SKM?A=%C3%A9', 'https://b.example/%7Euser/SKM?A=%c3%a9' ],
      [ 'https://b.example/~user/SKM', 'https://b.example/~user/SKM?',
        'https://b.example/~user/skm?A=%C3%A9', 'https://b.example/~USER/SKM?A=%C3%A9',
        'https://b.example/~user/SKM?a=%C3%A9', 'https://b.example/~user/SKM?A=%C3%A9&',
        'https://b.example/~user/SKM?A=%C3%A9#' ] ],

    [ 'http://c.example/x',
      [ 'http://c.example:80/x', 'HTTP://C.example/x' ],
      [ 'https://c.example/x', 'https://c.example:80/x', 'http://c.example:443/x',
        'http://c.example:8080/x' ] ],

    [ 'https://d.example:8443/',
      [ 'https://d.example:8443', 'HTTPS://D.example:8443/' ],
      [ 'https://d.example/', 'https://d.example:443/', 'http://d.example:8443/' ] ],

    # a query, a fragment, user information: as they are
    [ 'https://e.example/x?', [ 'https://e.example/./x?' ],
      [ 'https://e.example/x', 'https://e.example/x?y', 'https://e.example/x#' ] ],
    [ 'https://e.example/q?a=/../b&%2e', [ 'https://e.example/q?a=/../b&.' ],
      [ 'https://e.example/q?a=/b&.', 'https://e.example/q?b&.',
        'https://e.example/q?A=/../b&.' ] ],
    [ 'https://e.example/f#a/../b', [ 'https://e.example/f#%61/../b' ],
      [ 'https://e.example/f#b', 'https://e.example/f', 'https://e.example/f#A/../b' ] ],
    [ 'https://User@e.example/u', [ 'https://%55ser@E.example/u' ],
      [ 'https://user@e.example/u', 'https://e.example/u',
        'https://User:@e.example/u', 'https://User:x@e.example/u' ] ],

    # escapes that stay, in whatever case
    [ 'https://f.example/%c3%A9%2f%3a', [ 'https://f.example/%C3%a9%2F%3A' ],
      [ 'https://f.example/%C3%A9/%3A', 'https://f.example/%C3%A9%2F:',
        'https://f.example/%E9%2F%3A' ] ],
    [ 'https://f.example/a!$&\'()*+,;=:@-._~b',
      [ 'https://f.example/a!$&\'()*+,;=:@%2D%2E%5F%7Eb' ],
      [ 'https://f.example/a%21$&\'()*+,;=:@-._~b' ] ],

    # other hosts, other schemes
    [ 'https://[2001:DB8::A]:8443/', [ 'https://[2001:db8::a]:8443' ],
      [ 'https://[2001:db8::a]/', 'https://[2001:db8::b]:8443/',
        'https://2001:8443/' ] ],
    [ 'https://192.0.2.1/', [ 'https://192.0.2.1:443' ], [ 'https://192.0.2.10/' ] ],
    [ 'urn:Seal:skm-s', [ 'URN:Seal:skm-s', 'urn:Seal:skm%2Ds' ],
      [ 'urn:seal:skm-s', 'urn:Seal:SKM-S', 'urn://Seal/skm-s', 'urn:Seal:skm-s/' ] ],
    [ 'x-seal+1.0://host:443/a', [ 'X-Seal+1.0://HOST:443/a' ],
      [ 'x-seal+1.0://host/a' ] ],
);

test 'spellings',
    config => join('', map { location("= /$_", uri => qq("$uris[$_][0]")) }
                       0 .. $#uris),
    sub {
        for my $i (0 .. $#uris) {
            my ($uri, $same, $other) = @{ $uris[$i] };
            my @request = (location => "/$i");

            km "$uri = $_", { @request, body => { SKmsUri => $_ } },
                { payload => 'K', skms_uri => $uri } for $uri, @$same;
            km "$uri <> $_", { @request, body => { SKmsUri => $_ } },
                { reason => 'skms_uri_mismatch', skms_uri => $uri }
                for @$other;

            # and those of the other locations
            for my $j (grep { $_ != $i } 0 .. $#uris) {
                km "$uri <> $uris[$j][0]",
                    { @request, body => { SKmsUri => $uris[$j][0] } },
                    { reason => 'skms_uri_mismatch', skms_uri => $uri };
            }

            km "$uri in another refusal", { @request, token => '' },
                { reason => 'token_missing', skms_uri => $uri };
            km "$uri in the first refusal", { @request, method => 'PUT' },
                { reason => 'method_not_allowed', skms_uri => $uri };
        }
    };


my @several = ('https://One.example', 'https://two.example/A', 'urn:three');

test 'several',
    config => location('= /km', uri => join(' ', @several))
        . location('= /reversed', uri => join(' ', reverse @several))
        . location('= /dollar', uri => 'https://a.example/$-host$')
        . location('= /long', uri => 'https://a.example/' . 'x' x 2030),
    sub {
        for my $uri (@several, 'HTTPS://one.EXAMPLE:443/', 'URN:three',
                     'https://two.example/./A')
        {
            km "named: $uri", { body => { SKmsUri => $uri } },
                { payload => 'K', skms_uri => $several[0] };
            km "named: $uri, reversed",
                { location => '/reversed', body => { SKmsUri => $uri } },
                { payload => 'K', skms_uri => $several[2] };
        }

        km "none of them: $_", { body => { SKmsUri => $_ } },
            { reason => 'skms_uri_mismatch', skms_uri => $several[0] } for
            SKMS_URI, 'https://one.example/A', 'https://two.example/',
            'https://two.example/a', 'urn:two', 'urn:three/',
            'https://One.example,https://two.example/A';
        km 'all of them in one', { body => { SKmsUri => "@several" } },
            { reason => 'malformed_request', skms_uri => $several[0] };

        km 'no variable', { location => '/dollar',
            body => { SKmsUri => 'https://a.example/$-host$' } },
            { payload => 'K', skms_uri => 'https://a.example/$-host$' };
        km 'no variable, the value', { location => '/dollar',
            body => { SKmsUri => 'https://a.example/localhost$' } },
            { reason => 'skms_uri_mismatch',
              skms_uri => 'https://a.example/$-host$' };

        my $long = 'https://a.example/' . 'x' x 2030;
        km 'of 2048 bytes', { location => '/long', body => { SKmsUri => $long } },
            { payload => 'K', skms_uri => $long };
    };

run_tests();
