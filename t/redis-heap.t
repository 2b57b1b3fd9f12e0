# Key material that has been delivered, or that nobody waited for any more, lies
# nowhere in the worker's memory: not in a buffer that had to grow, either.

use lib 't/lib';
use SealKM;
use SealKM::Load;

# writable memory of a process that it shares with nobody
sub memory {
    my ($pid) = @_;
    no warnings 'portable';
    my $text = '';

    open my $maps, '<', "/proc/$pid/maps" or return;
    open my $mem, '<:raw', "/proc/$pid/mem" or return;

    while (<$maps>) {
        my ($from, $to) = /^(\w+)-(\w+) rw-p/ or next;
        my $size = hex($to) - hex($from);

        # those of sanitizers and valgrind themselves are far larger
        next if $size > 256 << 20;
        sysseek $mem, hex $from, 0 or next;
        my $part;
        my $got = sysread $mem, $part, $size;
        $text .= $part if $got;
    }

    return length $text ? $text : undef;
}

sub lies_nowhere {
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($pid) = worker_pids();
    my @found;

    if (!defined memory($pid)) {
        Test::More->builder->skip('the memory of nginx is not readable');
        return;
    }

    # a request ends a moment after its response
    ok(wait_for(sub { !(@found = memory($pid) =~ /HEAP-(\d{6})-/g) }), $name)
        or diag(@found . " pieces, from $found[0] to $found[-1]");
}

# so many bytes, whose place in the record can be told
sub record {
    my ($size) = @_;
    my $text = join '', map { sprintf 'HEAP-%06d-', $_ } 0 .. $size / 12;
    return substr $text, 0, $size;
}

my $redis = start_redis();
my @sizes = map { $_ * 1000 } 1, 15, 17, 33, 40, 64, 65, 100, 120, 300;
$redis->set("seal:km:r$_:service", record($_)) for @sizes;

# in pieces, with the beginning of another answer behind it
my $pieces = fake_redis(get => sub {
    my ($key) = @_;
    my $text = bulk(record(60_000));
    return map { ($_, pause(0.01)) } unpack '(a7001)*', $text;
});
my $broken = fake_redis(get => sub {
    return (substr(bulk(record(70_000)), 0, 60_000), pause(0.1), closing);
});
# its beginning comes with the answer before it, its end when nobody waits any more
my $given_up = fake_redis(get => sub {
    my ($key) = @_;
    my $text = bulk(record(80_000));
    return $key =~ /before/ ? (hold('before'), bulk('before') . substr $text, 0, 8000)
         : $key =~ /after/ ? bulk('after')
         : (hold('end'), substr $text, 8000);
});
# what is no reply comes with the record, or instead of its end
my $spoilt = fake_redis(get => sub {
    my ($key) = @_;
    my $text = bulk(record(50_000));
    return $key =~ /behind/ ? "${text}garbage\r\n"
         : $key =~ /later/ ? ($text, pause(0.05), 'garbage', "\r\n")
         : (substr($text, 0, 40_000), pause(0.05), "\r\n" . substr($text, 40_002, -2)
            . 'xx');
});

test 'records of all sizes',
    config => location('= /km')
        . location('= /pieces', pass => $pieces->address)
        . location('= /broken', pass => $broken->address)
        . location('= /given-up', pass => $given_up->address)
        . location('= /spoilt', pass => $spoilt->address)
        . 'location = /status { stub_status; }',
    log => [ qr/closed the connection|Request refused, store_unavailable/,
             qr/sent what is no reply/ ],
    may_log => [ qr/Request refused, store_error/ ],
    sub {
        for my $size (@sizes) {
            km "$size bytes, $_", { body => { ServiceID => "r$size" } },
                { payload => record($size) } for 1, 2;
            lies_nowhere("$size bytes");
        }

        km 'in pieces', { location => '/pieces' }, { payload => record(60_000) };
        lies_nowhere('in pieces');

        my @clients = map { client()->send(request(location => '/pieces')) }
                      1 .. 5;
        is($_->response->json->{Payload}, record(60_000), 'several') for @clients;
        lies_nowhere('several, one behind another');

        km 'broken off', { location => '/broken' }, 'store_unavailable';
        lies_nowhere('broken off');

        my ($before, $client) = map {
            my $service = $_;
            my $client = client()->send(request(location => '/given-up',
                                                body => { ServiceID => $service }));
            wait_for(sub { $given_up->count(qr/GET.*$service/) });
            $client;
        } 'before', 'given-up';
        $given_up->release('before');
        is(payload($before->response), 'before', 'the answer before it');
        $_->close for $before, $client;
        ok(wait_for(sub { stub_status('/status')->{active} == 1 }), 'given up');
        $given_up->release('end');
        km 'the answer behind it', { location => '/given-up', body => { ServiceID => 'after' } },
            { payload => 'after' };
        lies_nowhere('given up');

        for my $how (qw(behind later instead)) {
            my $res = post(location => '/spoilt', body => { ServiceID => $how });
            like(payload($res) // $res->header('X-Reason'),
                 $how eq 'instead' ? qr/^store_error$/
                                   : qr/^(?:HEAP-000000-.*|store_error)$/,
                 "garbage, $how");
            ok(wait_for(sub { $spoilt->count(qr/^close/)
                              >= $spoilt->count(qr/^accept/) }),
               "$how: the connection is closed");
            lies_nowhere("garbage, $how");
        }
    };

run_tests();
