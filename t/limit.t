# seal_km_limit: how often a client may come, judged when its token is known.

use lib 't/lib';
use SealKM;
use SealKM::Load;
use SealKM::Watch;

use Time::HiRes 'time';

Test::Nginx::Util::log_level('notice');
Test::Nginx::Util::add_block_preprocessor(sub {
    Test::Nginx::Util::workers($_[0]->workers || 1);
});

my $redis = start_redis();
$redis->set("seal:km:$_", 'K') for 'v2x.example:service', 'rail.example:service',
    'v2x.example:user:alice';

my @ok = ({ payload => 'K' });
my $zone = "seal_km_zone name=z 1m;\n";
my @zone = (http_config => $zone);
my $foreign = qr/\[warn\].*"seal_km_limit" has the key/;

# nothing that takes less than a minute lets another one through
sub limited { return (zone => 'z', limit => "rate=1r/m $_[0]", @_[1 .. $#_]) }

# the requests that are to be let through are, and the next one is not
sub fills {
    my ($name, $n, $set) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    km "$name: $_ of $n", $set, @ok for 1 .. $n;
    return full("$name: one more", $set);
}

sub full {
    my ($name, $set) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return km $name, $set, 'rate_limited';
}


test 'the default key: issuer and client',
    @zone,
    config => location('= /km', limited('burst=2'), issuer => 'off')
        . location('= /none', limited('burst=1'), issuer => 'off',
                   client_id_claim => 'off')
        . location('= /azp', limited('burst=1 '), client_id_claim => 'azp',
                   token_cache => 'off')
        . location('= /off', zone => 'z', limit => 'off') . location('= /no'),
    sub {
        fills 'a client', 3, {};
        full 'whatever it asks for', { body => { UserID => 'alice' } };
        full 'with another token', { token => { sub => 'bob', jti => 2 } };
        fills 'another client', 3, { token => { client_id => 'other' } };
        fills 'of another issuer', 3, { token => { iss => 'https://b.example' } };
        fills 'of no issuer', 3, { token => { iss => undef } };
        fills 'an issuer that is no string', 0,
            { token => { iss => \'["x"]' } };

        # two that look alike
        fills 'a, b', 3, { token => { iss => 'a', client_id => 'b' } };
        fills 'ab, c', 3, { token => { iss => 'ab', client_id => 'c' } };
        fills 'a, bc', 3, { token => { iss => 'a', client_id => 'bc' } };

        # without a client id it is the subject
        my @none = (location => '/none');
        fills 'a subject', 2, { @none };
        fills 'another subject', 2, { @none, token => { sub => 'bob' } };
        full 'the client id does not matter',
            { @none, token => { client_id => 'x' } };
        fills 'not even a subject', 2,
            { @none, token => { sub => undef, client_id => undef } };

        fills 'a client id of another claim', 2,
            { location => '/azp', token => { azp => 'x' } };
        fills 'another one', 2, { location => '/azp', token => { azp => 'y' } };

        km "off: $_", { location => '/off' }, @ok for 1 .. 5;
        km "no limit: $_", { location => '/no' }, @ok for 1 .. 5;
    };


test 'keys of claims, of the service, of the address',
    http_config => $zone . "map \$seal_km_claim_tier \$tier { default ''; low x; }",
    config => location('= /claim', limited('key=$seal_km_claim_org'))
        . location('= /service', limited('key=$seal_km_service_id'))
        . location('= /both',
              limited('"key=$seal_km_claim_org\t$seal_km_service_id"'))
        . location('= /set', limited('key=$roles'),
                   claim_set => '$roles realm_access roles')
        . location('= /address', limited('key=$binary_remote_addr'))
        . location('= /tier', limited('key=$tier'))
        . location('= /all', limited('key=all'))
        . location('= /identity', limited('key=$seal_km_identity')),
    log => [ map { qr/$foreign "\Q$_\E"/ } '$binary_remote_addr', '$tier', 'all' ],
    sub {
        my %rail = (body => { ServiceID => 'rail.example' });

        fills 'a claim', 1, { location => '/claim', token => { org => 'a' } };
        full 'of another client', { location => '/claim',
            token => { org => 'a', client_id => 'other' } };
        fills 'another value', 1, { location => '/claim',
                                    token => { org => 'b' } };
        km "no such claim: not limited, $_", { location => '/claim' }, @ok
            for 1 .. 3;

        fills 'a service', 1, { location => '/service' };
        fills 'another service', 1, { location => '/service', %rail };
        full 'of another client', { location => '/service',
                                    token => { client_id => 'other' } };

        fills 'both', 1, { location => '/both', token => { org => 'a' } };
        fills 'both, another claim', 1,
            { location => '/both', token => { org => 'b' } };
        fills 'both, another service', 1,
            { location => '/both', token => { org => 'a' }, %rail };

        fills 'a claim inside another', 1, { location => '/set',
            token => { realm_access => { roles => ['a'] } } };
        fills 'another value of it', 1, { location => '/set',
            token => { realm_access => { roles => ['b'] } } };

        fills 'an address', 1, { location => '/address' };
        full 'of another client', { location => '/address',
                                    token => { client_id => 'other' } };

        fills 'a map of a claim', 1, { location => '/tier',
                                       token => { tier => 'low' } };
        km "a map that gives nothing: not limited, $_",
            { location => '/tier', token => { tier => 'high' } }, @ok
            for 1 .. 3;

        fills 'a text: all', 1, { location => '/all' };
        full 'all', { location => '/all', token => { client_id => 'other' } };

        fills 'an identity', 1, { location => '/identity',
                                  body => { UserID => 'alice' } };
        km "a service has none: not limited, $_", { location => '/identity' },
            @ok for 1 .. 3;
    };


test 'what is counted',
    @zone,
    config => location('= /km', limited('burst=1')),
    sub {
        # not who is refused before row 7a
        km 'no token', { auth => undef }, 'token_missing';
        km "a bad token $_", { token => { exp => time - 60 } }, 'token_expired'
            for 1 .. 3;
        km "a bad body $_", { body => '{' }, 'malformed_request' for 1 .. 3;
        km "a bad version $_", { body => { Version => '9.9.9' } },
            'unsupported_version' for 1 .. 3;

        # but who is behind it, and before the last place is taken
        km 'no such record', { body => { ServiceID => 'none' } }, 'not_found';
        km 'a scope that is missing', { token => { scope => 'x' } },
            'insufficient_scope';
        full 'no place is left', {};
        full 'nor for what would be refused anyway',
            { token => { scope => 'x' } };
        km 'what is malformed is told so', { body => '{' }, 'malformed_request';
        km 'and so is a bad token', { token => { exp => time - 60 } },
            'token_expired';
    };


test 'who shares buckets',
    http_config => "${zone}seal_km_zone name=y 64k;\n",
    config => location('= /km', limited('burst=1'))
        . location('= /same', zone => 'z', limit => 'burst=1 rate=1r/m')
        . location('= /burst', limited('burst=2'))
        . location('= /rate', zone => 'z', limit => 'rate=2r/m burst=1')
        . location('= /key', limited('burst=1 key=$seal_km_claim_client_id'))
        . location('= /key2', limited('burst=1 key=$seal_km_claim_client_id'))
        . location('= /zone', limited('burst=1'), zone => 'y'),
    sub {
        fills 'a location', 2, {};
        full 'another one of the same limit', { location => '/same' };
        fills 'another burst', 3, { location => '/burst' };
        fills 'another rate', 2, { location => '/rate' };
        fills 'another key', 2, { location => '/key' };
        full 'another one of that key', { location => '/key2' };
        fills 'another zone', 2, { location => '/zone' };
    };


test 'inheritance',
    http_config => $zone . "seal_km_zone z;\nseal_km_limit rate=1r/m;\n",
    config => "seal_km_limit rate=1r/m burst=1;\n" . location('= /km')
        . location('= /own', limit => 'rate=1r/m burst=2')
        . location('= /off', limit => 'off')
        . "location /in/ {\n seal_km_limit off;\n" . location('/in/off')
        . location('/in/on', limit => 'rate=1r/m burst=3') . "}\n"
        . location('= /if', limit => 'rate=1r/m burst=4',
                   more => 'if ($arg_a) { set $b 1; }'),
    sub {
        fills 'of the server', 2, {};
        fills 'its own', 3, { location => '/own' };
        fills 'its own, behind an off', 4, { location => '/in/on' };
        km "off: $_", { location => '/off' }, @ok for 1 .. 3;
        km "off further up: $_", { location => '/in/off' }, @ok for 1 .. 3;
        fills 'with an "if"', 5, { location => '/if?a=1' };
        full 'without it', { location => '/if' };
    };


# A drop leaks at its rate, no sooner; how long the machine takes for anything is
# another matter.
test 'time',
    @zone,
    config => location('= /km', zone => 'z', limit => 'rate=60r/m burst=1')
        . location('= /slow', limited('burst=3'))
        . location('= /minute', limited('burst=0'))
        . location('= /fast', zone => 'z', limit => 'rate=1000000r/s'),
    sub {
        my ($first, @let) = (time);

        # 2 of burst and rate, then one each second
        wait_for(sub {
            my $res = post();
            return if $res->status == 429;
            push @let, time - $first;
            return @let == 4;
        });
        cmp_ok($let[2], '>=', 1 - 0.01, "the third, after $let[2] s");
        cmp_ok($let[3], '>=', 2 - 0.01, "the fourth, after $let[3] s");

        # what Retry-After says is true, and not much more than that
        for my $set ([ '/slow', 4 ], [ '/minute', 1 ]) {
            my ($location, $n) = @$set;
            my $start = time;

            km "$location: $_", { location => $location }, @ok for 1 .. $n;
            my $retry = post(location => $location)->header('Retry-After');
            my $past = time - $start;
            cmp_ok($retry, '<=', 60, "$location: Retry-After $retry");
            cmp_ok($retry, '>=', 60 - $past - 0.01,
                   "$location: not too soon, $past s later");
        }

        km "a rate that nobody reaches, $_", { location => '/fast' }, @ok
            for 1 .. 20;
        my $res = post(location => '/fast');
        is($res->header('Retry-After'), undef, 'no Retry-After with a 200');
    };


test 'Retry-After is what it takes',
    @zone,
    config => location('= /km', zone => 'z', limit => 'rate=1r/s'),
    sub {
        my $set = { via => client() };
        my $res;

        wait_for(sub { ($res = post(%$set))->status == 429 });
        is($res->header('Retry-After'), 1, 'less than a second is a second');
        wait_for(sub { ($res = post(%$set))->status == 200 });
        is($res->status, 200, 'and then it is let through');
    };


my $port = free_port();

test 'all workers, and reloads',
    master => 1,
    workers => 2,
    http_config => $zone,
    config => listen_workers($port) . location('= /km', limited('burst=5'),
              more => 'add_header X-Pid $pid always;'),
    sub {
        my %client = worker_clients($port, 2);
        my @workers = sort keys %client;

        for my $n (1 .. 3) {
            for my $pid (@workers) {
                my $res = post(via => $client{$pid});
                is($res->status, 200, "request $n of worker $pid");
                is($res->header('X-Pid'), $pid, 'that is the one');
            }
        }

        full "worker $_: no more", { via => $client{$_} } for @workers;

        gone(reload()) or die "old workers do not exit\n";
        my %new = worker_clients($port, 2);
        full "after a reload, worker $_", { via => $new{$_} }
            for sort keys %new;
        my $one = $new{ (sort keys %new)[0] };
        fills 'another client', 6, { via => $one, token => { client_id => 'b' } };
    };


# a quarter of 64k has room for less than 200
test 'many keys: the one that was not used for longest goes',
    http_config => "seal_km_zone name=small 64k;\n",
    config => location('= /km', zone => 'small', token_cache => 'off',
                       jwks => jwks('hs256'), algorithms => 'HS256',
                       limit => 'rate=1r/m'),
    sub {
        my $ask = sub {
            my ($client) = @_;
            return request(token => mint(-key => 'hs256', client_id => $client),
                           via => 1);
        };
        my $status = sub { join ' ', map { $_ ? $_->status : '-' } @_ };
        my @requests = map { $ask->($_) } 'unused', 'used';
        push @requests, $ask->("client $_"), $_ % 5 ? () : $ask->('used')
            for 1 .. 400;

        my @res = load(1, \@requests);
        my $seen = $status->(@res);
        my @of = grep { $requests[$_] eq $requests[1] } 0 .. $#requests;

        is($status->(@res[@of[1 .. $#of]]), join(' ', (429) x (@of - 1)),
           'who goes on asking stays limited');
        is($status->(@res[0, 1]), '200 200', 'both at first');
        is(scalar(grep { $_->status == 200 } @res), 402,
           'all others are let through');
        is($status->(load(1, [ $requests[0] ])), '200',
           'who did not ask is forgotten');
    };


# tokens take all of the zone that they can get, and no bucket
test 'tokens and buckets do not take each other\'s room',
    http_config => "seal_km_zone name=small 64k;\n",
    config => watched('= /km', zone => 'small', jwks => jwks('hs256'),
                      algorithms => 'HS256', limit => 'rate=1r/m'),
    sub {
        my $ask = sub {
            return request(token => mint(-key => 'hs256', @_), via => 1,
                           body => request_body());
        };
        my @first = map { $ask->(client_id => "first $_") } 1 .. 50;
        my @res = load(1, \@first);
        is(scalar(grep { $_->status == 200 } @res), 50, '50 clients');

        @res = load(1, [ map { $ask->(client_id => 'first 1', jti => $_) } 1 .. 1000 ]);
        is(scalar(grep { $_->status == 429 } @res), 1000,
           '1,000 tokens of the first of them');
        @res = load(1, \@first);
        is(scalar(grep { $_->status == 429 } @res), 50, 'all 50 are limited');

        my $kept = $ask->(client_id => 'kept');
        (my $res) = load(1, [$kept]);
        is($res->header('X-Cache'), 'MISS', 'a token');
        load(1, [ map { $ask->(client_id => "c$_", scope => 'x' x 700) } 1 .. 10 ]);
        ($res) = load(1, [$kept]);
        is($res->header('X-Cache'), 'HIT', 'is there after a few others');
    };


# ------------------------------------------------------------------ nginx -t

sub at { return location('= /km', zone => 'z', @_) }

sub fails {
    my ($name, $set, @patterns) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = nginx_t(http_config => $zone, %$set);
    my @missing = grep { $output !~ $_ } qr/\[emerg\]/, @patterns;

    ok($status != 0 && !@missing, $name)
        or diag("status $status, not found: @missing\n$output");
}

sub works {
    my ($name, $set, @patterns) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = nginx_t(http_config => $zone, %$set);
    my @missing = grep { $output !~ $_ } @patterns;

    push @missing, 'no warning' if $output =~ /\[(?!notice)\w+\]/ && !@patterns;
    push @missing, 'one of each warning'
        if (() = $output =~ /\[warn\]/g) != @patterns;

    ok($status == 0 && !@missing, $name)
        or diag("status $status, not found: @missing\n$output");
}

fails "seal_km_limit $_->[0];", { config => at(limit => $_->[0]) },
    qr/"seal_km_limit"/, $_->[1], qr/CONF:\d+/ for
    [ '', qr/number of arguments/ ], [ 'burst=1', qr/wants "rate="/ ],
    [ 'key=$seal_km_service_id', qr/wants "rate="/ ],
    [ '10r/s', qr/not "10r\/s"/ ], [ 'on', qr/not "on"/ ],
    (map { [ "rate=$_", qr/wants a rate from 1 to 1000000, .*not "rate=\Q$_\E"/ ] }
        '', '10', 'r/s', '0r/s', '-1r/s', '1.5r/s', '1000001r/s', '10r/h', '10r/S',
        '99999999999999999999r/s', '10r/s/'),
    (map { [ "rate=1r/s burst=$_", qr/wants a number from 0 to 1000000/ ] }
        '', 'x', '-1', '1.5', '1000001', '10r/s'),
    [ 'rate=1r/s key=', qr/wants a key/ ],
    [ 'rate=1r/s "key=${"', qr/wants a key/ ],
    [ 'rate=1r/s rate=1r/s', qr/"rate=1r\/s" once more/ ],
    [ 'rate=1r/s burst=0 burst=1', qr/"burst=1" once more/ ],
    [ 'rate=1r/s key=$uri key=$uri', qr/"key=\$uri" once more/ ],
    [ 'rate=1r/s nodelay', qr/not "nodelay"/ ],
    [ 'rate=1r/s zone=z', qr/not "zone=z"/ ],
    [ 'off rate=1r/s', qr/"off" alone/ ], [ 'rate=1r/s off', qr/"off" alone/ ];
fails "seal_km_limit twice: $_->[0], $_->[1]", { config => at(limit => $_) },
    qr/"seal_km_limit" directive is duplicate/ for
    [ 'rate=1r/s', 'rate=1r/s' ], [ 'off', 'rate=1r/s' ], [ 'off', 'off' ];
fails 'an unknown variable',
    { config => at(limit => 'rate=1r/s key=$seal_km_nothing') },
    qr/unknown "seal_km_nothing" variable/;
fails 'no zone', { config => location('= /km', limit => 'rate=1r/s') },
    qr/"seal_km_limit" without "seal_km_zone" .*"\/km".*CONF:\d+/;
fails 'no zone, inherited',
    { config => "seal_km_limit rate=1r/s;\n" . location('= /km') },
    qr/"seal_km_limit" without "seal_km_zone" .*"\/km"/;

works "seal_km_limit $_;", { config => at(limit => $_) } for
    'rate=1r/s', 'rate=1000000r/s burst=1000000', 'rate=1r/m burst=0', 'off',
    'rate=1r/s key=$seal_km_claim_sub', 'burst=2 key=$seal_km_service_id rate=1r/m',
    'rate=1r/s "key=$remote_addr $seal_km_identity"',
    'rate=1r/s key=$Seal_KM_claim_sub', 'rate=1r/s key=${seal_km_service_id}x';
works 'off needs no zone', { config => location('= /km', limit => 'off') };
works 'a variable of seal_km_claim_set',
    { config => at(limit => 'rate=1r/s key=$Groups',
                   claim_set => '$groups cognito:groups') };
works 'one that is set elsewhere',
    { config => at(limit => 'rate=1r/s key=$groups')
        . location('= /b', claim_set => '$groups cognito:groups') };
works "a key without a variable of ours: $_",
    { config => at(limit => "rate=1r/s key=$_") },
    qr/\[warn\].*"seal_km_limit" has the key "\Q$_\E".* in CONF:\d+/ for
    'x', '$binary_remote_addr', '$http_seal_km_x', '$remote_addr:$uri';
works 'a warning for each limit, not for each location',
    { config => "seal_km_zone z;\nseal_km_limit rate=1r/s key=a;\n"
        . location('= /km') . location('= /b')
        . location('= /c', limit => 'rate=1r/s key=b') },
    qr/the key "a"/, qr/the key "b"/;
works 'none for a limit that no location has',
    { config => "seal_km_zone z;\nseal_km_limit rate=1r/s key=a;\n"
        . at(zone => undef, limit => 'off') };

run_tests();
