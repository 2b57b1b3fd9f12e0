# What the error log tells of a topology that cannot be used, so that an operator
# knows what to do; and that what servers say of hosts never gets there raw.

use lib 't/lib';
use SealKM;
use SealKM::Dns;

sub array { return '*' . @_ . "\r\n" . join '', @_ }
sub words { return array(map { bulk($_) } @_) }

sub map_of {
    my ($host, $port) = @_;
    return array(array(":0\r\n", ":16383\r\n",
                       array(bulk($host), ":$port\r\n", bulk('i' x 40))));
}

sub node {
    my ($get, $host) = @_;
    my $port = free_port();
    return fake_redis(port => $port, get => $get, command => {
        CLUSTER => sub { map_of($host // '127.0.0.1', $port) } });
}

sub sentinel {
    my ($host, $port) = @_;
    return fake_redis(command => {
        SENTINEL => sub {
            return uc $_[0] eq 'MASTER'
                ? words(name => 'keys', ip => $host, port => $port,
                        flags => 'master', 'config-epoch' => 1)
                : words($host, $port);
        },
        SUBSCRIBE => sub { map { array(bulk('subscribe'), bulk($_), ":1\r\n") }
                           @_ },
    });
}

my $refused = qr/refused, store_/;

sub told {
    my ($name, $pattern) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(wait_for(sub { grep { /$pattern/ } error_log() }), $name);
}


# ------------------------------------------------------------------ redirections

my %node = (
    unnamed => node(sub { "-ASK 1 ?:7000\r\n" }),
    nobody => node(sub { "-MOVED 1\r\n" }),
);


my $again = node(sub { "-TRYAGAIN not yet\r\n" });
my $loop_port = free_port();
my $loop = fake_redis(port => $loop_port,
    get => sub { "-MOVED 1 127.0.0.1:$loop_port\r\n" },
    command => { CLUSTER => sub { map_of('127.0.0.1', $loop_port) } });

test 'redirections that lead nowhere',
    config => join('', map {
        location("= /$_->[0]", redis_mode => 'cluster', pass => $_->[1]->address)
    } [ loop => $loop ], [ unnamed => $node{unnamed} ],
      [ nobody => $node{nobody} ], [ again => $again ]),
    log => [ $refused, qr/error "MOVED": no node .* do not agree/,
             qr/error "ASK": .*set "cluster-announce-hostname"/,
             qr/error "MOVED": it names no node/,
             qr/error "TRYAGAIN": the slot is still on its way/ ],
    sub {
        km $_, { location => "/$_" },
            { reason => [ 'store_error', 'store_unavailable', 'store_timeout' ] }
            for qw(loop unnamed nobody again);
    };


# --------------------------------------------------------------- hosts that are none

my $evil = "127.0.0.1\n2000/01/01 00:00:00 [emerg] EVIL";
my $evil_node = node(sub { "-MOVED 1 $evil:1\r\n" =~ s/\n(?!\z)/\x1b/r });
my $evil_map = node(sub { bulk('never') }, $evil);
my $evil_sentinel = sentinel($evil, 7000);
my $dns = fake_dns;

test 'what servers call a host stays out of the log',
    config => join('', map {
        my ($name, @set) = @$_;
        (location("= /$name", @set),
         location("= /$name-resolved", @set, more => $dns->directive));
    } [ 'moved', redis_mode => 'cluster', pass => $evil_node->address ],
      [ 'map', redis_mode => 'cluster', pass => $evil_map->address ],
      [ 'sentinel', redis_mode => 'sentinel keys',
        pass => $evil_sentinel->address ]),
    log => [ $refused, qr/by what is no host, or no port/,
             qr/tells a master at what is no host, or no port/ ],
    may_log => [ qr/Redis s/, qr/error "MOVED"/ ],
    sub {
        for my $name (qw(moved map sentinel)) {
            km "$name$_", { location => "/$name$_", body => {
                ServiceID => "s$_" } },
                { reason => [ 'store_error', 'store_unavailable',
                              'store_timeout' ] } for '', '-resolved';
        }
        is((grep { /EVIL/ && !/\[debug\]/ } error_log())[0], undef,
           'no line has it');
    };


# ---------------------------------------------------------------- hosts of IPv6

# as servers write them: without brackets
my $v6 = eval { listen_at('::1', free_port()) } ? '::1' : undef;
my %at = map { $_ => free_port() } qw(low high moved asked master);
my $v6_map = sub {
    return array(map {
        my ($from, $to, $port) = @$_;
        array(":$from\r\n", ":$to\r\n", array(bulk($v6), ":$port\r\n", bulk('i' x 40)));
    } [ 0, 8191, $at{low} ], [ 8192, 16383, $at{high} ]);
};
my %there = !$v6 ? () : map {
    my $name = $_;
    $name => fake_redis(host => $v6, port => $at{$name}, get => sub {
        my ($key) = @_;
        return $name =~ /low|high/ && $key =~ /:(moved|asked)/
            ? ($1 eq 'moved' ? '-MOVED' : '-ASK') . " 1 $v6:$at{$1}\r\n"
            : bulk("$name has it");
    }, command => { CLUSTER => $v6_map,
                    ROLE => sub { array(bulk('master'), ":1\r\n", "*0\r\n") } });
} keys %at;
my $v6_seed = fake_redis(command => { CLUSTER => $v6_map });
my $v6_sentinel = sentinel($v6, $at{master});

test 'addresses of IPv6',
    skip => $v6 ? undef : 'this machine has no ::1',
    config => location('= /cluster', redis_mode => 'cluster', pass => $v6_seed->address)
        . location('= /sentinel', redis_mode => 'sentinel keys',
                   pass => $v6_sentinel->address),
    sub {
        my $payload = sub { post(location => $_[0], body => { ServiceID => $_[1] })
                                ->json->{Payload} // 'none' };
        my %seen = map { $payload->('/cluster', "s$_") => 1 } 1 .. 40;
        is(join(', ', sort keys %seen), 'high has it, low has it', 'CLUSTER SLOTS');
        is($payload->('/cluster', $_), "$_ has it", "$_: a redirection")
            for qw(moved asked);
        is($payload->('/sentinel', 's'), 'master has it', 'a sentinel');
    };


# ------------------------------------------------------------------ nobody answers

my @mute = map { fake_redis(command => { SENTINEL => sub { silence },
                                         SUBSCRIBE => sub { silence } }) } 1, 2;
my $mute_node = fake_redis(command => { CLUSTER => sub { silence } });

test 'those who are to tell are silent',
    http_config => 'upstream mute {' . join('', map { 'server ' . $_->address
        . ';' } @mute) . '}',
    config => location('= /sentinel', redis_mode => 'sentinel keys',
                       pass => 'mute', redis_timeout => '300ms')
        . location('= /cluster', redis_mode => 'cluster',
                   pass => $mute_node->address, redis_timeout => '300ms'),
    log => [ qr/no Redis sentinel of 2 has told the master "keys"/,
             qr/no Redis server of 1, .* has told the slots of its cluster/ ],
    may_log => [ qr/Redis server "/, $refused ],
    sub {
        told('sentinels', qr/no Redis sentinel of 2/);
        told('nodes of a cluster', qr/no Redis server of 1/);
    };


# -------------------------------------------------------- a socket of a cluster's node

# its bus has a port, too
my $single = start_redis(port => free_port(10_000), args => [ '--cluster-enabled', 'yes' ]);
$single->command('CLUSTER', 'ADDSLOTS', 0 .. 16383);

test 'a node without an address, over a Unix socket',
    config => location('= /km', redis_mode => 'cluster', pass => $single->unix),
    log => [ $refused, qr/names nodes of its cluster by an empty host.*Unix/ ],
    sub {
        km 'it is nowhere', {}, 'store_unavailable';
    };

run_tests();
