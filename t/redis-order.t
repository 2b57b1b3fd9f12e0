# No reply ever reaches another request than its own.  Each record names its
# key, and every payload is compared.

use lib 't/lib';
use SealKM;
use SealKM::HTTP2;
use SealKM::Load;

my $token = mint(exp => time + 7200);
my @at = (window => '1h');    # requests are written long before they are sent

sub ask {
    my ($service, $location) = @_;
    return request(location => $location // '/km', token => $token, via => 1,
                   body => { ServiceID => $service });
}

# How the responses to requests for these services came out: reasons with their
# number.  "WRONG" is a payload that is not the record of that service.
sub outcome {
    my ($services, @responses) = @_;
    my %seen;

    for my $i (0 .. $#$services) {
        my $res = $responses[$i];
        my $reason = $res ? $res->header('X-Reason') : 'closed';
        my $payload = payload($res);
        $reason = 'WRONG' if $reason eq 'ok' ? ($payload // '') ne
            "record of seal:km:$services->[$i]:service" : defined $payload;
        $seen{$reason}++;
    }
    return \%seen;
}

# all of them are ok, or some are one of these reasons
sub is_right {
    my ($name, $services, $responses, @or) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $seen = outcome($services, @$responses);
    my @bad = grep { my $reason = $_; !grep { $_ eq $reason } 'ok', @or }
              keys %$seen;

    ok(!@bad && ($seen->{ok} || !@$services), "$name: "
       . join ', ', map { "$seen->{$_} $_" } sort keys %$seen);
    return $seen;
}

my @log = (log_level => 'info',
           may_log => [ qr/SEAL KM Request refused, store_/,
                        qr/Redis server ".*" (closed the|could not be written)/,
                        qr/recv\(\) failed|send\(\) failed/ ]);


# a real Redis, many clients, connections cut down again and again
my $redis = start_redis();
my $records = 1500;
$redis->command('MSET', map { my $key = "seal:km:s$_:service";
                              ($key => "record of $key") } 1 .. $records);

test 'many clients',
    config => location('= /km', @at)
        . location('= /three', @at, redis_connections => 3),
    @log,
    sub {
        for my $location (qw(/km /three)) {
            my @services = map { 's' . (1 + int rand $records) } 1 .. 2000;
            is_right("64 clients, $location", \@services,
                     [ load(64, [ map { ask($_, $location) } @services ]) ]);
        }

        my @services = map { 's' . (1 + int rand $records) } 1 .. 2000;
        is_right('connections killed', \@services,
            [ load(64, [ map { ask($_, '/three') } @services ], sub {
                $redis->command(qw(CLIENT KILL TYPE normal)) if $_[0] % 50 == 0;
            }) ], 'store_unavailable');
    };


# Replies come late, in pieces, or not at all.
my $late = fake_redis(get => sub {
    my ($key, $nth) = @_;
    my $record = bulk("record of $key");
    my ($how, $n) = $key =~ /^seal:km:([a-z]+)(\d*)/;

    return $how eq 'slow'   ? (pause(0.8), $record) :
           $how eq 'pieces' ? bytewise($record) :
           $how eq 'halves' ? (substr($record, 0, 9), pause(0.002),
                               substr($record, 9)) :
           $how eq 'held'   ? (hold('all'), $record) :
           $how eq 'heldmore' ? (hold('more'), $record) :
           $how eq 'cut'    ? ($nth == 1 ? (substr($record, 0, 12), closing)
                                         : $record) :
           $how eq 'reset'  ? ($nth == 1 ? reset_ : $record) :
           $how eq 'bad'    ? "\$3\r\nabcdef\r\n" :
           $how eq 'error'  ? "-ERR $n\r\n" :
           $how eq 'nil'    ? bulk(undef) : $record;
});

my $http2 = free_port();

test 'late replies',
    http_config => 'server { ' . listen_http2($http2)
        . location('= /patient', pass => $late->address, @at,
                   redis_timeout => '100s') . '}',
    config => location('= /km', pass => $late->address, @at)
        . location('= /hasty', pass => $late->address, @at,
                   redis_timeout => '500ms', redis_connections => 2)
        . location('= /patient', pass => $late->address, @at,
                   redis_timeout => '100s'),
    log_level => 'info',
    log => [ qr/SEAL KM Request refused, store_/ ],
    may_log => [ qr/Redis server ".*" (closed|could not be w|sent what|answers n)/,
                 qr/recv\(\) failed|send\(\) failed/,
                 qr/Redis answered GET with the error "ERR"/ ],
    sub {
        my $n = 0;
        my $some = sub { return map { $_ . ++$n } @_ };

        my @services = $some->((qw(a b halves c d halves e f g pieces)) x 30);
        is_right('in pieces', \@services,
                 [ load(20, [ map { ask($_) } @services ]) ]);

        # what times out leaves its reply behind, or ends the connection that
        # was silent for so long
        @services = $some->((qw(slow a b c d e f g h)) x 8);
        my $seen = is_right('timeouts', \@services,
            [ load(9, [ map { ask($_, '/hasty') } @services ]) ],
            'store_timeout', 'store_unavailable');
        ok($seen->{store_timeout}, 'some time out');

        @services = $some->((qw(a b c d)) x 25);
        ok(wait_for(sub {
            !grep { $_->header('X-Reason') ne 'ok' }
                 load(10, [ (ask('a', '/hasty')) x 20 ]) }),
           'all that was late is dropped');
        is_right('after them', \@services,
                 [ load(10, [ map { ask($_, '/hasty') } @services ]) ],
                 'store_timeout', 'store_unavailable');

        # of what is asked at once, some is lost, some is garbled
        for my $round (1 .. 10) {
            @services = $some->(qw(a b cut c d), $round % 2 ? 'reset' : 'error',
                                qw(e nil f g bad h i));
            my @clients = at_once(map { ask($_) } @services);
            is_right("cut off, $round", \@services,
                     [ map { $_->response } @clients ], 'store_error',
                     'store_unavailable', 'not_found');
        }
        @services = $some->((qw(a cut b reset c halves error nil)) x 40);
        is_right('cut off, many', \@services,
            [ load(20, [ map { ask($_) } @services ]) ], 'store_error',
            'store_unavailable', 'not_found');

        # replies that are held: every other request gives up meanwhile
        my (@stay, @expected);
        for my $i (1 .. 100) {
            my $service = 'held' . ++$n;
            my $client = client()->send(ask($service, '/patient'));
            if ($i % 2) {
                push @stay, $client;
                push @expected, $service;
            } else {
                wait_for(sub { $late->count(qr/GET seal:km:$service:/) });
                $client->close;
            }
        }
        my @new = $some->(('b') x 50);
        my @more = map { client()->send(ask($_, '/patient')) } @new;
        wait_for(sub { $late->count(qr/GET seal:km:$new[-1]:/) });
        $late->release('all');
        is_right('held, others gave up', [ @expected, @new ],
                 [ map { $_->response } @stay, @more ]);

        # the same with streams
        my $h2 = SealKM::HTTP2->new(port => $http2);
        my @ids = map { my $service = 'heldmore' . ++$n;
            [ $service, $h2->request('/patient', $token,
                                     request_body(ServiceID => $service)) ]
        } 1 .. 100;
        wait_for(sub { $late->count(qr/GET seal:km:heldmore$n:/) });
        $h2->rst($_->[1]) for grep { $_->[1] % 4 == 1 } @ids;
        push @ids, map { my $service = 'b' . ++$n;
            [ $service, $h2->request('/patient', $token,
                                     request_body(ServiceID => $service)) ]
        } 1 .. 20;
        $late->release('more');
        my $wrong = grep { my ($service, $id) = @$_;
            ($h2->response($id) // '') !~
                /"Payload":"record of seal:km:$service:service"/
        } grep { $_->[1] % 4 != 1 || $_->[0] =~ /^b/ } @ids;
        is($wrong, 0, 'held, streams were reset');
    };


# Two servers, of which one loses what it is asked: the other one's reply.
my @two = map { my $name = $_; fake_redis(get => sub {
    my ($key, $nth) = @_;
    return $key =~ /lost\d*:/ && $name eq 'a' ? closing :
           $key =~ /stuck\d*:/ && $name eq 'a'
               ? (pause(0.02), "\$40\r\nrec", closing) :
               bulk("record of $key");
}) } qw(a b);

test 'the reply of another server',
    config => location('= /km', @at, pass => 'two'),
    http_config => 'upstream two { '
        . join('', map { 'server ' . $_->address . ' max_fails=0; ' } @two) . '}',
    log_level => 'info',
    log => [ qr/closed the connection/ ],
    may_log => [ qr/SEAL KM Request refused, store_unavailable/,
                 qr/Redis server ".*" could not be written/,
                 qr/recv\(\) failed|send\(\) failed/ ],
    sub {
        my $n = 0;
        my @services = map { $_ . ++$n } (qw(a b lost c d stuck e f)) x 50;
        is_right('lost at one of two', \@services,
                 [ load(16, [ map { ask($_) } @services ]) ],
                 'store_unavailable');
        cmp_ok($two[1]->count(qr/GET.*(?:lost|stuck)/), '>', 0, 'the other one is asked');
    };

run_tests();
