# upstream {} blocks: which server is asked, what becomes of one that fails, and
# that nginx' own balancers are told the truth about it.

use lib 't/lib';
use SealKM;
use SealKM::HTTP2;
use SealKM::Load;

use IO::Select;

my $token = mint(exp => time + 7200);

sub ask {
    my ($location, $service) = @_;
    return request(location => "/$location", token => $token,
                   body => { ServiceID => $service // 'x' });
}

# Servers that answer with their name, but for keys that say more.
sub server {
    my ($name) = @_;

    return fake_redis(get => sub {
        my ($key) = $_[0] =~ /^seal:km:(.*):service$/;

        return $key =~ /^$name-held-(.*)/ ? (hold($1), bulk($name)) :
               $key =~ /^$name-lost/      ? closing :
               $key =~ /^$name-late-lost/ ? (pause(0.05), closing) :
               $key =~ /^$name-once-lost/ ? ($_[1] > 1 ? bulk($name) : closing) :
               $key =~ /^$name-garbled/   ? "?\r\n" :
               $key =~ /^$name-mute/      ? silence :
               $key =~ /^$name-nil/       ? bulk(undef) :
               $key =~ /^$name-error-(.*)/ ? "-$1 text\r\n" :
               bulk($name);
    });
}

my %server = map { $_ => server($_) } qw(a b c);
my %at = map { $_ => $server{$_}->address } keys %server;
my @port = map { free_port() } 1 .. 8;
my @dead = map { "127.0.0.1:$_" } @port;

# a server behind each password, that takes it or not
my $refuses = fake_redis(command => { AUTH => sub { "-WRONGPASS x\r\n" } });

my (@blocks, @locations);

# an upstream of that name, and the location that uses it
sub up {
    my ($name, $block, %set) = @_;

    push @blocks, "upstream $name { $block }\n";
    push @locations, location("= /$name", pass => $name, window => '1h',
        %set,
        more => 'add_header X-Upstream "$upstream_addr" always;' . "\n"
                . ($set{more} // ''));
    return;
}

# payloads of so many requests, or their reasons
sub served {
    my ($location, $n, $service) = @_;

    return join ' ', map {
        payload($_) // $_->header('X-Reason');
    } map { load(1, [ ask($location, $service) ]) } 1 .. $n;
}

sub spread {
    my %seen;
    $seen{$_}++ for split / /, $_[0];
    return join ' ', map { "$_ $seen{$_}" } sort keys %seen;
}

# the service is held by the server; the client that waits
sub held {
    my ($location, $server, $hold) = @_;
    my $service = "$server-held-$hold";
    my $seen = sub { $server{$server}->count(qr/GET .*:$service:/) };
    my $before = $seen->();

    # a turn or two may go to others
    for (1 .. 4) {
        my $client = client()->send(ask($location, $service));
        my $answer = IO::Select->new($client->socket);
        wait_for(sub { $seen->() > $before || $answer->can_read(0) });
        return $client if $seen->() > $before;
        $client->response;
    }
    die "$server is not asked\n";
}


up 'rr',      "server $at{a}; server $at{b};";
up 'three',   "server $at{a}; server $at{b}; server $at{c};";
up 'weight',  "server $at{a} weight=3; server $at{b};";
up 'backup',  "server $at{a}; server $at{b} backup;";
up 'down',    "server $at{a} down; server $at{b};";
up 'alive',   "keepalive 4; server $at{a}; server $at{b};";
up 'alive2',  "server $at{a}; server $at{b}; keepalive 1;";
up 'zone',    "zone zone 64k; server $at{a}; server $at{b} weight=2;";
up 'least',   "least_conn; server $at{a}; server $at{b};";
up 'hash',    "hash \$seal_km_service_id; server $at{a}; server $at{b};";
up 'chash',   "hash \$seal_km_service_id consistent;
               server $at{a}; server $at{b}; server $at{c};";
up 'iphash',  "ip_hash; server $at{a}; server $at{b};";
up 'random',  "random; server $at{a}; server $at{b};";
up 'random2', "random two least_conn;
               server $at{a}; server $at{b}; server $at{c};";

test 'balancing',
    config => join('', @locations),
    http_config => join('', @blocks),
    sub {
        is(served('rr', 6), 'a b a b a b', 'round robin');
        is(spread(served('three', 9)), 'a 3 b 3 c 3', 'round robin of three');
        is(spread(served('weight', 8)), 'a 6 b 2', 'weight');
        is(spread(served('backup', 4)), 'a 4', 'backup');
        is(spread(served('down', 4)), 'b 4', 'down');
        is(served('alive', 6), 'a b a b a b', 'keepalive before');
        is(spread(served($_, 8)), 'a 4 b 4', $_) for qw(alive2);
        is(spread(served('zone', 9)), 'a 3 b 6', 'zone');

        is(spread(served('least', 4)), 'a 2 b 2', 'least_conn, idle');
        my $client = held('least', 'a', 'least');
        is(spread(served('least', 4)), 'b 4', 'least_conn, a is busy');
        $server{a}->release('least');
        is(payload($client->response), 'a', 'least_conn, a is done');
        is(spread(served('least', 4)), 'a 2 b 2', 'least_conn, idle again');

        for my $location (qw(hash chash)) {
            my @of = map { served($location, 1, "s$_") } 1 .. 24;
            my @again = map { served($location, 1, "s$_") } 1 .. 24;
            is("@again", "@of", "$location: the same server each time");
            cmp_ok(scalar(split / \d+ ?/, spread("@of")), '>', 1,
                   "$location: and not one for all");
        }
        is(scalar(split / \d+ ?/, spread(served('iphash', 6))), 1, 'ip_hash');
        like(served($_, 10), qr/^[abc]( [abc]){9}$/, $_) for qw(random random2);

        my $n = 0;
        $n += $_->count(qr/^accept/) for values %server;
        cmp_ok($n, '<=', 3, 'one connection to each server, for all');
        is(post(location => '/down')->header('X-Upstream'), $at{b},
           '$upstream_addr');
    };


@blocks = @locations = ();
my $log = temp_dir() . '/upstream.log';

up 'one-dead', "server $dead[0]; server $at{b};";
up 'never',    "server $dead[1] max_fails=0; server $at{b} max_fails=0;";
up 'fails2',   "server $dead[2] max_fails=2 fail_timeout=60s; server $at{b};";
up 'spare',    "server $dead[3]; server $at{b} backup;";
up 'returns',  "server $dead[4] fail_timeout=1s weight=100; server $at{b};";
up 'all',      "server $dead[5]; server $dead[6] backup;", more =>
   "access_log $log upstream;";
up 'both',     "server $dead[5] max_fails=0; server $dead[6] max_fails=0;";
up 'alone',    "server $dead[7] fail_timeout=60s;";
up 'refuses',  'server ' . $refuses->address . "; server $at{b};",
   redis_password => 'Sesame99';
up 'logged',   "server $dead[0] max_fails=0; server $at{b};", more =>
   "access_log $log upstream;";

test 'servers that are down',
    config => join('', @locations),
    http_config => join('', @blocks) . q(log_format upstream
        '$seal_km_reason [$upstream_addr] [$upstream_status]'
        ' [$upstream_response_time] [$upstream_bytes_received]';),
    log => [ qr/Redis server ".*" (could not be connected|refused the cred)/,
             qr/upstream server temporarily disabled/,
             qr/no live Redis servers in upstream "all"/,
             qr/SEAL KM Request refused, store_unavailable/ ],
    sub {
        is(served('one-dead', 4), 'b b b b', 'another one answers');
        is(post(location => '/one-dead')->header('X-Upstream'), $at{b},
           'and the dead one is left alone');

        my @seen = map { post(location => '/never')->header('X-Upstream') }
                   1 .. 6;
        cmp_ok(scalar(grep { /^$dead[1], $at{b}$/ } @seen), '>=', 2,
               'max_fails=0: tried in its turn');
        is(scalar(grep { /$at{b}$/ } @seen), 6, 'max_fails=0: b answers');

        @seen = map { post(location => '/fails2')->header('X-Upstream') } 1 .. 9;
        is(scalar(grep { /^$dead[2], $at{b}$/ } @seen), 2, 'max_fails=2');

        is(served('spare', 4), 'b b b b', 'the backup takes over');
        is(served('refuses', 4), 'b b b b', 'a server that refuses us');

        is(spread(served('returns', 4)), 'b 4', 'down');
        my $up = fake_redis(port => $port[4], get => sub { bulk('up') });
        ok(wait_for(sub { served('returns', 1) eq 'up' }),
           'up again: by itself, after fail_timeout');
        like(served('returns', 5), qr/up.*up/, 'up again: for good');

        is(spread(served($_, 4)), 'store_unavailable 4', "$_: nobody is there")
            for qw(all both alone);
        is(spread(served('all', 2)), 'store_unavailable 2', 'still not');

        post(location => '/logged') for 1, 2;
        my @lines;
        wait_for(sub { open my $file, '<', $log or die $!;
                       (@lines = <$file>) > 7 });
        like($lines[0], qr/^store_unavailable \[$dead[5], $dead[6]\] /,
             '$upstream_addr of those that failed');
        like($lines[1], qr/^store_unavailable \[all\] \[-\] \[\d+\.\d+\] \[0\]$/,
             'and where no server is live: the upstream, and no time');
        is(join('', grep { !/ \[(\d\d?\.\d+(, )?)+\] \[[\d, ]+\]$/ } @lines),
           '', '$upstream_response_time: what has passed');
        like(join('', @lines[-2, -1]), qr/^ok \[$dead[0], $at{b}\] \[-, -\] /m,
             '$upstream_addr of one that failed, one that answered');
    };


my $given_up = temp_dir() . '/given-up.log';

# what least_time judges by: the time of a client's patience is no server's
test 'a query whose client has left is no answer',
    config => location('= /km', pass => $at{a}, redis_timeout => '30s',
                       more => "access_log $given_up times;"),
    http_config => q(log_format times '$seal_km_reason $upstream_header_time';),
    log_level => 'info',
    sub {
        km 'an answer', { body => { ServiceID => 'x' } }, { payload => 'a' };
        my $client = client()->send(request(body => { ServiceID =>
                                                      'a-held-given-up' }));
        wait_for(sub { $server{a}->count(qr/GET .*given-up/) });
        $client->close;

        my @lines;
        wait_for(sub { open my $file, '<', $given_up or die $!;
                       (@lines = <$file>) > 1 });
        like($lines[0], qr/^ok \d/, 'an answer has its time');
        like($lines[1], qr/ -$/, 'what nobody waited for has none');
        $server{a}->release('given-up');
    };


@blocks = @locations = ();

up 'ab',     "server $at{a} max_fails=0; server $at{b} max_fails=0;";
up 'ba',     "server $at{a} max_fails=0; server $at{b} max_fails=0 backup;";
up 'single', "server $at{a};";
up 'limit',  "server $at{a} max_conns=1; server $at{b};";
up 'limits', "zone limits 64k;
              server $at{a} max_conns=1; server $at{b} max_conns=1;";
up 'hasty',  "server $at{a} max_conns=1;", redis_timeout => '1500ms';
up 'cut',    "server $at{a} max_conns=1; server $at{b} down;";

my $http2 = free_port();

test 'servers that fail later',
    config => join('', @locations),
    http_config => join('', @blocks) . 'server { ' . listen_http2($http2)
        . join('', @locations) . '}',
    log => [ qr/SEAL KM Request refused, store_/,
             qr/Redis server ".*" (closed the connection|sent what|could not)/,
             qr/Redis answered GET with the error "LOADING"/,
             qr/Redis answered GET with the error "NOPERM"/,
             qr/no live Redis servers in upstream "limits"/ ],
    may_log => [ qr/recv\(\) failed/, qr/Redis answered GET with the error/,
                 qr/answers nothing, last sent: GET/,
                 qr/no live Redis servers in upstream "(hasty|cut)"/,
                 qr/upstream server temporarily disabled/ ],
    sub {
        # one that was sent, and lost
        is(served('ba', 2, "a-$_"), 'b b', "$_: another one answers")
            for qw(lost late-lost error-LOADING error-MASTERDOWN
                   error-CLUSTERDOWN error-NOAUTH);
        like(served('ba', 1, 'a-once-lost'), qr/^[ab]$/, 'lost once');

        # a connection that died before it had answered anything backs off
        ok(wait_for(sub { served('ba', 1) eq 'a' }), 'and is back');
        is(served('ba', 2, "a-error-$_"), 'store_error store_error',
           "$_ is an answer") for qw(NOPERM WRONGTYPE ERR);
        is(served('ba', 2, 'a-nil'), 'not_found not_found', 'so is nil');
        is(served('ba', 1, 'a-garbled'), 'store_error', 'garbage is an error');
        is(served('ab', 4), 'a b a b', 'both are fine');

        is(served('single', 1, 'a-lost'), 'store_unavailable',
           'one server, which is lost');
        is(served('single', 1), 'a', 'and asked by the next');
        is(served('single', 1, 'a-error-LOADING'), 'store_unavailable',
           'one server, which is not ready');
        is(served('single', 3), 'a a a', 'is asked by the next ones');

        # places are given back, whatever happens
        my $client = held('limit', 'a', 'limit');
        is(spread(served('limit', 4)), 'b 4', 'max_conns: a is full');
        $server{a}->release('limit');
        is(payload($client->response), 'a', 'max_conns: a is done');
        is(spread(served('limit', 4)), 'a 2 b 2', 'max_conns: a has room');

        my @clients = map { held('limits', $_, "limits-$_") } qw(a b);
        is(served('limits', 2), 'store_unavailable store_unavailable',
           'max_conns: all are full');
        $clients[0]->close;
        $server{a}->release('limits-a');
        ok(wait_for(sub { served('limits', 1) eq 'a' }),
           'max_conns: one gave up');
        $server{b}->release('limits-b');
        is(payload($clients[1]->response), 'b', 'max_conns: one was answered');
        is(spread(served('limits', 4)), 'a 2 b 2', 'max_conns: both have room');

        for my $how (qw(a-lost a-garbled a-nil a-error-ERR a-error-LOADING)) {
            served('hasty', 1, $how);
            is(served('hasty', 1), 'a', "max_conns: $how gives its place back");
        }
        is(served('hasty', 2, 'a-mute'), 'store_timeout store_timeout',
           'max_conns: a timeout gives its place back');

        my $h2 = SealKM::HTTP2->new(port => $http2);
        my $id = $h2->request('/cut', $token,
                              request_body(ServiceID => 'a-held-h2'));
        wait_for(sub { $server{a}->count(qr/GET .*a-held-h2/) });
        is(served('cut', 1), 'store_unavailable', 'max_conns: a stream waits');
        $h2->rst($id);
        $server{a}->release('h2');
        ok(wait_for(sub { served('cut', 1) eq 'a' }),
           'max_conns: the stream was reset');

        my @waiting = map { held('ab', 'a', 'killed') } 1 .. 5;
        $server{a}->kill;
        is(join(' ', map { payload($_->response) } @waiting), 'b b b b b',
           'killed while requests wait: another one answers');
        is(served('ab', 4), 'b b b b', 'and those that come later');
    };

run_tests();
