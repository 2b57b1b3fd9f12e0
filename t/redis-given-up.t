# A server that was given up while requests wait at it: a former master, or the
# former master of a slot.  It may come back empty, and then says not_found of
# all: nothing is asked of it any more, not even what was asked before.

use lib 't/lib';
use SealKM;

sub array { return '*' . @_ . "\r\n" . join '', @_ }
sub words { return array(map { bulk($_) } @_) }

# a master that is asked for one of these is silent until released, and then
# closes; who asks again finds it empty
sub master {
    my ($value, %opts) = @_;
    return fake_redis(
        get => sub {
            my ($key, $nth) = @_;
            return bulk($value) if $key !~ /:hang/;
            return $nth == 1 && !$opts{alive} ? (hold('die'), closing)
                 : bulk($opts{alive} ? $value : undef);
        },
        command => {
            ROLE => sub {
                return (map({ hold($_) } $opts{role} // ()),
                        array(bulk('master'), ":5\r\n", "*0\r\n"));
            },
            %{ $opts{command} // {} },
        });
}

# a flag that a test sets, and its fakes see
sub flag {
    my ($path) = temp_dir() . '/flag' . free_port();
    return (sub { -e $path }, sub { open my $file, '>', $path or die $! });
}

sub sentinel {
    my ($switched, $old, $new) = @_;
    return fake_redis(command => {
        SENTINEL => sub {
            my ($what) = @_;
            my @at = ('127.0.0.1', ($switched->() ? $new : $old)->port);
            return array() if uc $what eq 'REPLICAS';
            return words(@at) if uc $what ne 'MASTER';
            return words(name => 'keys', ip => $at[0], port => $at[1],
                         flags => 'master',
                         'config-epoch' => $switched->() ? 2 : 1);
        },
        SUBSCRIBE => sub { map { array(bulk('subscribe'), bulk($_), ":1\r\n") }
                           @_ },
    });
}

sub waiting { return client()->send(request(@_)) }

sub payload { return $_[0]->json->{Payload} // $_[0]->header('X-Reason') }

# till requests are answered by the new one
sub becomes {
    my ($name, $value, @set) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $seen;
    ok(wait_for(sub { ($seen = payload(post(@set))) eq $value }), $name)
        or diag($seen);
}

# What hangs on one connection leaves the other one free, once that is there.
sub both {
    my ($fake) = @_;
    wait_for(sub { $fake->count(qr/ CLIENT SETNAME /) >= 2 })
        or die "one connection\n";
    post() for 1 .. 4;
}

sub asked { my ($fake, $key) = @_; return $fake->count(qr/ GET .*:$key:/) }

my @slow = (redis_connections => 2);
my @log = (log => [ qr/closed the connection/ ]);

# a connection that a new map takes out may be closed before it is lost
my @may_log = (may_log => [ qr/closed the connection/ ]);


my ($switched, $switch) = flag();
my ($old, $new) = (master('old'), master('new', alive => 1));
my $sentinel = sentinel($switched, $old, $new);

test 'a master that dies after another one was named',
    config => location('= /km', @slow, redis_mode => 'sentinel keys',
                       pass => $sentinel->address),
    @may_log,
    sub {
        km 'the old one', {}, { payload => 'old' };
        both($old);
        my $client = waiting(body => { ServiceID => 'hang' });
        ok(wait_for(sub { asked($old, 'hang') == 1 }), 'it is asked');

        $switch->();
        becomes('another one is named', 'new');
        $old->release('die');
        is(payload($client->response), 'new', 'what it was asked the other is');
        is(asked($old, 'hang'), 1, 'and the old one is asked no more');
    };


my ($role_switched, $role_switch) = flag();
my ($opening, $other) = (master('old', role => 'role'),
                         master('new', alive => 1));
my $names = sentinel($role_switched, $opening, $other);

test 'a connection that is not ready when another master is named',
    config => location('= /km', @slow, redis_mode => 'sentinel keys',
                       pass => $names->address),
    sub {
        my @clients = map { waiting() } 1 .. 3;
        ok(wait_for(sub { $opening->count(qr/ ROLE /) }), 'it is opening');
        $role_switch->();

        # while it is, and not only thereafter
        is(payload($_->response), 'new', 'those that wait go to the other one')
            for @clients;
        km 'so do those that come', {}, { payload => 'new' };
        $opening->release('role');
        ok(wait_for(sub { $opening->count(qr/^close/) }), 'it is closed');
        is($opening->count(qr/ GET /), 0, 'and was never asked');
    };


# all slots, of one node
sub slots {
    my ($node) = @_;
    return array(array(":0\r\n", ":16383\r\n",
        array(bulk('127.0.0.1'), ':' . $node->port . "\r\n", bulk('x' x 40))));
}

my ($moved, $move) = flag();
my ($from, $to);
$to = master('to', alive => 1, command => { CLUSTER => sub { slots($to) } });
my $port = free_port();
$from = fake_redis(port => $port,
    get => sub {
        my ($key, $nth) = @_;
        return '-MOVED 1 ' . $to->address . "\r\n" if $key =~ /:moved/;
        return bulk('from') if $key !~ /:hang/;
        return $nth == 1 ? (hold('die'), closing) : bulk(undef);
    },
    command => { CLUSTER => sub {
        return $moved->() ? slots($to) : array(array(":0\r\n", ":16383\r\n",
            array(bulk('127.0.0.1'), ":$port\r\n", bulk('y' x 40))));
    } });

test 'a node whose slots have moved',
    config => location('= /km', @slow, redis_mode => 'cluster',
                       pass => $from->address),
    @may_log,
    sub {
        km 'before', {}, { payload => 'from' };
        both($from);
        my $client = waiting(body => { ServiceID => 'hang' });
        ok(wait_for(sub { asked($from, 'hang') == 1 }), 'it is asked');

        $move->();
        km 'moved', { body => { ServiceID => 'moved' } }, { payload => 'to' };
        becomes('all of them', 'to');
        $from->release('die');
        is(payload($client->response), 'to', 'what it was asked the other is');
        is(asked($from, 'hang'), 1, 'and the former one is asked no more');
    };

run_tests();
