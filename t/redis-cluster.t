# Redis Cluster: who is asked for which key, redirections, resharding, and nodes
# that fail.  Promise 2 of the Redis topologies, over real servers; what these
# do not say on demand a fake one says.

use lib 't/lib';
use SealKM;
use SealKM::Cluster;
use SealKM::Load;
use SealKM::Traffic;

use Time::HiRes qw(sleep time);

my $cluster = start_cluster(node_timeout => 3000);
my @services = map { "s$_" } 0 .. 1999;
$cluster->set(map { service_key($_) => "record of $_" } @services);

my $seeds = $cluster->pass('seeds');
my @cluster = (redis_mode => 'cluster', pass => 'seeds');
# where answers are to come in time
my @second = (redis_timeout => '1s', redis_connect_timeout => '1s');

# how often the servers had to redirect
sub redirected {
    my $sum = 0;
    for my $node ($cluster->running) {
        $sum += $_ for $node->command('INFO', 'errorstats')
            =~ /^errorstat_(?:MOVED|ASK):count=(\d+)/mg;
    }
    return $sum;
}

# services whose records are at that master now, or are not
sub at {
    my ($master, @of) = @_;
    my %slot = map { $_ => 1 } $cluster->slots($master);
    return grep { $slot{ $cluster->slot(service_key($_)) } } @of ? @of : @services;
}

# of nginx
sub connections {
    my ($node) = @_;
    return scalar grep { $_ eq 'nginx-seal-km' } $node->clients;
}

sub record {
    my ($name, $service, %set) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    km $name, { body => { ServiceID => $service }, %set },
        { payload => "record of $service" };
}

# results of traffic that are not the record asked for
sub wrong {
    return grep { $_->{reason} ne 'ok'
                  || $_->{payload} ne "record of $_->{service}" } @_;
}

sub none_wrong {
    my ($name, @results) = @_;
    my @wrong = wrong(@results);
    ok(@results && !@wrong, "$name: all " . @results)
        or diag(tally(@results), map { "\n$_->{service}: $_->{status}"
            . " $_->{reason} $_->{payload} at $_->{begin}" } @wrong[0 .. ($#wrong < 9 ? $#wrong : 9)]);
}


# ----------------------------------------------------- who is asked for a key

# a service, its key, and what of it tells the slot
my @names = (
    [ '{tag}.a' => '{tag}.a' ], [ 'b.{tag}' => 'b.{tag}' ],
    [ 'a{}b' => 'a{}b' ], [ '{}' => '{}' ], [ 'a{b' => 'a{b' ],
    [ 'a}b{c' => 'a}b{c' ], [ 'x}{y}z' => 'x}{y}z' ], [ '{{q}}' => '{{q}}' ],
    [ '{a}{b}' => '{a}{b}' ], [ '{}{a}' => '{}{a}' ], [ '{%:}' => '{%25%3A}' ],
    [ "\x{e9}" => "\xc3\xa9" ], [ "{\x{20ac}}x" => "{\xe2\x82\xac}x" ],
    [ 'x' x 255 => 'x' x 255 ],
);
$cluster->set(map { ("seal:km:$_->[1]:service" => 'K',
                     "seal:km:$_->[1]:user:u{v}" => 'U',
                     "{all}:$_->[1]:service" => 'A') } @names);

test 'slots',
    http_config => $seeds,
    log => [ qr/WRONGTYPE/, qr/Request refused, store_error/ ],
    config => location('= /km', @cluster)
        . location('= /one', redis_mode => 'cluster',
                   pass => ($cluster->nodes)[5]->address)
        . location('= /prefix', @cluster, redis_key_prefix => '"{all}:"')
        . location('= /pair', @cluster, redis_connections => 3),
    sub {
        # a map is there before the first request, or is waited for
        my $before = redirected();

        for (@names) {
            my ($service) = @$_;
            km "slot of $service", { body => { ServiceID => $service } },
                { payload => 'K' };
            km "slot of a user of $service",
                { body => [ ServiceID => $service, UserID => 'u{v}' ],
                  token => { sub => 'u{v}' } }, { payload => 'U' };
            km "slot of $service, hash tag in the prefix",
                { location => '/prefix', body => { ServiceID => $service } },
                { payload => 'A' };
        }

        my @responses = load(20, [ map { service_request($_) } @services ]);
        is(scalar(grep { (payload($responses[$_]) // '')
                         ne "record of $services[$_]" } 0 .. $#services),
           0, 'each record of all the slots');
        record('a replica for a seed', $_, location => '/one') for @services[0 .. 9];
        record('several connections', $_, location => '/pair')
            for @services[0 .. 9];
        is(redirected(), $before, 'nobody redirects');

        km 'no such record', { body => { ServiceID => "none$_" } }, 'not_found'
            for 1 .. 5;

        my $key = service_key('fresh');
        my $master = $cluster->server($key);
        $master->set($key, 'one');
        km 'a record is new', { body => { ServiceID => 'fresh' } },
            { payload => 'one' };
        $master->set($key, 'two');
        km 'a record is changed', { body => { ServiceID => 'fresh' } },
            { payload => 'two' };
        $master->del($key);
        km 'a record is gone', { body => { ServiceID => 'fresh' } }, 'not_found';

        $master->command('LPUSH', $key, 1);
        km 'another type', { body => { ServiceID => 'fresh' } }, 'store_error';
        $master->del($key);
    };


test 'seeds that are dead',
    http_config => "upstream seeds {
        server 127.0.0.1:@{[ free_port() ]};
        server @{[ ($cluster->nodes)[0]->address ]} down;
        server 127.0.0.1:@{[ free_port() ]};
        server @{[ ($cluster->nodes)[4]->address ]};
    }",
    config => location('= /km', @cluster),
    # the one that is alive may be the first
    may_log => [ qr/connect\(\) failed|could not be connected to/ ],
    sub {
        record('one seed is alive', $_) for @services[0 .. 9];
    };


test 'no seed',
    http_config => "upstream seeds {
        server 127.0.0.1:@{[ free_port() ]};
        server 127.0.0.1:@{[ free_port() ]};
    }",
    config => location('= /km', @cluster),
    log => [ qr/connect\(\) failed|could not be connected to/,
             qr/no Redis server of 2, .* has told the slots of its cluster/,
             qr/Request refused, store_unavailable/ ],
    sub {
        my $begin = time;
        km 'no seed is alive', {}, 'store_unavailable' for 1 .. 10;
        ok(time - $begin < 20, 'no seed is alive: told soon');
    };


# a server of its own, for nobody else is connected to it
test 'connections',
    http_config => $seeds,
    config => location('= /km', redis_mode => 'cluster',
                       pass => ($cluster->masters)[0]->address),
    sub {
        my ($first, $second, $third) = $cluster->masters;

        record('a request', (at($second))[0]);
        is(connections($second), 1, 'opened on demand');
        is(connections($third), 0, 'not before');
        is(connections($cluster->replica($second)), 0, 'none to a replica');
    };


# ------------------------------------------------------------ whom to read from

for my $read (qw(master replica any)) {
    test "read from $read",
        http_config => $seeds,
        config => location('= /km', @cluster, redis_read => $read),
        sub {
            my @masters = $cluster->masters;
            my @replicas = map { $cluster->replica($_) } @masters;

            $_->command('CONFIG', 'RESETSTAT') for $cluster->nodes;
            my $before = redirected();
            record("from $read", $_) for @services[0 .. 59];
            is(redirected(), $before, "$read: nobody redirects");

            my %asked = (master => 0, replica => 0);
            $asked{master} += $_->calls('get') for @masters;
            $asked{replica} += $_->calls('get') for @replicas;
            is($asked{master} + $asked{replica}, 60, "$read: once each");

            if ($read eq 'any') {
                ok($asked{master} > 0 && $asked{replica} > 0, 'any: both')
                    or diag("master $asked{master}, replica $asked{replica}");
            } else {
                is($asked{$read}, 60, "$read: asked");
            }
        };
}


# -------------------------------------------------------------- redirections

test 'a slot that moves',
    http_config => $seeds,
    config => location('= /km', @cluster)
        . location('= /replica', @cluster, redis_read => 'replica'),
    sub {
        my ($from, $to, $third) = $cluster->masters;
        my ($slot) = grep { $_ % 7 == 3 } $cluster->slots($from);
        my @in = map { "$_\{" . $cluster->tag($slot) . '}' } 'a' .. 'f';
        $cluster->set(map { service_key($_) => "record of $_" } @in);

        record('before', $in[0]);
        record('before, replica', $in[0], location => '/replica');

        # ASK is for one key at a time: nothing is learnt from it
        $cluster->begin($slot, $to);
        $cluster->migrate($slot, map { service_key($_) } @in[0 .. 2]);
        for (1 .. 2) {
            record("half of it, $_", $_) for @in;
        }
        km 'half of it: no record', { body => { ServiceID => "none{"
            . $cluster->tag($slot) . '}' } }, 'not_found';
        # a replica knows of none that has moved: its master is asked, too
        for (1 .. 2) {
            record("half of it, replica, $_", $_, location => '/replica')
                for @in;
        }
        km 'half of it: no record, replica', { location => '/replica',
            body => { ServiceID => "none{" . $cluster->tag($slot) . '}' } },
            'not_found';

        # ASKING is for the next command of its connection only: others, which
        # share it, do without
        my @others = (at($to))[0 .. 99];
        my @mixed = map { ($others[$_], $in[$_ % 6]) } 0 .. 99;
        my @responses = load(40, [ map { service_request($_) } @mixed ]);
        is(scalar(grep { (payload($responses[$_]) // '')
                         ne "record of $mixed[$_]" } 0 .. $#mixed),
           0, 'half of it: among others');

        $cluster->migrate($slot);
        record('all of it, not yet its server', $_) for @in;
        $cluster->end($slot);

        my $before = redirected();
        record('moved', $_) for @in;
        my $first = redirected();
        ok($first > $before, 'moved: told so');

        record('moved again', $_) for @in;
        is(redirected(), $first, 'moved: and known');

        # the map is asked for, too: nobody redirects from another slot
        my @more = grep { $_ != $slot } ($cluster->slots($from))[10 .. 19];
        $cluster->move($_, $third) for @more;
        my @moved = map { "x{" . $cluster->tag($_) . '}' } @more;
        $cluster->set(map { service_key($_) => "record of $_" } @moved);
        record('ten slots, the first', $moved[0]);
        ok(wait_for(sub {
            my $n = redirected();
            record('ten slots', $_) for @moved;
            return redirected() == $n;
        }), 'ten slots: all known from one of them');

        $cluster->move($_, $from) for $slot, @more;
    };


# what docs/ promise to be enough
$_->command(qw(ACL SETUSER least on >leastpw ~seal:km:* +get +cluster|slots
               +readonly +asking)) for $cluster->nodes;

test 'the least rights',
    http_config => $seeds,
    config => location('= /km', @cluster, redis_user => 'least',
                       redis_password => 'leastpw')
        . location('= /any', @cluster, redis_user => 'least',
                   redis_password => 'leastpw', redis_read => 'any')
        . location('= /wrong', @cluster, redis_user => 'least',
                   redis_password => 'Sesame99'),
    log => [ qr/Request refused, store_unavailable/,
             qr/refused the credentials/,
             qr/no Redis server of 6, .* has told the slots of its cluster/ ],
    sub {
        my ($from, $to) = $cluster->masters;
        my ($slot) = $cluster->slots($from);
        my @in = map { "$_\{" . $cluster->tag($slot) . '}' } 'a' .. 'd';

        $cluster->set(map { service_key($_) => "record of $_" } @in);
        for my $path ('/km', '/any') {
            record('least rights', $_, location => $path) for @services[0 .. 19];
        }
        $cluster->begin($slot, $to);
        $cluster->migrate($slot, map { service_key($_) } @in[0, 1]);
        record('least rights: ASK', $_) for @in;
        $cluster->migrate($slot);
        $cluster->end($slot);
        record('least rights: MOVED', $_) for @in;

        km 'a wrong password', { location => '/wrong' }, 'store_unavailable';
        is((grep { /Sesame99|leastpw/ } error_log())[0], undef,
           'no password is logged');
        $cluster->move($slot, $from);
    };


# what nodes are called: an nginx that runs learns it from a MOVED and from the
# map that follows; the next one starts with it
my %endpoint = (
    'a host name' => [ 'hostname', 'localhost' ],
    'a host name that nobody knows' => [ 'hostname', 'node.invalid' ],
    'no host name where one is preferred' => [ 'hostname', '' ],
    'nothing' => [ 'unknown-endpoint', '' ],
);

sub announce {
    my ($type, $host) = @_;

    $cluster->config('cluster-announce-hostname', $host,
                     'cluster-preferred-endpoint-type', $type);

    # they tell each other
    wait_for(sub {
        !grep { my $view = $_->command(qw(CLUSTER NODES));
                (() = $view =~ /:\d+\@\d+,\Q$host\E[ ,]/g) != 6 && length $host
                || !length $host && $view =~ /\@\d+,[a-z]/ } $cluster->nodes;
    }) or die "not announced\n";
}

for my $name (sort keys %endpoint) {
    my @locations = (location('= /km', @cluster)
                     . location('= /replica', @cluster, redis_read => 'replica'));
    my $redirects = sub {
        my ($when) = @_;
        my ($from, $to) = $cluster->masters;
        my ($slot) = $cluster->slots($from);
        my $service = "e{" . $cluster->tag($slot) . '}';

        $cluster->set(service_key($service) => "record of $service");
        $cluster->move($slot, $to);
        record("$when: MOVED", $service) for 1, 2;
        $cluster->begin($slot, $from);
        $cluster->migrate($slot);
        record("$when: ASK", $service) for 1, 2;
        $cluster->end($slot);
        record("$when: MOVED back", $service) for 1, 2;
        record("$when: the map", $_) for @services[0 .. 19];
        record("$when: a replica", $_, location => '/replica')
            for @services[0 .. 19];
    };

    test "nodes announce $name, later",
        http_config => $seeds, config => @locations,
        sub {
            record("$name: not yet", $_) for @services[0 .. 9];
            announce(@{ $endpoint{$name} });
            $redirects->($name);
        };

    test "nodes announce $name, from the start",
        http_config => $seeds, config => @locations,
        sub {
            my $before = redirected();
            record("$name: from the start", $_) for @services[0 .. 9];
            is(redirected(), $before, "$name: the first map is right");
            $redirects->("$name, from the start");
            announce('ip', '');
        };
}


# ----------------------------------------------------------------- resharding

test 'a thousand slots move',
    http_config => $seeds,
    config => location('= /km', @cluster)
        . location('= /replica', @cluster, redis_read => 'replica'),
    sub {
        my ($from, $to) = $cluster->masters;
        my $slots = $cluster->slots($from);
        my $maps = $cluster->calls('cluster|slots');
        my $before = redirected();

        my $traffic = traffic(\@services, rate => 300, keep => 1);
        my $replica = traffic(\@services, rate => 200, keep => 1,
                              location => '/replica');
        sleep 0.5;
        my $begin = time;
        $cluster->reshard($from, $to, 1000);
        my $end = time;
        wait_for(sub { redirected() > $before });
        my @results = $traffic->stop;
        my @replica = $replica->stop;

        is($slots - $cluster->slots($from), 1000, 'they have moved');
        ok(redirected() > $before, 'requests met them');
        none_wrong('while they move', @results);
        none_wrong('while they move, read from replicas', @replica);
        ok((grep { $_->{begin} > $begin && $_->{end} < $end } @results),
           'there was traffic');

        # at most 5 of them each second for each location, and ours
        ok($cluster->calls('cluster|slots') - $maps < 20 + 12 * ($end - $begin),
           'the map is not asked for at each');

        # back, for those that come; a replica that has not heard of the last of them
        # yet would not serve it when it is promoted
        $cluster->reshard($to, $from, 1000);
        $cluster->settle;
    };


test 'a replica is made master by hand',
    http_config => $seeds,
    config => location('= /km', @cluster),
    sub {
        my ($old) = $cluster->masters;
        my $new = $cluster->replica($old);
        my $traffic = traffic(\@services, rate => 400, keep => 1);

        sleep 0.5;
        $new->command('CLUSTER', 'FAILOVER');
        wait_for(sub { $new->command('INFO', 'replication') =~ /role:master/ });
        wait_for(sub { connections($new) });
        sleep 1;
        none_wrong('CLUSTER FAILOVER', $traffic->stop);
        $cluster->settle;

        ok(wait_for(sub { connections($old) == 0 }),
           'connections to who serves no slot any more are closed');
        is(connections($new), 1, 'there is one to who does');
    };


# -------------------------------------------------------------- nodes that fail

# Kills or stops a master under load; what comes of it
sub lose {
    my ($name, $lose, %opts) = @_;
    my ($lost) = $cluster->masters;
    my $next = $cluster->replica($lost);
    my %its = map { $_ => 1 } at($lost);
    my $timeout = $opts{timeout} // 1;

    my $traffic = traffic(\@services, rate => 200, width => 250);
    goes_on($traffic, 0.5);
    my $begin = time;
    $lost->$lose;
    wait_for(sub { $next->command('INFO', 'replication') =~ /role:master/ })
        or die "$name: nobody is promoted\n";
    my $promoted = moment($traffic);
    goes_on($traffic, seconds(2));
    my @results = $traffic->stop;

    my @its = grep { $its{ $_->{service} } } @results;
    my @others = grep { !$its{ $_->{service} } } @results;
    my @failed = wrong(@its);
    my @late = map { after($promoted, $_) } @failed;
    note(sprintf '%s: promoted after %.2f s; its own: %s; the last of them that '
         . 'failed began %.2f s later', $name, $promoted->{time} - $begin,
         tally(@its), @late ? $late[-1] : 0);

    none_wrong("$name: the others", grep { !hindered($_) } @others)
        if !$opts{others};
    ok((grep { $_->{begin} > $begin && $_->{begin} < $promoted->{time} } @failed),
       "$name: its own failed");
    is(join(' ', grep { !/^store_(?:unavailable|timeout)$/ }
            map { $_->{reason} || "status $_->{status}" } @failed), '',
       "$name: only as they may");
    ok(in_time($timeout, @results), "$name: each answered in time")
        or diag(worst(@results));
    ok(!(grep { $_ > seconds(1) } @late), "$name: well 1 s after the promotion")
        or diag("@late");

    return ($lost, @others);
}

# a refusal, and whatever else there is said of the servers
my @lost = (qr/refused, store_(?:unavailable|timeout)|Redis server|CLUSTERDOWN/);

test 'kill -9 of a master',
    http_config => $seeds,
    config => location('= /km', @cluster, @second),
    log => \@lost,
    sub {
        my ($lost) = lose('kill -9', 'kill');

        # it has lost all that it held, and gets it from its replica
        $lost->restart;
        record('it comes back', $_) for (@services)[0 .. 49];
        $cluster->settle;
        record('it is back', $_) for (@services)[0 .. 49];
    };

test 'a master that hangs',
    http_config => $seeds,
    config => location('= /km', @cluster, @second, redis_timeout => '2s'),
    log => \@lost,
    sub {
        my ($lost) = lose('SIGSTOP', 'stop', timeout => 2);

        $lost->cont;
        record('it wakes up', $_) for (@services)[0 .. 49];
        $cluster->settle;
        record('it is awake', $_) for (@services)[0 .. 49];
    };

test 'replicas where these are read from',
    http_config => $seeds,
    config => location('= /km', @cluster, redis_read => 'replica'),
    log => \@lost,
    sub {
        my @dead = map { $cluster->replica($_) } ($cluster->masters)[0, 1];

        record('before', $_) for @services[0 .. 19];
        $_->kill for @dead;
        my @responses = map { post(body => { ServiceID => $_ }) }
                        @services[0 .. 59];
        is(scalar(grep { payload($_) } @responses), 60,
           'without its replica a master is asked');
        $_->restart for @dead;
        $cluster->settle;
    };

# what docs/ say of it: nobody is served until the promotion
test 'kill -9, with cluster-require-full-coverage yes',
    http_config => $seeds,
    config => location('= /km', @cluster, @second),
    log => \@lost,
    sub {
        $cluster->config('cluster-require-full-coverage', 'yes');
        my ($lost, @others) = lose('full coverage', 'kill', others => 1);
        my @failed = wrong(@others);

        ok(@failed > 0, 'full coverage: the others fail, too');
        is(join(' ', grep { $_ ne 'store_unavailable' }
                map { $_->{reason} } @failed), '',
           'full coverage: as CLUSTERDOWN does');
        $cluster->config('cluster-require-full-coverage', 'no');
        $lost->restart;
        $cluster->settle;
    };

test 'a slot that nobody serves',
    http_config => $seeds,
    config => location('= /km', @cluster),
    log => \@lost,
    sub {
        my ($master) = $cluster->masters;
        my ($slot) = $cluster->slots($master);
        my $service = 'g{' . $cluster->tag($slot) . '}';

        $cluster->set(service_key($service) => "record of $service");
        record('before', $service);
        $_->command('CLUSTER', 'DELSLOTS', $slot) for $cluster->nodes;
        km 'a slot that nobody serves', { body => { ServiceID => $service } },
            'store_unavailable' for 1 .. 3;
        record('another slot', (at($master))[0]);
        $master->command('CLUSTER', 'ADDSLOTS', $slot);
        my ($other) = grep { $_ != $master } $cluster->masters;
        ok(wait_for(sub { post(body => { ServiceID => $service })->status == 200 }),
           'it is served again');
        $cluster->settle;
    };


# --------------------------------------------------------------- a fake cluster

# the reply to CLUSTER SLOTS
sub map_of {
    my (@ranges) = @_;
    return '*' . @ranges . "\r\n" . join '', map {
        my ($from, $to, @nodes) = @$_;
        '*' . (2 + @nodes) . "\r\n:$from\r\n:$to\r\n" . join '', map {
            my ($host, $port) = @$_;
            "*3\r\n" . bulk($host) . ":$port\r\n" . bulk("id$port" . 'x' x 35)
        } @nodes;
    } @ranges;
}

sub fake_node {
    my ($map, %opts) = @_;
    return fake_redis(command => {
        CLUSTER => ref $map eq 'CODE' ? $map : sub { $map },
        %{ delete $opts{command} // {} } }, %opts);
}

my $tries = 0;
my @port = map { free_port() } 0 .. 11;
my $own = sub { map_of([ 0, 16383, [ '127.0.0.1', $port[ $_[0] ] ] ]) };
my $both = map_of([ 0, 16382, [ '127.0.0.1', $port[2] ] ],
                  [ 16383, 16383, [ '127.0.0.1', $port[3] ] ]);

my %fake = (
    # a key's first GETs say TRYAGAIN
    tryagain => fake_node($own->(0), port => $port[0], get => sub {
        my ($key, $nth) = @_;
        return $nth < 3 ? "-TRYAGAIN Multiple keys request during rehashing of "
                          . "slot\r\n" : bulk("record of $key") }),
    always_tryagain => fake_node($own->(1), port => $port[1],
        get => sub { "-TRYAGAIN Multiple keys\r\n" }),
    # two that send to each other; one that is in no map is given up when the next
    # map comes, and what it was asked is asked again
    loop => fake_node($both, port => $port[2],
        get => sub { "-MOVED 1 127.0.0.1:$port[3]\r\n" }),
    loop_other => fake_node($both, port => $port[3],
        get => sub { "-MOVED 1 127.0.0.1:$port[2]\r\n" }),
    ask_loop => fake_node($own->(4), port => $port[4],
        get => sub { "-ASK 1 127.0.0.1:$port[4]\r\n" }),
    # four hops, each on a node that is nowhere else
    hops => fake_node($own->(5), port => $port[5],
        get => sub { $_[1] < 5 ? "-MOVED 1 127.0.0.1:$port[5]\r\n"
                               : bulk("record of $_[0]") }),
    nowhere => fake_node($own->(6), port => $port[6],
        get => sub { "-MOVED 1 127.0.0.1:$port[11]\r\n" }),
    (map {
        my ($i, $error) = @$_;
        "bad_$i" => fake_node($own->($i), port => $port[$i],
                              get => sub { "$error\r\n" });
    } [ 7, '-MOVED' ], [ 8, '-MOVED 1' ], [ 9, '-ASK 1 nobody.invalid:1' ],
      [ 10, '-MOVED 1 127.0.0.1:99999999' ]),
);

my %hosts = (
    empty => sub { [ '', $_[0] ] },
    nil   => sub { [ undef, $_[0] ] },
    unknown => sub { [ '?', $_[0] ] },
);
my %named = map {
    my ($name, $node) = ($_, $hosts{$_});
    my $port = free_port();
    $name => fake_node(map_of([ 0, 16383, $node->($port) ]), port => $port,
        get => sub { my ($key, $nth) = @_;
                     $key =~ /moved/ && $nth == 1 ? "-MOVED 1 :$port\r\n"
                                                  : bulk("record of $key") });
} keys %hosts;

my %map = (
    garbage   => "*1\r\n+OK\r\n",
    short     => "*1\r\n*2\r\n:0\r\n:16383\r\n",
    beyond    => map_of([ 0, 16384, [ '127.0.0.1', 1 ] ]),
    backwards => map_of([ 100, 99, [ '127.0.0.1', 1 ] ]),
    negative  => "*1\r\n*3\r\n:-1\r\n:5\r\n*2\r\n" . bulk('127.0.0.1') . ":1\r\n",
    none      => "*0\r\n",
    nil       => "*-1\r\n",
    string    => bulk('slots'),
    port      => map_of([ 0, 16383, [ '127.0.0.1', 0 ] ]),
    refused   => "-NOPERM this user has no permissions to run the "
                 . "'cluster|slots' command\r\n",
    standalone => "-ERR This instance has cluster support disabled\r\n",
);
my %no_map = map { $_ => fake_node($map{$_}) } keys %map;
$no_map{silent} = fake_node(sub { silence });

sub node { return ([ body => { ServiceID => $_[0] } ]) }

test 'redirections of a fake cluster',
    config => join('', map {
        location("= /$_", redis_mode => 'cluster', pass => $fake{$_}->address,
                 redis_timeout => '5s')
    } sort keys %fake),
    log => [ qr/Request refused, store_/, qr/answered GET with the error/,
             qr/connect\(\) failed|could not be connected/ ],
    sub {
        my $gets = sub { $_[0]->count(qr/^command \d+ GET /) };

        ok(wait_for(sub { !grep { !$fake{$_}->count(qr/CLUSTER SLOTS/) }
                          grep { $_ ne 'loop_other' } keys %fake }),
           'the map is asked for when a worker starts');
        is($gets->($fake{tryagain}), 0, '... without a request');

        my $key = 'seal:km:v2x.example:service';
        km 'TRYAGAIN', { location => '/tryagain' },
            { payload => "record of $key" };
        is($gets->($fake{tryagain}), 3, 'TRYAGAIN: twice more');
        km 'four hops', { location => '/hops' }, { payload => "record of $key" };

        km 'TRYAGAIN without end', { location => '/always_tryagain' },
            { reason => [ 'store_error', 'store_unavailable', 'store_timeout' ] };
        my $n = $gets->($fake{always_tryagain});
        ok($n <= 6, 'TRYAGAIN without end: five hops') or diag($n);

        my @any = { reason => [ 'store_error', 'store_unavailable' ] };
        km 'MOVED without end', { location => '/loop' }, @any;
        $n = $gets->($fake{loop}) + $gets->($fake{loop_other});
        ok($n <= 6, 'MOVED without end: five hops') or diag($n);

        km 'ASK without end', { location => '/ask_loop' }, @any;
        my @asked = grep { / (?:ASKING|GET) / } $fake{ask_loop}->log;
        ok(@asked <= 11, 'ASK without end: five hops') or diag("@asked");
        is(join(' ', map { /^command \d+ (\w+)/ } @asked),
           join(' ', 'GET', ('ASKING', 'GET') x ((@asked - 1) / 2)),
           'ASKING comes before each GET');
        my @pairs = grep { /^read \d+ [2-9]/ } $fake{ask_loop}->log;
        ok(@pairs >= (@asked - 1) / 2, '... and in the same packet');

        km 'MOVED to nowhere', { location => '/nowhere' }, 'store_unavailable';
        for my $bad (sort grep { /^bad/ } keys %fake) {
            km "MOVED or ASK: $bad", { location => "/$bad" },
                { reason => [ 'store_error', 'store_unavailable',
                              'store_timeout' ] };
        }
    };


test 'an announced host that is none',
    config => join('', map {
        location("= /$_", redis_mode => 'cluster', pass => $named{$_}->address)
    } sort keys %named),
    sub {
        for my $name (sort keys %named) {
            km "a host that is $name", { location => "/$name" },
                { payload => 'record of seal:km:v2x.example:service' };
            km "MOVED without a host ($name)",
                { location => "/$name", body => { ServiceID => 'moved' } },
                { payload => 'record of seal:km:moved:service' };
        }
    };


test 'no map',
    config => join('', map {
        location("= /$_", redis_mode => 'cluster', pass => $no_map{$_}->address,
                 redis_timeout => '500ms')
    } sort keys %no_map),
    log => [ qr/Request refused, store_/,
             qr/does not tell its cluster's slots.*cluster\|slots/,
             qr/sent what is no reply|Redis server/ ],
    sub {
        my $started = time;
        for my $name (sort keys %no_map) {
            my $begin = time;
            km "no map: $name", { location => "/$name" },
                { reason => [ 'store_unavailable', 'store_timeout',
                              'store_error' ] } for 1 .. 3;
            ok(time - $begin < 20, "no map: $name, in time");
        }

        sleep 1;
        for my $name (sort keys %no_map) {
            my $n = $no_map{$name}->count(qr/CLUSTER/);
            ok($n < 60 + 6 * (time - $started), "no map: $name, not asked for all the time") or diag($n);
        }
    };


# ------------------------------------------------------------------- nginx -t

sub says {
    my ($name, $config, $pattern) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = nginx_t(ref $config ? %$config
                                                : (config => $config));

    ok($pattern ? $status != 0 && $output =~ $pattern && $output =~ /\[emerg\]/
                : $status == 0, $name)
        or diag("status $status\n$output");
}

says "seal_km_redis_mode $_;", location('= /km', redis_mode => $_),
    qr/seal_km_redis_mode.* in CONF:\d+/
    for '', 'Cluster', 'clusters', 'cluster a', 'standalone a', 'on', 'off',
        '""', 'replica', 'sentinel', 'sentinel ""', 'sentinel a b';
says "seal_km_redis_read $_;", location('= /km', redis_mode => 'cluster',
                                        redis_read => $_),
    qr/seal_km_redis_read|"\Q$_\E".* in CONF:\d+/
    for '', 'slave', 'on', 'master replica';
says "seal_km_redis_mode $_;", location('= /km', redis_mode => $_)
    for 'cluster', 'standalone', 'sentinel seal-km', 'sentinel "a b"';
says "seal_km_redis_read $_;", location('= /km', redis_mode => 'cluster',
                                        redis_read => $_)
    for qw(master replica any);
says "seal_km_redis_$_ twice", location('= /km', redis_mode => 'cluster',
    "redis_$_" => [ ($_ eq 'mode' ? 'cluster' : 'any') x 2 ]), qr/duplicate/
    for qw(mode read);
says 'a database in a cluster', location('= /km', redis_mode => 'cluster',
                                         redis_database => 1),
    qr/seal_km_redis_database/;
says 'in http, server and location', {
    http_config => 'seal_km_redis_mode cluster; seal_km_redis_read any;',
    config => 'seal_km_redis_mode standalone; seal_km_redis_read master;'
        . location('= /km', redis_mode => 'cluster', redis_read => 'any') };

run_tests();
