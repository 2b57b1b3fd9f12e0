# Redis Sentinel: whom it is that sentinels name, that an address is used only
# when its server confirms its role, and a master that fails.  Promise 3 of the
# Redis topologies, over real servers; what these do not say on demand a fake
# sentinel says.

use lib 't/lib';
use SealKM;
use SealKM::Certificates;
use SealKM::Load;
use SealKM::Sentinel;
use SealKM::Traffic;

use Time::HiRes qw(sleep time);

my $RECORD = 'seal:km:v2x.example:service';

my $ha = start_sentinels(name => 'keys', down_after => 2000);
my @services = map { "s$_" } 0 .. 499;
$ha->set(map { service_key($_) => "record of $_" } @services);
$ha->set($RECORD => 'K');

my $sentinels = $ha->pass('sentinels');
my @sentinel = (redis_mode => 'sentinel keys', pass => 'sentinels');
# where answers are to come in time
my @second = (redis_timeout => '1s', redis_connect_timeout => '1s');

sub connections {
    my ($node) = @_;
    return scalar grep { $_ eq 'nginx-seal-km' } $node->clients;
}

sub wrong {
    return grep { $_->{reason} ne 'ok'
                  || $_->{payload} ne "record of $_->{service}" } @_;
}

sub none_wrong {
    my ($name, @results) = @_;
    my @wrong = wrong(@results);
    ok(@results && !@wrong, "$name: all " . @results)
        or diag(tally(@results) . " $wrong[0]{payload}");
}

sub asked { return map { $_->calls('get') } @_ }


# ------------------------------------------------------------------ who is asked

for my $read (qw(master replica any)) {
    test "read from $read",
        http_config => $sentinels,
        config => location('= /km', @sentinel, redis_read => $read),
        sub {
            my $master = $ha->master;
            my @replicas = $ha->replicas;

            $_->command('CONFIG', 'RESETSTAT') for $ha->data;
            km "$read: a request", {}, { payload => 'K' } for 1 .. 30;
            km "$read: no record", { body => { ServiceID => 'none' } },
                'not_found';

            my ($of_master, @of_replicas) = asked($master, @replicas);
            is($of_master + $of_replicas[0] + $of_replicas[1], 31,
               "$read: each once");
            is($of_master, 31, 'the master') if $read eq 'master';
            ok(!(grep { $_ == 0 } @of_replicas), "$read: each replica")
                or diag("@of_replicas") if $read ne 'master';
            is($of_master, 0, 'replicas only') if $read eq 'replica';
            ok($of_master, 'any: the master, too') if $read eq 'any';

            is(connections($_), 0, 'no connection to a replica') for
                $read eq 'master' ? @replicas : ();
        };
}


test 'sentinels that are dead, one that is not',
    http_config => "upstream sentinels {
        server 127.0.0.1:@{[ free_port() ]};
        server 127.0.0.1:@{[ free_port() ]};
        server @{[ ($ha->sentinels)[2]->address ]};
    }",
    config => location('= /km', @sentinel)
        . location('= /one', redis_mode => 'sentinel keys',
                   pass => ($ha->sentinels)[1]->address),
    log => [ qr/connect\(\) failed|could not be connected to/ ],
    sub {
        km 'one sentinel is alive', {}, { payload => 'K' } for 1 .. 5;
        km 'one sentinel, no upstream', { location => '/one' },
            { payload => 'K' };
    };


test 'the wrong name',
    http_config => $sentinels,
    config => location('= /km', @sentinel, redis_mode => 'sentinel others'),
    log => [ qr/Request refused, store_unavailable/,
             qr/does not tell the master "others"/ ],
    sub {
        km 'a master that sentinels do not know', {}, 'store_unavailable'
            for 1 .. 3;
    };


# ----------------------------------------------------------------- a fake sentinel

sub array { return '*' . @_ . "\r\n" . join '', @_ }
sub words { return array(map { bulk($_) } @_) }

sub role_of_master  { return array(bulk('master'), ":5\r\n", "*0\r\n") }
sub role_of_replica {
    return array(bulk('slave'), bulk('127.0.0.1'), ":1\r\n",
                 bulk($_[0] // 'connected'), ":5\r\n");
}

sub fake_data {
    my ($role, $value, %opts) = @_;
    return fake_redis(command => {
        ROLE => sub { ref $role ? $role->() : $role },
        %{ $opts{command} // {} },
    }, get => $opts{get} // sub { bulk($value) });
}

sub replica {
    my ($node, %set) = @_;
    my %field = (name => '127.0.0.1:' . $node->port, ip => '127.0.0.1',
        port => $node->port, flags => 'slave', 'master-link-status' => 'ok', %set);
    return words(%field);
}

# master: whom it names; after release('switch') other
sub fake_sentinel {
    my (%opts) = @_;
    my $switched = temp_dir() . '/switched.' . free_port();

    my $fake = fake_redis(command => {
        SENTINEL => sub {
            my ($what) = @_;
            my $node = -e $switched ? $opts{other} : $opts{master};
            my $epoch = $opts{epoch} // 1;
            return array(map { replica(@$_) } @{ $opts{replicas} // [] })
                if uc $what eq 'REPLICAS';
            return $node // "*-1\r\n" if !ref $node;
            return (map({ hold($_) } $opts{hold} // ()), uc $what eq 'GET-MASTER-ADDR-BY-NAME'
                ? words('127.0.0.1', $node->port)
                : words(name => 'keys', ip => '127.0.0.1', port => $node->port,
                        flags => 'master', 'config-epoch' => $epoch));
        },
        SUBSCRIBE => sub {
            return (map({ array(bulk('subscribe'), bulk($_), ":1\r\n") } @_),
                hold('switch'),
                words('message', '+switch-master', 'keys 127.0.0.1 1 127.0.0.1 2'));
        },
        %{ $opts{command} // {} },
    });
    $fake->{switch} = sub {
        open my $file, '>', $switched or die $!;
        $fake->release('switch');
    };
    return $fake;
}

my %data = (
    master   => fake_data(role_of_master, 'master'),
    once     => fake_data(role_of_master, 'once'),
    old      => fake_data(role_of_master, 'old'),
    other    => fake_data(role_of_master, 'other'),
    replica  => fake_data(role_of_replica, 'replica'),
    second   => fake_data(role_of_replica, 'second'),
    sync     => fake_data(role_of_replica('sync'), 'sync'),
    connect  => fake_data(role_of_replica('connect'), 'connect'),
    handshake => fake_data(role_of_replica('handshake'), 'handshake'),
    denied   => fake_data("-NOPERM this user has no permissions to run the "
                          . "'role' command\r\n", 'denied'),
    garbled  => fake_data("+master\r\n", 'garbled'),
    down     => fake_data(role_of_replica, 'down'),
);

my %sentinel = (
    # named, but no master: an old one, or a sentinel that is behind
    replica => fake_sentinel(master => $data{replica}),
    denied  => fake_sentinel(master => $data{denied}),
    garbled => fake_sentinel(master => $data{garbled}),
    nobody  => fake_sentinel(master => "*-1\r\n"),
    error   => fake_sentinel(master => "-IDONTKNOW I have not enough\r\n"),
    text    => fake_sentinel(master => "+OK\r\n"),
    port    => fake_sentinel(master => words('127.0.0.1', 'x')),
    zero    => fake_sentinel(master => words('127.0.0.1', 0)),
    one     => fake_sentinel(master => words('127.0.0.1')),
    silent  => fake_sentinel(command => { SENTINEL => sub { silence } }),
);

test 'an address that is not confirmed',
    config => join('', map {
        location("= /$_", redis_mode => 'sentinel keys', redis_timeout => '500ms',
                 pass => $sentinel{$_}->address)
    } sort keys %sentinel),
    log => [ qr/Request refused, store_/,
             qr/is not in the role/,
             qr/did not tell its role: check that the user has \+role/,
             qr/does not tell the master "keys"/,
             qr/Redis se(?:rver|ntinel) "/ ],
    may_log => [ qr/no Redis sentinel of 1 has told the master "keys"/ ],
    sub {
        my $started = time;

        for my $name (sort keys %sentinel) {
            my $begin = time;
            km "$name: a request", { location => "/$name" },
                { reason => [ 'store_unavailable', 'store_timeout' ] }
                for 1 .. 3;
            ok(time - $begin < 20, "$name: in time");
            ok(wait_for(sub { $sentinel{$name}->count(qr/SENTINEL MASTER keys/i) }),
               "$name: the sentinel was asked");
        }

        # while it says so
        for my $line (qr/is not in the role/, qr/did not tell its role/,
                      qr/does not tell the master/)
        {
            wait_for(sub { grep { $_ =~ $line } error_log() });
        }
        sleep 1;
        is($data{$_}->count(qr/ GET /), 0, "$_: was never asked")
            for qw(replica denied garbled);
        my ($most) = sort { $b <=> $a } map { $_->count(qr/ SENTINEL /) }
                     values %sentinel;
        ok($most < 100 + 20 * (time - $started), 'no sentinel is asked all the time') or diag($most);
    };


my $behind = fake_sentinel(master => $data{replica}, other => $data{master});
my $switch = fake_sentinel(master => $data{once}, other => $data{other});

test '+switch-master',
    config => location('= /behind', redis_mode => 'sentinel keys',
                       pass => $behind->address)
        . location('= /switch', redis_mode => 'sentinel keys',
                   pass => $switch->address),
    log => [ qr/Request refused, store_unavailable/, qr/is not in the role/ ],
    sub {
        ok(wait_for(sub { $switch->count(qr/SENTINEL/)
                          && $switch->count(qr/SUBSCRIBE \+switch-master/) }),
           'asked and subscribed to when a worker starts');

        km 'not yet', { location => '/behind' }, 'store_unavailable';
        $behind->{switch}->();
        ok(wait_for(sub { post(location => '/behind')->status == 200 }),
           'a sentinel that was behind');

        km 'a master', { location => '/switch' }, { payload => 'once' };
        $switch->{switch}->();
        ok(wait_for(sub { post(location => '/switch')->json->{Payload}
                          eq 'other' }), 'another master');
        km 'another master, ever after', { location => '/switch' },
            { payload => 'other' } for 1 .. 5;
        ok(wait_for(sub { $data{once}->count(qr/^close/)
                          == $data{once}->count(qr/^accept/) }),
           'connections to the old one are closed');
    };


# one that was cut off still names who was master, and that one thinks he is
my $late = fake_sentinel(master => $data{other}, epoch => 7);
my $left = fake_sentinel(master => $data{old}, epoch => 6, hold => 'ready');

test 'a sentinel that is behind the others',
    http_config => 'upstream both { ' . join('', map { 'server ' . $_->address
        . ';' } $late, $left) . ' }',
    config => location('= /km', redis_mode => 'sentinel keys', pass => 'both'),
    may_log => [ qr/Request refused, store_|Redis server|connect\(\) failed/ ],
    sub {
        my %seen;

        # it says nothing yet; then it is the only one to be asked
        ok(wait_for(sub { (post()->json->{Payload} // '') eq 'other' }),
           'the one that is not');
        $left->release('ready');
        $late->kill;
        for (1 .. 60) {
            $seen{ post()->json->{Payload} // 'none' }++;
            sleep 0.05;
        }
        ok($left->count(qr/ SENTINEL /), 'it was asked');
        is(join(' ', sort keys %seen), 'other', 'is not believed');
    };


my @replicas = (
    [ $data{replica} ], [ $data{second} ],
    [ $data{sync} ], [ $data{connect} ], [ $data{handshake} ],
    [ $data{down}, flags => 's_down,slave' ],
    [ $data{down}, flags => 'slave,disconnected' ],
    [ $data{down}, flags => 'o_down,slave' ],
    [ $data{down}, 'master-link-status' => 'err' ],
);
my $replicas = fake_sentinel(master => $data{master},
                             replicas => \@replicas);
my $only_bad = fake_sentinel(master => $data{master},
                             replicas => [ @replicas[2 .. 8] ]);

test 'replicas',
    config => location('= /km', redis_mode => 'sentinel keys',
                       redis_read => 'replica', pass => $replicas->address)
        . location('= /bad', redis_mode => 'sentinel keys',
                   redis_read => 'replica', pass => $only_bad->address),
    log => [ qr/Redis server/ ],       # those that are not connected
    sub {
        ok(wait_for(sub { $replicas->count(qr/SENTINEL REPLICAS keys/i) }),
           'replicas are asked for');

        my $seen = sub {
            my ($location) = @_;
            my %seen;
            $seen{ post(location => $location)->json->{Payload} // 'none' }++
                for 1 .. 40;
            return join ' ', sort keys %seen;
        };

        post(location => '/km') for 1 .. 5;
        is($seen->('/km'), 'replica second', 'those that are well');
        is($seen->('/bad'), 'master', 'none is well: the master');
        is($data{$_}->count(qr/ GET /), 0, "$_: never asked")
            for qw(sync connect handshake down);
    };


# ------------------------------------------------------ credentials, TLS, errors

my $server = certificate_for(ip => [ '127.0.0.1' ], dns => [ 'localhost' ],
                             purpose => 'client,server');
my $ca = authority();
my @tls = ('--tls-ca-cert-file', $ca);

my $secret = start_sentinels(name => 'keys', tls_replication => 1,
    data => { tls => $server, args => \@tls, requirepass => 'datapw' },
    sentinel => { tls => $server, args => \@tls, requirepass => 'watchpw' });
$secret->set($RECORD => 'S');

$_->command(qw(ACL SETUSER least on >leastpw ~seal:km:* +get +role))
    for $secret->data;
$_->command(qw(ACL SETUSER watcher on >watcherpw &+switch-master
    +sentinel|get-master-addr-by-name +sentinel|master +sentinel|replicas
    +subscribe))
    for $secret->sentinels;

# the sentinels' ports without TLS
my $plain = 'upstream plain {' . join('', map { 'server ' . $_->address . ';' }
                                      $secret->sentinels) . '}';
my @data = (redis_ssl => 'on', redis_ssl_trusted_certificate => $ca,
            redis_mode => 'sentinel keys');

test 'credentials and TLS',
    http_config => $secret->pass('sentinels') . $plain,
    config => location('= /both', pass => 'sentinels', @data,
            redis_password => 'datapw', redis_sentinel_password => 'watchpw',
            redis_sentinel_ssl => 'on')
        . location('= /file', pass => 'plain', @data,
            redis_password => 'datapw',
            redis_sentinel_password_file => temp_file("watchpw\n"))
        . location('= /least', pass => 'sentinels', @data, redis_read => 'any',
            redis_user => 'least', redis_password => 'leastpw',
            redis_sentinel_user => 'watcher',
            redis_sentinel_password => 'watcherpw', redis_sentinel_ssl => 'on')
        . location('= /off', pass => 'plain', @data, redis_sentinel_ssl => 'off',
            redis_password => 'datapw', redis_sentinel_password => 'watchpw')
        . location('= /database', pass => 'plain', @data,
            redis_database => 2, redis_password => 'datapw',
            redis_sentinel_password => 'watchpw'),
    # until the failover has come to its end; who is slow may write to what is closed
    may_log => [ qr/is not in the role that a sentinel says/,
                 qr/closed the connection|SSL_write\(\) failed/,
                 qr/SEAL KM Request refused, store_/ ],
    sub {
        km "$_", { location => "/$_" }, { payload => 'S' }
            for ('both', 'file', 'off', ('least') x 6);
        km 'another database', { location => '/database' }, 'not_found';

        # a planned failover, that the least rights have to see, too
        my $old = $secret->master;
        $secret->failover;
        ok(wait_for(sub { $secret->master && $secret->master != $old }),
           'a failover');
        for my $path (qw(both file least)) {
            ok(wait_for(sub { post(location => "/$path")->status == 200 }),
               "after a failover: $path");
        }
    };

my %case = (
    'no password for the sentinels' => [ [ pass => 'plain', @data,
        redis_password => 'datapw' ], qr/wants a password/ ],
    'a wrong password for the sentinels' => [ [ pass => 'plain', @data,
        redis_password => 'datapw', redis_sentinel_password => 'Sesame99' ],
        qr/refused the credentials/ ],
    "the data's password is not the sentinels'" => [ [ pass => 'plain', @data,
        redis_password => 'datapw', redis_sentinel_password => 'datapw' ],
        qr/refused the credentials/ ],
    'no password for the data' => [ [ pass => 'plain', @data,
        redis_sentinel_password => 'watchpw' ], qr/wants a password/ ],
    'sentinels with TLS, spoken to without' => [ [ pass => 'sentinels', @data,
        redis_password => 'datapw', redis_sentinel_password => 'watchpw' ],
        qr/closed the connection|sent what is no reply|Redis server/ ],
    'sentinels without TLS, spoken TLS to' => [ [ pass => 'plain', @data,
        redis_password => 'datapw', redis_sentinel_password => 'watchpw',
        redis_sentinel_ssl => 'on', redis_connect_timeout => '300ms' ],
        qr/did not agree on TLS|SSL_do_handshake/ ],
    'data with TLS, spoken to without' => [ [ pass => 'sentinels', @data,
        redis_ssl => 'off', redis_sentinel_ssl => 'on',
        redis_password => 'datapw', redis_sentinel_password => 'watchpw' ],
        qr/closed the connection|sent what is no reply|Redis server/ ],
    'sentinels that are not verified' => [ [ pass => 'sentinels', @data,
        redis_ssl_trusted_certificate => authority('other'),
        redis_sentinel_ssl => 'on', redis_ssl => 'off',
        redis_sentinel_password => 'watchpw' ],
        qr/certificate of Redis server is not accepted/ ],
);
my @names = sort keys %case;

test 'refusals',
    http_config => $secret->pass('sentinels') . $plain,
    config => join('', map {
        location("= /$_", @{ $case{ $names[$_] }[0] }, redis_timeout => '500ms')
    } 0 .. $#names),
    log => [ qr/Request refused, store_/, qr/Redis server|SSL_|recv\(\)/,
             qr/no Redis sentinel of 3 has told the master "keys"/,
             map { $_->[1] } values %case ],
    sub {
        for my $i (0 .. $#names) {
            km "$names[$i]: a request", { location => "/$i" },
                { reason => [ 'store_unavailable', 'store_timeout' ] }
                for 1 .. 2;
        }
        for my $line (map { $_->[1] } values %case) {
            wait_for(sub { grep { $_ =~ $line } error_log() });
        }
        is((grep { /Sesame99|datapw|watchpw/ } error_log())[0], undef,
           'no password is logged');
        $_->kill for $secret->data, $secret->sentinels;
    };


# ------------------------------------------------------------- a master that fails

my @lost = (qr/refused, store_(?:unavailable|timeout)|Redis se|connect\(\) failed/);

# Kills or stops the master under load, and has it come back as $back says.
sub lose {
    my ($name, $lose, $back) = @_;
    my $old = $ha->master;
    my $traffic = traffic(\@services, rate => 150, width => 200);

    goes_on($traffic, 0.5);
    my $begin = time;
    $old->$lose;
    my $new = $ha->promoted($old);
    my $promoted = moment($traffic);
    goes_on($traffic, seconds(1.5));
    my $return = time;
    $back->($old, $new);
    goes_on($traffic, 1.5);
    my @results = $traffic->stop;

    my @failed = wrong(@results);
    my @late = map { after($promoted, $_) } @failed;
    note(sprintf '%s: promoted after %.2f s; %s; the last that failed began '
         . '%.2f s later', $name, $promoted->{time} - $begin, tally(@results),
         @late ? $late[-1] : 0);

    ok((grep { $_->{begin} > $begin } @failed), "$name: requests failed");
    is(join(' ', grep { !/^store_(?:unavailable|timeout)$/ }
            map { $_->{reason} || "status $_->{status}" } @failed), '',
       "$name: only as they may");
    ok(in_time(1, @results), "$name: each answered in time")
        or diag(worst(@results));
    ok(!(grep { $_ > seconds(1) } @late), "$name: well 1 s after it is promoted")
        or diag("@late");
    none_wrong("$name: and when it is back",
               grep { $_->{begin} > $return && !hindered($_) } @results);
    return ($old, $new);
}

test 'kill -9 of the master, that comes back empty',
    http_config => $sentinels,
    config => location('= /km', @sentinel, @second),
    log => \@lost,
    sub {
        my $was;
        my ($old, $new) = lose('kill -9', 'kill', sub {
            my ($old) = @_;
            $old->restart;
            $was = $old->command('INFO', 'replication') =~ /role:(\w+)/ && $1;
        });
        is($was, 'master', 'it came back as a master');
        is($old->calls('get'), 0, 'and was not asked');
        ok(wait_for(sub { $ha->master == $new }), 'the new one stays');
        $ha->heal;
    };

test 'a master that hangs, and comes back with what it had',
    http_config => $sentinels,
    config => location('= /km', @sentinel, @second),
    log => \@lost,
    sub {
        my $changes;
        my ($old) = lose('SIGSTOP', 'stop', sub {
            my ($old, $new) = @_;

            # what it says from now on is wrong
            km 'a record', {}, { payload => 'K' };
            $new->set($RECORD => 'later');
            $old->cont;
            $changes = join ' ', map { post()->json->{Payload} // 'none' }
                       1 .. 200;
        });
        is($changes, join(' ', ('later') x 200), 'the old value is not read');
        $ha->heal;
        $ha->set($RECORD => 'K');
    };

test 'a failover that is asked for',
    http_config => $sentinels,
    config => location('= /km', @sentinel, @second),
    log => [ qr/./ ],
    sub {
        my $old = $ha->master;
        my $traffic = traffic(\@services, rate => 150, width => 200);

        goes_on($traffic, 0.5);
        my $new = $ha->failover;
        my $promoted = moment($traffic);
        goes_on($traffic, seconds(1.5));
        my @results = $traffic->stop;
        my @failed = wrong(@results);

        note('SENTINEL FAILOVER: ' . tally(@results));
        is(join(' ', grep { !/^store_(?:unavailable|timeout)$/ }
                map { $_->{reason} || "status $_->{status}" } @failed), '',
           'a failover: failures only as they may be');
        ok(!(grep { after($promoted, $_) > seconds(1) } @failed),
           'a failover: well 1 s later');
        ok(wait_for(sub { connections($old) == 0 }),
           'no connection to the old one');
        $ha->heal;
    };

test 'sentinels that fail',
    http_config => $sentinels,
    config => location('= /km', @sentinel, @second),
    log => \@lost,
    sub {
        my ($first, @others) = $ha->sentinels;
        my $traffic = traffic(\@services, rate => 150);

        goes_on($traffic, 0.3);
        $first->kill;
        goes_on($traffic, 1.2);
        $_->kill for @others;
        goes_on($traffic, 1.5);
        none_wrong('the master is known', grep { !hindered($_) } $traffic->stop);

        $_->restart for $first, @others;
    };


# of another master, which has all epochs before it
my $fresh = start_redis();
$fresh->set($RECORD => 'anew');

test 'sentinels that are made anew',
    http_config => $sentinels,
    config => location('= /km', @sentinel),
    log => [ qr/Redis sentinels of "keys" have begun anew/ ],
    may_log => \@lost,
    sub {
        ok(wait_for(sub { post()->status == 200 }), 'the master of before');

        # one that is made anew while another still tells of the old master is
        # told of that, and believes it; so is one that finds such a message later
        my @sentinels = $ha->sentinels;
        $_->command('SENTINEL', 'REMOVE', 'keys') for @sentinels;
        $_->command('PING') for (@sentinels) x 2;
        $_->command('SENTINEL', 'MONITOR', 'keys', '127.0.0.1', $fresh->port, 2)
            for @sentinels;
        ok(wait_for(sub { (post()->json->{Payload} // '') eq 'anew' }),
           'the master that they name now');
    };


# ------------------------------------------------------------------- nginx -t

sub says {
    my ($name, $set, $pattern) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = nginx_t(config => location('= /km',
        redis_mode => 'sentinel keys', @$set));

    ok($pattern ? $status != 0 && $output =~ $pattern && $output =~ /\[emerg\]/
                : $status == 0, $name)
        or diag("status $status\n$output");
}

my %value = (sentinel_user => 'a', sentinel_password => 'b',
    sentinel_password_file => temp_file("a\n"), sentinel_ssl => 'on');

says "seal_km_redis_$_ without a value", [ "redis_$_" => '' ], qr/seal_km_redis_$_/
    for sort keys %value;
says "seal_km_redis_$_ with two values", [ "redis_$_" => "$value{$_} b" ],
    qr/seal_km_redis_$_/ for sort keys %value;
says "seal_km_redis_$_ twice", [ redis_sentinel_password => 'b',
    redis_ssl_verify => 'off', "redis_$_" => [ ($value{$_}) x 2 ] ],
    qr/seal_km_redis_$_" .*duplicate/ for sort keys %value;
says 'two passwords', [ redis_sentinel_password => 'b',
    redis_sentinel_password_file => $value{sentinel_password_file} ],
    qr/seal_km_redis_sentinel_password.*duplicate/;
says 'a user without a password', [ redis_sentinel_user => 'a' ],
    qr/seal_km_redis_sentinel_user.*seal_km_redis_sentinel_password/;
says 'no such file', [ redis_sentinel_password_file => 'no-such-file' ],
    qr/no-such-file/;
says 'sentinel_ssl yes', [ redis_sentinel_ssl => 'yes' ],
    qr/seal_km_redis_sentinel_ssl/;
says 'sentinel_ssl without a trusted certificate', [ redis_sentinel_ssl => 'on' ],
    qr/seal_km_redis_ssl_trusted_certificate/;
says 'sentinel_ssl that does not verify', [ redis_sentinel_ssl => 'on',
                                            redis_ssl_verify => 'off' ];
says 'all of it', [ redis_sentinel_ssl => 'on', redis_sentinel_user => 'a',
    redis_sentinel_password => 'b', redis_ssl_trusted_certificate => $ca,
    redis_user => 'c', redis_password => 'd', redis_database => 3 ];

run_tests();
