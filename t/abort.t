# Clients that go away, whatever nginx is doing for them just then: no alert, no
# connection or request left behind, and the next request is fine.

use lib 't/lib';
use SealKM;
use SealKM::HTTP2;
use SealKM::Load;

use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes 'sleep';

my $token = mint(exp => time + 7200);
my $big = 'x' x (12 << 20);

my $fake = fake_redis(
    get => sub {
        my ($name) = $_[0] =~ /^seal:km:(.*):service$/;
        return $name =~ /^(held\d+)/ ? (hold($1), bulk("record of $name")) :
               $name =~ /^(half\d+)/ ? ("\$20\r\n0123", hold($1),
                                        "4567890123456789\r\n") :
               $name =~ /^(late\d+)/ ? (hold($1), bulk($big)) :
               $name eq 'big' ? bulk($big) : bulk("record of $name");
    },
    command => { AUTH => sub { (hold('auth'), "+OK\r\n") } },
);
my $redis = start_redis();

sub ask {
    my ($service, %set) = @_;
    return request(location => '/km', token => $token, via => 1,
                   body => { ServiceID => $service }, %set);
}

# the ways in which a client goes
sub reset_by {
    my ($client) = @_;
    setsockopt $client->socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    $client->close;
}

my %go = (
    close => sub { $_[0]->close },
    reset => \&reset_by,
    half  => sub { shutdown $_[0]->socket, 1 },
);

# waits until Redis has been asked for it
sub asked {
    my ($service) = @_;
    return wait_for(sub { $fake->count(qr/GET seal:km:$service:/) });
}

# the status that the access log has for a query string
sub logged_status {
    my ($mark, $n) = @_;
    my @seen;
    wait_for(sub { @seen = map { m{/km\?$mark HTTP\S+" (\d+) } } access_log();
                   @seen >= ($n // 1) });
    return join ' ', @seen;
}

# nothing is left of what has gone
sub is_calm {
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $seen;
    ok(wait_for(sub { ($seen = stub_status('/status'))->{active} == 1
                      && $seen->{writing} == 1 }), "$name: nothing is left")
        or diag("active $seen->{active}, writing $seen->{writing}");
}

sub is_fine {
    my ($name, $location) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    km "$name: the next request", { location => $location // '/km' },
        { payload => 'record of v2x.example' };
}

my $n = 0;
my $http2 = free_port();
my @at = (pass => $fake->address, redis_timeout => '100s');
my $locations = location('= /km', @at)
    . location('= /auth', @at, redis_password => 'pw')
    . location('= /hasty', @at, redis_timeout => '2s');

test 'HTTP/1.1',
    config => $locations . 'location = /status { stub_status; }',
    log => [ qr/SEAL KM Request refused, store_timeout/ ],
    may_log => [ qr/Redis server ".*" answers nothing/,
                 qr/SEAL KM Request refused, store_unavailable/ ],
    sub {
        is_fine('at first');

        # before nginx asks Redis
        my $request = ask("never$n", location => '/km?early');
        my $body = length($request) - index($request, "\r\n\r\n") - 4;
        my @cuts = (0, 1, 10, 300, -$body - 2, -$body, -$body + 1, -1);

        for my $how (qw(close reset)) {
            for my $cut (@cuts) {
                my $client = client();
                $client->send(substr $request, 0, $cut);
                sleep 0.01;
                $go{$how}->($client);
            }
        }
        is_calm('before the body is there');
        is($fake->count(qr/never/), 0, 'Redis is not asked');
        my @status = split / /, logged_status('early', 6);
        is(scalar(grep { !/^(?:400|408|499)$/ } @status), 0,
           "logged as @status");
        is_fine('before the body is there');

        # while Redis is asked
        for my $how (sort keys %go) {
            my $service = 'held' . ++$n;
            my $client = client()->send(ask($service,
                location => "/km?$how"));
            ok(asked($service), "$how: waits");
            $go{$how}->($client);
            is(logged_status($how), '499', "$how: 499");
            is_calm($how);
            $fake->release($service);
            is_fine($how);
        }

        # half of the reply is there
        for my $how (sort keys %go) {
            my $service = 'half' . ++$n;
            my $client = client()->send(ask($service,
                location => "/km?half-$how"));
            asked($service);
            sleep 0.05;
            $go{$how}->($client);
            is(logged_status("half-$how"), '499', "half of a reply, $how: 499");
            $fake->release($service);
            is_fine("half of a reply, $how");
        }

        # another request behind the first, which may hide that the client goes
        for my $how (sort keys %go) {
            my $service = 'held' . ++$n;
            my $client = client()->send(ask($service,
                location => "/km?piped-$how") . ask('second'));
            asked($service);
            $go{$how}->($client);
            $fake->release($service);
            like(logged_status("piped-$how"), qr/^(499|200)$/,
                 "pipelined, $how: " . logged_status("piped-$how"));
            $client->close;
            is_calm("pipelined, $how");
            is_fine("pipelined, $how");
        }
        my $client = client()->send(ask('first') . ask('second') . ask('third'));
        is(payload($client->response), "record of $_", "pipelined: $_")
            for qw(first second third);
        $client->close;

        # while the response is sent
        for my $how (sort keys %go) {
            my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                PeerPort => server_port()) or die $@;
            my $client = bless { socket => $socket, buffer => '' },
                'SealKM::Client';
            $client->send(ask('big'));
            sysread $socket, my $some, 100;
            $go{$how}->($client);
            $client->close;
            is_fine("a large response, $how");
        }
        is_calm('a large response');

        # many at once, before and after Redis answers
        for my $round (1 .. 5) {
            my $name = 'held' . ++$n;
            my @clients = map { client()->send(ask("$name-$_")) } 1 .. 30;
            asked("$name-30");
            $go{ (sort keys %go)[$_ % 3] }->($clients[$_])
                for grep { $_ % 4 } 0 .. 29;
            $fake->release($name) if $round % 2;
            $_->close for @clients[ grep { $_ % 4 && $_ % 3 == 1 } 0 .. 29 ];
            $fake->release($name);
            my $wrong = grep { (payload($clients[$_]->response) // '')
                               ne "record of $name-" . ($_ + 1) }
                        grep { $_ % 4 == 0 } 0 .. 29;
            is($wrong, 0, "many, $round: those that stayed are served");
            $_->close for @clients;
        }
        is_calm('many');
        is_fine('many');

        # a timeout first, then the client
        my $service = 'held' . ++$n;
        $client = client()->send(ask($service, location => '/hasty'));
        is($client->response->header('X-Reason'), 'store_timeout', 'timeout');
        $client->close;
        $fake->release($service);

        # its connection was silent for as long, and may be given up for that
        ok(wait_for(sub { post(location => '/hasty')->status == 200 }),
           'timeout: the next request');

        # Redis has not taken the password yet
        my @clients = map { client()->send(ask('x', location => '/auth')) }
                      1 .. 5;
        wait_for(sub { $fake->count(qr/ AUTH /) });
        $go{$_ % 2 ? 'close' : 'reset'}->($clients[$_]) for 1 .. 4;
        $fake->release('auth');
        is(payload($clients[0]->response), 'record of x', 'AUTH: who stayed');
        $clients[0]->close;
        is_fine('AUTH', '/auth');
        is_calm('AUTH');

        is_calm('before the last one');
        my $sockets = sockets(worker_pids());
        is_fine('at last');
        ok(wait_for(sub { sockets(worker_pids()) <= $sockets }),
           'no socket is left') or diag(sockets(worker_pids()), " of $sockets");
    };


# in MiB, what the process has had at most
sub peak {
    my ($pid) = worker_pids();
    open my $file, '<', "/proc/$pid/status" or return 0;
    my ($n) = join('', <$file>) =~ /^VmHWM:\s+(\d+)/m;
    return $n / 1024;
}

# it is thrown away while it is read
test 'a record of megabytes that comes when nobody waits for it',
    skip => $ENV{TEST_NGINX_USE_VALGRIND} && 'it has memory of its own',
    config => $locations . 'location = /status { stub_status; }',
    sub {
        is_fine('at first');
        my $before = peak();

        my $service = 'late' . ++$n;
        my $client = client()->send(ask($service, location => '/km?late'));
        ok(asked($service), 'Redis is asked');
        $client->close;
        is(logged_status('late'), '499', 'the client has gone');
        $fake->release($service);

        # answered behind it, on the same connection
        is_fine('late');
        cmp_ok(peak() - $before, '<', 4, 'of 12 MiB nothing is kept');
    };


# Nobody is left to wait for a Redis that is not there.
test 'while Redis cannot be reached',
    config => location('= /km', pass => $redis->address, redis_timeout => '100s')
        . 'location = /status { stub_status; }',
    may_log => [ qr/Redis server ".*" (closed|could not be)|recv\(\) failed/,
                 qr/SEAL KM Request refused, store_unavailable/ ],
    sub {
        $redis->set('seal:km:v2x.example:service', 'record of v2x.example');
        is_fine('at first');

        for my $round (1 .. 3) {
            $redis->stop;
            my @clients = map { client()->send(ask('x')) } 1 .. 10;
            taken();
            $_->close for @clients[0 .. 4];
            reset_by($_) for @clients[5 .. 8];
            is_calm_but_one();
            $round == 3 ? $redis->kill : $redis->cont;
            my $reason = $clients[9]->response->header('X-Reason');
            is($reason, $round == 3 ? 'store_unavailable' : 'not_found',
               "round $round: who stayed");
            $clients[9]->close;
            is_calm("round $round");
        }
        $redis->restart;
        $redis->set('seal:km:v2x.example:service', 'record of v2x.example');
        ok(wait_for(sub { (payload(post()) // '') =~ /^record/ }), 'again');
    };

sub is_calm_but_one {
    ok(wait_for(sub { stub_status('/status')->{active} == 2 }),
       'those that went are gone');
}


# The first packet has all of the request, so that nginx, which does not expect
# anything more, has not even asked to be told of an end.
my $deferred = free_port();

test 'a request that is there when the connection is accepted',
    config => 'location = /status { stub_status; }' . location('= /km', @at),
    http_config => "server { listen 127.0.0.1:$deferred deferred;\n"
        . location('= /km', @at) . '}',
    sub {
        for my $how (qw(close reset)) {
            my $service = 'held' . ++$n;
            my $client = client(port => $deferred)->send(
                ask($service, location => "/km?deferred-$how"));
            ok(asked($service), "$how: waits");
            $go{$how}->($client);
            is(logged_status("deferred-$how"), '499', "$how: 499");
            $fake->release($service);
            is_fine($how);
        }
    };


test 'HTTP/2',
    config => 'location = /status { stub_status; }' . $locations,
    http_config => 'server { ' . listen_http2($http2) . $locations . '}',
    sub {
        my $served = sub {
            my ($h2, $id, $service) = @_;
            return ($h2->response($id) // '')
                   =~ /"Payload":"record of \Q$service\E"/;
        };
        my $h2 = SealKM::HTTP2->new(port => $http2);
        my $open = sub {
            my ($service, $location) = @_;
            return $h2->request($location // '/km', $token,
                                request_body(ServiceID => $service));
        };

        # streams that are reset while they wait
        my $hold = 'held' . ++$n;
        my @ids = map { $open->("$hold-$_") } 1 .. 20;
        ok(asked("$hold-20"), 'they wait');
        $h2->rst($ids[$_]) for grep { $_ % 2 } 0 .. 19;
        ok($served->($h2, $open->('other', '/hasty'), 'other'),
           'another stream is served meanwhile');
        $fake->release($hold);
        is(scalar(grep { $served->($h2, $ids[$_], "$hold-" . ($_ + 1)) }
                  grep { $_ % 2 == 0 } 0 .. 19), 10, 'those that stayed');
        is(scalar(grep { m{POST /km HTTP/2.0" 499 } } access_log()), 10,
           'the others: 499');

        # a stream that is reset at once, or before its body has come
        for (1 .. 10) {
            $h2->rst($open->('quick'));
        }
        ok($served->($h2, $open->('after'), 'after'), 'reset at once');

        # the connection goes with all that waits on it
        $hold = 'held' . ++$n;
        $open->("$hold-$_") for 1 .. 10;
        asked("$hold-10");
        $h2->close;
        is_calm('the connection is closed');
        $fake->release($hold);
        is_fine('the connection is closed');

        $h2 = SealKM::HTTP2->new(port => $http2);
        $hold = 'half' . ++$n;
        $open->("$hold-$_") for 1 .. 5;
        asked("$hold-5");
        reset_by($h2->{client});
        is_calm('the connection is reset');
        $fake->release($hold);
        is_fine('the connection is reset');
    };

run_tests();
