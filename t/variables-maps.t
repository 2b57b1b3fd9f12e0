# What is made of $seal_km_* is true of this request, now: maps of maps, in any
# order, read by whomever before the token is known.

use lib 't/lib';
use SealKM;

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @admin = (token => { role => 'admin' });
my @ok = ({ payload => 'K' });


# the last of a chain of n maps, and their text
sub chain {
    my ($n, $volatile, $reversed) = @_;
    my $name = join '_', 'chain', $n, $volatile ? 'volatile' : 'kept',
                    $reversed ? 'last_first' : 'first_first';
    my @maps = map {
        my $source = $_ > 1 ? "\$${name}_" . ($_ - 1) : '$seal_km_claim_role';
        my $is = $_ > 1 ? 1 : 'admin';
        "map $source \$${name}_$_ { $volatile default 0; $is 1; }\n";
    } 1 .. $n;

    return ("${name}_$n", join '', $reversed ? reverse @maps : @maps);
}

my (%chain, @names);
for my $volatile ('', 'volatile;') {
    for my $reversed (0, 1) {
        for my $n (1 .. 6) {
            my ($name, $maps) = chain($n, $volatile, $reversed);
            $chain{$name} = $maps;
            push @names, $name;
        }
    }
}

my $zone = 0;

test 'chains of maps',
    http_config => "variables_hash_max_size 4096;\n" . join('', map {
        "$chain{$_}limit_req_zone \$$_ zone=" . 'z' . $zone++
        . ":64k rate=10000r/s;\n" } @names),
    config => do {
        my $i = 0;
        join '', map {
            my $read = $i++ % 3;
            location("= /late/$_", require => "\$$_", scope => "seal:km")
            . location("= /early/$_", require => "\$$_", more =>
                       ("limit_req zone=z" . ($i - 1) . " burst=1000 nodelay;\n")
                       . ($read == 0 ? "set \$early \$$_;\n"
                        : $read == 1 ? "if (\$$_ = z) { return 500; }\n" : '')
                       . "add_header X-Map \"\$$_\" always;\n")
        } @names;
    },
    sub {
        for my $name (@names) {
            km "$_/$name: fulfilled", { location => "/$_/$name", @admin }, @ok
                for qw(late early);
            km "$_/$name: not fulfilled", { location => "/$_/$name" }, 'policy'
                for qw(late early);
        }

        my $last = $names[5];
        km 'without a token', { location => "/early/$last", auth => undef },
            'token_missing';
        is(post(location => "/early/$last", @admin)->header('X-Map'), 1,
           'the header tells what decided');
        is(post(location => "/early/$last")->header('X-Map'), 0,
           'the header tells what decided: not fulfilled');
    };


# Each map of these names the one before twice, or three times.
test 'a chain that would double each time',
    http_config => join('', 'map $seal_km_claim_role $d0 { default 0; admin 1; }',
        map { my $m = $_ - 1; "map \$d$m\$d$m \$d$_ { volatile; default \$d$m;"
                              . " x y; }\n" } 1 .. 40),
    config => location('= /km', require => '$d40',
                       more => 'set $early $d40; add_header X-Map $d40 always;'),
    sub {
        km 'fulfilled', { @admin }, @ok;
        km 'not fulfilled', {}, 'policy';
        is(post(@admin)->header('X-Map'), 1, 'the header');
    };


my $readers = <<'END';
map $seal_km_claim_role $a { default 0; admin 1; }
map $a $b { default 0; 1 1; }
map $b $c { default 0; 1 1; }
map $seal_km_claim_sub $scope { default seal:km; bob seal:bob; }
map $seal_km_claim_sub $user { default ""; alice sip:alice@example.com; }
limit_req_zone $c$scope$user zone=req:64k rate=10000r/s;
limit_conn_zone $c$scope$user zone=conn:64k;
split_clients $a $split { * x; }
END

my %reader = (
    limit_req    => 'limit_req zone=req burst=1000 nodelay;',
    limit_conn   => 'limit_conn conn 100;',
    set          => 'set $copy $c$scope$user;',
    if           => 'if ($c = z) { set $seen 1; } if ($scope = z) { set $seen 1; } if ($user) { set $seen 1; }',
    rewrite      => 'rewrite ^(?<all>.*)$ $all?$c$scope$user break;',
    auth_request => "auth_request /read;\nauth_request_set \$told \$c\$scope\$user;",
    mirror       => 'mirror /read;',
    split        => 'set $copy $split$c;',
);

test 'who reads maps before the token is known',
    http_config => $readers,
    config => join('', map {
            location("= /$_", require => '$c', scope => '$scope',
                     user_uri => '$user', more => $reader{$_})
        } sort keys %reader)
        . 'location = /read { set $read $c$scope$user; return 200 $c$scope$user; }'
        . 'location = /back { rewrite ^ /set last; }'
        . 'location = /try { set $x $c; try_files /none-$c$scope$user /set; }',
    sub {
        for my $at (sort(keys %reader), 'back', 'try') {
            my @at = (location => "/$at");

            km "$at: fulfilled", { @at, @admin },
                { payload => 'K', user_uri => 'sip:alice@example.com' };
            km "$at: not fulfilled", { @at },
                { reason => 'policy', user_uri => 'sip:alice@example.com' };
            km "$at: the scope is another one",
                { @at, token => { role => 'admin', sub => 'bob' } },
                { reason => 'insufficient_scope',
                  authenticate => { error => 'insufficient_scope',
                                    scope => 'seal:bob' } };
        }
    };


# What nobody but its own evaluation has made is forgotten, and nothing else.
test 'what was assigned stays',
    http_config => 'map $seal_km_claim_role $may { default 1; guest 0; }
                    map $may $may_too { default $may; }
                    map $seal_km_claim_role $volatile { volatile; default 1; }
                    limit_req_zone $may$may_too$volatile$named zone=req:64k rate=10000r/s;
                    map $seal_km_claim_role $named { default 1; guest 0; }
                    map $uri $of_uri { default 1; }',
    config => join('', map {
            my ($name, $more) = @$_;
            location("= /$name", require => '$may', more =>
                     "limit_req zone=req burst=1000 nodelay;\n$more")
        } [ plain => '' ],
          [ set => 'set $may 0;' ],
          [ set_early => 'set $early $may; set $may 0; set $late $may$may_too;' ],
          [ set_empty => 'if ($may) { set $may ""; }' ],
          [ set_again => 'set $may 0; set $early $may_too; set $may 1;' ],
          [ assigned => "set \$early \$may;\nauth_request /auth;\n"
                    . 'auth_request_set $may $upstream_http_x_may;' ],
          [ assigned_empty => "set \$early \$may;\nauth_request /auth;\n"
                    . 'auth_request_set $may $upstream_http_x_none;' ])
        . join('', map {
            my ($name, $more) = @$_;
            location("= /two/$name", require => '$may_too $of_uri', more =>
                     "limit_req zone=req burst=1000 nodelay;\n$more")
        } [ plain => '' ], [ set => 'set $may 0;' ],
          [ set_too => 'set $early $may_too; set $may_too 0;' ])
        . location('= /volatile', require => '$volatile',
                   more => 'set $early $volatile; set $volatile 0;')
        . location('~ ^/named/(?<named>[01])$', require => '$named',
                   more => 'limit_req zone=req burst=1000 nodelay;')
        . q{location = /auth { proxy_pass http://127.0.0.1:$server_port/may; }}
        . 'location = /may { add_header X-May 0; return 200; }',
    sub {
        km 'nothing is assigned', { location => '/plain' }, @ok;
        km 'nothing is assigned: not fulfilled',
            { location => '/plain', token => { role => 'guest' } }, 'policy';
        km "$_: 0 stays", { location => "/$_" }, 'policy'
            for qw(set set_early set_empty assigned assigned_empty volatile);
        km 'set twice', { location => '/set_again' }, @ok;

        km 'a map of a map', { location => '/two/plain' }, @ok;
        km 'a map of a map: not fulfilled',
            { location => '/two/plain', token => { role => 'guest' } }, 'policy';
        km "a map of a map, $_: 0 stays", { location => "/two/$_" }, 'policy'
            for qw(set set_too);

        km 'a named capture that is 1', { location => '/named/1',
            token => { role => 'guest' } }, @ok;
        km 'a named capture that is 0', { location => '/named/0' }, 'policy';
    };

run_tests();
