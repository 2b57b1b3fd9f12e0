# $seal_km_*: in logs, maps and headers; what they hold when, and that a refused
# request puts nothing into a log that does not belong there.

use lib 't/lib';
use SealKM;

my $redis = start_redis();
$redis->set("seal:km:$_", 'K') for
    'v2x.example:service', 'v2x.example:user:alice', 'v2x.example:client:client-1',
    'v2x.example:device:dev-1', "caf\xc3\xa9:service", '"\\:service';
$redis->set('seal:km:bad:service', "\xff");

my $dead = free_port();

# The names in the log, and the variables.  escape=none, so that each byte of a
# value is seen; \x1f parts them.
my %variable = (
    code => 'error_code', reason => 'reason', service => 'service_id',
    type => 'identity_type', identity => 'identity', user_uri => 'user_uri',
    cache => 'token_cache', map { $_ => "claim_$_" } qw(sub client_id x),
);
my @fields = sort keys %variable;
my $log = temp_file('', 'km.log');

sub log_format {
    my ($name, $escape) = @_;
    return "log_format $name escape=$escape '" . join("\x1f", map {
        "$_=\$seal_km_$variable{$_}" } @fields) . "\x1f\x1e';\n";
}

my $read = 0;

# what the log tells of the requests since the last call, a hash each
sub logged {
    my ($n) = @_;
    my @records;

    wait_for(sub {
        open my $file, '<:raw', $log or die "$log: $!";
        my $text = do { local $/; <$file> };
        @records = split /\x1e\n/, $text, -1;
        pop @records;
        return @records >= $read + $n;
    });

    splice @records, 0, $read;
    $read += @records;
    return map { +{ map { split /=/, $_, 2 } split /\x1f/ } } @records;
}

# the request, and what its log is to hold beside the empty ones
sub logs {
    my ($name, $set, $want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $res = SealKM::post(%$set);
    my ($seen) = logged(1);
    my $show = sub { my ($hash) = @_;
        return join "\n", map { "$_=" . ($hash->{$_} // '') } @fields };

    delete $seen->{cache} if ($seen->{cache} // '') =~ /^(?:HIT|MISS|OFF)\z/
                             && $want->{cache};
    return is($show->($seen), $show->({ %$want, cache => undef }), $name);
}

my %claims = (sub => 'alice', client_id => 'client-1', user_uri => 'alice');
my %service = (service => 'v2x.example', type => 'service');
my %user = (service => 'v2x.example', type => 'user', identity => 'alice');
my %token = (cache => 1);
my %refused = (code => '04');

# request; what is logged beside the reason
my @requests = (
    ok => {}, { %service, %claims, %token },
    ok => { body => { UserID => 'alice' } }, { %user, %claims, %token },
    ok => { body => { ClientID => 'client-1' } },
        { %claims, %token, service => 'v2x.example', type => 'client',
          identity => 'client-1' },
    ok => { body => { DeviceID => 'dev-1' } },
        { %claims, %token, service => 'v2x.example', type => 'device',
          identity => 'dev-1' },
    ok => { body => { ServiceID => "caf\x{e9}" } },
        { %claims, %token, service => "caf\xc3\xa9", type => 'service' },
    ok => { body => { ServiceID => '"\\' } },
        { %claims, %token, service => '"\\', type => 'service' },
    ok => { token => { sub => undef } },
        { %service, %token, client_id => 'client-1', user_uri => 'client-1' },
    ok => { location => '/uri' }, { %service, %claims, %token,
                                    user_uri => 'sip:alice@example.com' },

    # rows 1 to 5 look at nothing
    tls_required           => { location => '/tls' }, { %refused },
    method_not_allowed     => { method => 'PUT' }, { %refused },
    unsupported_media_type => { type => 'text/plain' }, { %refused },
    request_too_large      => { body => { pad => 'x' x 9000 } }, { %refused },

    # without a valid token the claims are not known
    token_missing       => { auth => undef }, { %service, code => '03' },
    token_missing       => { auth => undef, body => { UserID => 'alice' } },
        { %user, code => '03' },
    token_missing       => { auth => undef, body => 'x' }, { code => '03' },
    (map { ("token_$_->[0]" => { token => $_->[1], body => { UserID => 'alice' } },
        { %user, %token, code => '03' }) }
        [ malformed => 'x' ],
        [ malformed => { -header => '{}' } ],
        [ malformed => { client_id => 1 } ],
        [ algorithm => { -header => { alg => 'none' } } ],
        [ key => { -kid => 'x' } ],
        [ signature => { -signature => 'x' } ],
        [ expired => { exp => 1 } ],
        [ not_yet_valid => { nbf => time + 999 } ],
        [ issuer => { iss => 'x' } ],
        [ audience => { aud => 'x' } ]),

    # with one they are
    malformed_request   => { body => 'x' }, { %refused, %claims, %token },
    malformed_request   => { body => '[]' }, { %refused, %claims, %token },
    malformed_request   => { body => { ServiceID => "a\nb" } },
        { %refused, %claims, %token },
    malformed_request   => { body => { ServiceID => 'x' x 256, UserID => 'alice' } },
        { %refused, %claims, %token, type => 'user', identity => 'alice' },
    unsupported_version => { body => { Version => '9', UserID => 'alice' } },
        { %refused, %claims, %token, %user },
    insufficient_scope  => { token => { scope => 'x' } },
        { %refused, %claims, %token, %service },
    skms_uri_mismatch   => { body => { SKmsUri => 'urn:x' } },
        { %refused, %claims, %token, %service },
    date_time_out_of_window => { body => { 'Date/Time' => 1 } },
        { %refused, %claims, %token, %service },
    identity_mismatch   => { body => { UserID => 'bob' } },
        { %refused, %claims, %token, service => 'v2x.example', type => 'user',
          identity => 'bob' },
    not_found           => { body => { ServiceID => 'none' } },
        { %claims, %token, code => '02', service => 'none', type => 'service' },
    store_unavailable   => { location => '/down' },
        { %claims, %token, %service, code => '01' },
    payload_invalid     => { body => { ServiceID => 'bad' } },
        { %claims, %token, code => '01', service => 'bad', type => 'service' },
);

my $locations = location('= /km') . location('= /tls', require_tls => 'on')
    . location('= /uri', user_uri => 'sip:$seal_km_claim_sub@example.com')
    . location('= /down', pass => "127.0.0.1:$dead");

test 'in the access log',
    http_config => log_format('km', 'none'),
    config => $locations =~ s/^(location .*)$/$1 access_log $log km;/gmr,
    log => [ qr/\[error\]/ ],
    sub {
        my @list = @requests;
        while (my ($reason, $set, $want) = splice @list, 0, 3) {
            logs($reason, $set, { %$want, reason => $reason });
        }
    };


# claims: each type, names, and what may not get out
my @types = (
    [ 'text', 'text' ], [ '', '' ], [ ' ', ' ' ], [ '"\\', '"\\' ],
    [ "caf\x{e9}\x{1f600}", "caf\xc3\xa9\xf0\x9f\x98\x80" ], [ '$host', '$host' ],
    [ 'x' x 5000, 'x' x 5000 ],
    [ 5, '5' ], [ 0, '0' ], [ -1, '-1' ], [ \'1.5', '1.5' ],
    [ \'9223372036854775807', '9223372036854775807' ],
    # a number has the digits that its SIM-S gave it
    (map { [ \$_, $_ ] } qw(9223372036854775808 18446744073709551616
        18446744073709551617 -9223372036854775809 1234567890123456789012345678901
        1e3 1.0 1.50 1E+2 0.1 0.1234567890123456789 -0.0)),
    [ \'-0', '0' ],
    [ \'[ 18446744073709551617, {"a": 18446744073709551618 } , 1e3 ]',
      '[18446744073709551617,{"a":18446744073709551618},1e3]' ],
    [ \'true', 'true' ], [ \'false', 'false' ], [ \'null', '' ],
    [ [], '[]' ], [ {}, '{}' ], [ [ 'a', 'b' ], '["a","b"]' ],
    [ \'[ 1, "b" ,true, null ]', '[1,"b",true,null]' ],
    [ { a => { b => [ 1 ] } }, '{"a":{"b":[1]}}' ],
    # control characters
    (map { [ $_, '' ] } "a\nb", "a\r\nSet-Cookie: x", "\0", "a\0b", "\x1b[31m",
     "\x7f", "\t", "\x1f"),
    # which JSON escapes
    [ ["a\nb"], '["a\nb"]' ], [ { "\n" => 1 }, '{"\n":1}' ],
);

test 'claims',
    http_config => log_format('km', 'none'),
    config => location('= /km', more => "access_log $log km;
        add_header X-Claim \$seal_km_claim_x always;")
        . location('= /names', more => join '', map {
            "add_header X-Names \"$_=\$seal_km_claim_$_;\" always;\n"
        } qw(plain SKeyProv skeyprov UPPER dot_ted two digit1 aud exp none))
        . location('= /nothing', more => 'add_header X-Empty "[$seal_km_claim_]" always;'),
    sub {
        for (@types) {
            my ($value, $text) = @$_;
            my $res = post(token => { x => $value });
            my ($seen) = logged(1);
            my $name = 'a claim: ' . (length $text > 40 ? length $text
                                      : to_json($value) =~ s/[^ -~]/?/gr);

            is($seen->{x}, $text, $name);
            is($res->header('X-Claim') // '', $text =~ s/^ +| +$//gr,
               "$name, in a header");
        }

        # one spelling for each string, whatever escapes the token has
        post(token => { x => \'[ "\\u0061\\/\\u00e9\\ud83d\\ude00", "\\u0022" ]' });
        is((logged(1))[0]{x}, qq(["a/\xc3\xa9\xf0\x9f\x98\x80","\\""]),
           'escapes in a claim');

        # those of a refused request
        post(token => { x => 'a', -signature => 'x' });
        is((logged(1))[0]{x}, '', 'a claim of a token that is not verified');
        post(token => { x => 'a', exp => 1 });
        is((logged(1))[0]{x}, '', 'a claim of a token that has expired');
        post(token => { x => 'a', scope => 'x' });
        is((logged(1))[0]{x}, 'a', 'a claim, where the scope is missing');

        # a line break gets into no log
        for (
            [ sub => { sub => "al\nice" } ], [ client => { client_id => "c\n1",
                                                           sub => undef } ],
            [ scope => { sub => "al\r\nice", scope => 'x' } ],
        ) {
            my ($name, $token) = @$_;
            my $res = post(token => $token);
            my ($seen) = logged(1);
            is($seen->{user_uri} . $seen->{sub} . ($token->{client_id}
               ? $seen->{client_id} : ''), '', "a line break in $name");
        }

        # names
        my @request = (location => '/names', token => {
            plain => 'p', SKeyProv => 's', UPPER => 'u', two => '2', Two => 'II',
            'dot.ted' => 'd', digit1 => '1' });
        my $res = post(@request);
        my $names = sub { return { $res->header('X-Names') =~ /(\w+)=(.*?);/g } };
        my $exp = $names->()->{exp};

        is_deeply($names->(), { plain => 'p', SKeyProv => 's', skeyprov => 's',
            UPPER => 'u', dot_ted => '', two => '2', digit1 => '1', exp => $exp,
            aud => AUDIENCE, none => '' }, 'names');
        like($exp, qr/^\d+\z/, 'the name exp');

        $res = post(location => '/names', token => {
            UPPER => 1, Upper => 2, SKEYPROV => 1, SkeyProv => 2 });
        is($names->()->{UPPER} . $names->()->{SKeyProv}, '',
           'names that fit two claims, neither of them exactly');

        is(post(location => '/nothing')->header('X-Empty'), '[]', 'no name');
    };


# two ids that a double cannot tell apart
test 'integers of any size, in rules',
    http_config => 'seal_km_zone name=ids 1m; seal_km_zone ids;
        map $seal_km_claim_id $is_id { default 0; ~^18446744073709551617$ 1; }
        map $id $is_inner { default 0; ~^36893488147419103233$ 1; }
        map $ids $is_list { default 0; "~^\[18446744073709551617,1e3\]$" 1; }',
    config => join('', map { location("= /$_", %{ {
            id => { more => 'seal_km_require $is_id;' },
            inner => { more => 'seal_km_claim_set $id https://ns/id n;
                                seal_km_require $is_inner;' },
            list => { more => 'seal_km_claim_set $ids id; seal_km_require $is_list;' },
            uncached => { more => 'seal_km_require $is_id;', token_cache => 'off' },
        }->{$_} }) } qw(id inner list uncached)),
    sub {
        for my $rule (
            [ id => 'id', '18446744073709551617', '18446744073709551616' ],
            [ uncached => 'id', '18446744073709551617', '18446744073709551616' ],
            [ inner => 'https://ns/id', '{"n":36893488147419103233}',
              '{"n":36893488147419103232}' ],
            [ list => 'id', '[18446744073709551617,1e3]',
              '[18446744073709551616,1e3]' ],
        ) {
            my ($location, $claim, $own, $other) = @$rule;
            my @request = (location => "/$location");

            km "$location: its own", { @request, token => { $claim => \$own } }, { payload => 'K' }
                for 1, 2;
            km "$location: its neighbour",
                { @request, token => { $claim => \$other } }, 'policy' for 1, 2;
        }
    };


test 'maps, headers, rewrites',
    http_config => '
        map $seal_km_reason $early { volatile; default "[$seal_km_reason]"; "" none; }
        map $seal_km_reason $level { volatile; default refused; ok granted; "" unknown; }
        map $seal_km_error_code:$seal_km_identity_type $both { default other;
            04:user both; ":service" fine; }
        map $seal_km_claim_sub $who { volatile; default stranger; alice known; }',
    config => location('= /km', more => '
            set $before "$early-$level-$who-$seal_km_reason";
            add_header X-Before $before always;
            add_header X-After "$early-$level-$who" always;
            add_header X-Both $both always;
            add_header X-All "$seal_km_error_code|$seal_km_reason|$seal_km_service_id|$seal_km_identity_type|$seal_km_identity|$seal_km_user_uri" always;
            add_header X-Granted $seal_km_service_id;')
        . 'location = /plain { add_header X-Reason "[$seal_km_reason$seal_km_error_code$seal_km_service_id$seal_km_identity_type$seal_km_identity$seal_km_user_uri$seal_km_claim_sub$seal_km_token_cache]" always;
            return 200 plain; }
           location = /page { add_header X-Reason "[$seal_km_reason]" always;
            return 200 page; }
           location = /proxy { proxy_set_header X-Reason "[$seal_km_reason]";
            proxy_pass http://127.0.0.1:$server_port/echo; }
           location = /echo { return 200 $http_x_reason; }'
        . location('= /small', more => 'client_max_body_size 10; error_page 413 /page;',
                   max_request_size => 10),
    log => [ qr/client intended to send too large body/ ],
    sub {
        my $res = post();
        is($res->header('X-Before'), 'none-unknown-stranger-', 'before it is judged');
        is($res->header('X-After'), '[ok]-granted-known', 'after that');
        is($res->header('X-Both'), 'fine', 'of two variables');
        is($res->header('X-All'), '|ok|v2x.example|service||alice', 'all');
        is($res->header('X-Granted'), 'v2x.example', 'without always');

        $res = post(body => { UserID => 'bob' });
        is($res->header('X-Before'), 'none-unknown-stranger-', 'refused: before');
        is($res->header('X-After'), '[identity_mismatch]-refused-known',
           'refused: after');
        is($res->header('X-Both'), 'both', 'refused: of two variables');
        is($res->header('X-All'),
           '04|identity_mismatch|v2x.example|user|bob|alice', 'refused: all');
        is($res->header('X-Granted'), undef, 'refused: without always');

        $res = post(token => 'x');
        is($res->header('X-After'), '[token_malformed]-refused-stranger',
           'without a valid token');

        # one connection, one request after another: nothing stays
        my $keep = client();
        post(via => $keep, body => { UserID => 'alice' });
        is(post(via => $keep, auth => undef, body => 'x')->header('X-All'),
           '03|token_missing||||', 'nothing stays of the request before');

        # elsewhere
        $res = post(location => '/plain', method => 'GET');
        is($res->header('X-Reason'), '[]', 'a location without seal_km_pass');
        $res = post(location => '/proxy', method => 'GET');
        is($res->body, '[]', 'in a proxied request');
        $res = post(location => '/small');
        is($res->body . $res->header('X-Reason'), 'page[]',
           'a request that nginx itself refused');
    };

run_tests();
