# What Redis may answer to a GET: what becomes of the request, of those that wait
# with it, of the connection, and of the next request.

use lib 't/lib';
use SealKM;
use SealKM::Load;

my $token = mint(exp => time + 7200);

sub ask {
    my ($service) = @_;
    return request(location => '/km', token => $token,
                   body => { ServiceID => $service });
}

my $value = join '', map { chr(33 + $_ % 90) } 1 .. 3000;
$value =~ tr/"\\/x/;
my $long = 'y' x (1 << 20);

# An error is an answer: the connection stays.
my @errors = (
    (map { [ $_ => "-$_ Secret99 text\r\n", 'store_error' ] }
        qw(WRONGTYPE NOPERM ERR MOVED ASK EXECABORT OOM MISCONF READONLY
           NOSCRIPT BUSYGROUP TRYAGAIN LOADINGX NOAUTHX XNOAUTH loading)),
    (map { [ $_ => "-$_ Secret99 text\r\n", 'store_unavailable' ] }
        qw(LOADING MASTERDOWN CLUSTERDOWN NOAUTH)),
    [ 'LOADING alone'    => "-LOADING\r\n", 'store_unavailable' ],
    [ 'an error in lower case' => "-sorry\r\n", 'store_error' ],
    [ 'an error without text'  => "-\r\n", 'store_error' ],
    [ 'an error of odd bytes'  => "-\0\e[31m\xff Secret99\r\n", 'store_error' ],
    [ 'a long error'     => '-ERR ' . 'Secret99 ' x 5000 . "\r\n",
                            'store_error' ],
);

# What is neither string nor nil closes the connection.
my @others = (
    [ '+OK'              => "+OK\r\n" ],
    [ '+ alone'          => "+\r\n" ],
    [ ':1'               => ":1\r\n" ],
    [ '*0'               => "*0\r\n" ],
    [ '*1'               => "*1\r\n\$1\r\na\r\n" ],
    [ '*1 of nil'        => "*1\r\n\$-1\r\n" ],
    [ '*2 in *1'         => "*1\r\n*2\r\n\$1\r\na\r\n*0\r\n" ],
    [ 'arrays, 7 deep'   => "*1\r\n" x 7 . "\$1\r\na\r\n" ],
    [ 'arrays, 1000 deep' => "*1\r\n" x 1000 . "\$1\r\na\r\n" ],
    [ 'an array cut short' => "*3\r\n\$1\r\na\r\n" ],
    [ 'an endless array' => "*1000000000\r\n" ],
    [ 'a count of -2'    => "*-2\r\n" ],
    [ '$-2'              => "\$-2\r\n" ],
    [ '$ alone'          => "\$\r\n" ],
    [ '$x'               => "\$x\r\nabc\r\n" ],
    [ '$1a'              => "\$1a\r\na\r\n" ],
    [ '$1.5'             => "\$1.5\r\na\r\n" ],
    [ '$ 1'              => "\$ 1\r\na\r\n" ],
    [ '$99999999999999999999' => "\$99999999999999999999\r\na\r\n" ],
    [ 'a length too small' => "\$3\r\nabcdef\r\n" ],
    [ 'a length one too small' => "\$3\r\nabcd\r\n" ],
    [ 'a length one too great' => "\$4\r\nabc\r\n\$1\r\na\r\n" ],
    [ 'LF behind a string' => "\$3\r\nabc\n\n" ],
    [ 'CR behind a string' => "\$3\r\nabc\r\r" ],
    [ 'no end of a string' => "\$3\r\nabc+OK\r\n" ],
    [ 'garbage'          => "HTTP/1.1 400 Bad Request\r\n\r\n" ],
    [ 'a NUL'            => "\0" ],
    [ 'an empty line'    => "\r\n" ],
    [ 'TLS'              => "\x15\x03\x01\x00\x02\x02\x46" ],
    [ 'RESP3 true'       => "#t\r\n" ],
    [ 'RESP3 double'     => ",1.5\r\n" ],
    [ 'RESP3 big number' => "(3492890328409238509324850943850\r\n" ],
    [ 'RESP3 verbatim'   => "=8\r\ntxt:abcd\r\n" ],
    [ 'RESP3 map'        => "%1\r\n+a\r\n:1\r\n" ],
    [ 'RESP3 set'        => "~1\r\n+a\r\n" ],
    [ 'RESP3 push'       => ">2\r\n+message\r\n+x\r\n" ],
    [ 'RESP3 error'      => "!3\r\nERR\r\n" ],
    [ 'an endless line'  => '+', flood('x' x 65536) ],
    [ 'an endless error' => '-ERR ', flood('x' x 65536) ],
    [ 'an endless number' => ':', flood('1' x 65536) ],
    [ 'an endless count' => '*', flood('1' x 65536) ],
    [ 'an endless length' => '$', flood('1' x 65536) ],
    [ 'an endless string' => "\$536870912\r\n", flood('x' x 65536) ],
    [ 'a string of 17 MiB' => "\$17825792\r\n", flood('x' x 65536) ],
    [ 'the length of 17 MiB' => "\$17825792\r\na\r\n" ],
    [ '$9223372036854775807' => "\$9223372036854775807\r\na\r\n" ],
    [ 'an endless length of zeros' => '$', flood('0' x 65536) ],
    [ 'an endless length of what is no digit' => '$-', flood('x' x 65536) ],
);

my @values = (
    [ 'nil'              => bulk(undef), 'not_found' ],
    [ 'an empty string'  => bulk(''), undef ],
    [ 'a string'         => bulk('abc'), 'abc' ],
    [ 'byte by byte'     => bytewise(bulk('abcdef')), 'abcdef' ],
    [ 'nil byte by byte' => bytewise(bulk(undef)), 'not_found' ],
    [ 'CR, LF inside'    => bulk("a\r\n+OK\r\n\$-1\r\n"),
                            "a\r\n+OK\r\n\$-1\r\n" ],
    [ 'NUL inside'       => bulk("a\0b"), "a\0b" ],
    [ 'an error inside'  => bulk("-LOADING\r\n"), "-LOADING\r\n" ],
    [ 'many reads'       => bulk($value), $value ],
    [ 'in three parts'   => "\$3000\r\n", pause(0.05), substr($value, 0, 2999),
                            pause(0.05), substr($value, 2999) . "\r",
                            pause(0.05), "\n", $value ],
);

my %steps;
for (@errors, @others, @values) {
    my ($name, @steps) = @$_;
    pop @steps if !grep { $_->[0] eq $name } @others;
    die "twice: $name" if $steps{$name};
    $steps{$name} = \@steps;
}

my $fake = fake_redis(get => sub {
    my ($name) = $_[0] =~ /^seal:km:(.*):service$/;
    $name =~ s/%3A/:/g;
    $name =~ s/%25/%/g;
    return $name =~ /^first / ? (hold($name), bulk($name)) :
           @{ $steps{$name} // [ bulk($name) ] };
});

my $n = 0;

# one request with that answer, then one more; whether that had to connect
sub answered {
    my ($name, $expected) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = $fake->count(qr/^accept/);

    km $name, { body => { ServiceID => $name } }, $expected;
    my $next = 'good' . ++$n;
    km "$name: the next request", { body => { ServiceID => $next } },
        { payload => $next };
    return $fake->count(qr/^accept/) - $before;
}

my @log = (qr/SEAL KM Request refused, store_/, qr/Redis answered GET with/,
           qr/Redis server ".*" sent what is no reply/);

test 'one request',
    config => location('= /km'),
    log => \@log,
    sub {
        km 'warm', { body => { ServiceID => 'warm' } }, { payload => 'warm' };

        for (@errors) {
            is(answered($_->[0], $_->[-1]), 0, "$_->[0]: the connection stays");
        }
        for (@values) {
            my $reason = ($_->[-1] // '') eq 'not_found' ? $_->[-1] : 'ok';
            is(answered($_->[0], { reason => $reason,
                    $reason eq 'ok' ? (payload => $_->[-1]) : () }),
               0, "$_->[0]: the connection stays");
        }
        for (@others) {
            is(answered($_->[0], 'store_error'), 1,
               "$_->[0]: another connection");
        }

        my $log = join '', error_log();
        unlike($log, qr/Secret99/, 'the text of errors is not logged');
        unlike($log, qr/\e\[31m/, 'nor its odd bytes');
    };


# Three requests wait: the answer in question is the second one's.  Those that
# are answered before it are served, and those behind it share its fate.
test 'among others',
    config => location('= /km')
        . 'location = /status { stub_status; }',
    log => \@log,
    sub {
        my $i = 0;
        my @cases = (@errors[0, -5], (map { [ @$_, 'store_error' ] } @others),
                     [ 'nil', 'not_found' ]);

        for my $case (@cases) {
            my ($name, $reason) = @$case[0, -1];
            my $closes = grep { $_->[0] eq $name } @others;
            my @clients;

            for my $service ('first ' . ++$i, $name, "last $i") {
                my $before = $fake->count(qr/^command .*GET/);
                push @clients, client()->send(ask($service));
                wait_for(sub { $fake->count(qr/^command .*GET/) > $before });
            }
            $fake->release("first $i");

            is(payload($clients[0]->response), "first $i", "before: $name");
            is($clients[1]->response->header('X-Reason'), $reason, $name);
            my $last = $clients[2]->response;
            $closes ? is($last->header('X-Reason'), 'store_error',
                         "behind: $name")
                    : is(payload($last), "last $i", "behind: $name");
        }
        is(stub_status('/status')->{active}, 1, 'nobody waits');
    };


# replies that come in odd company
my $odd = fake_redis(get => sub {
    my ($name, $nth) = $_[0] =~ /^seal:km:(.*):service$/ ? ($1, $_[1]) : ();

    return $name eq 'together 1' || $name eq 'together 2' ? () :
           $name eq 'together 3' ? join('', map { bulk("together $_") } 1 .. 3) :
           $name eq 'one more'   ? bulk('one more') . bulk('wrong') :
           $name eq 'nil more'   ? bulk('nil more') . bulk(undef) :
           $name eq 'later'      ? (bulk('later'), pause(0.1), bulk('wrong')) :
           $name eq 'error later' ? (bulk($name), pause(0.1), "-ERR x\r\n") :
           $name eq 'bye'        ? (bulk('bye'), closing) :
           $name eq 'bye at once' ? closing(bulk($name)) :
           $name eq 'bye, reset' ? (bulk($name), pause(0.2), reset_) :
           $name =~ /^cut (.)/   ? ($nth > $1 ? bulk($name)
                                              : ("\$9\r\nwrong", closing)) :
           $name =~ /^reset (.)/ ? ($nth > $1 ? bulk($name)
                                              : ("\$9\r\nwrong", reset_)) :
           $name =~ /^gone (.)/  ? ($nth > $1 ? bulk($name) : closing) :
           $name eq 'big'        ? bulk($long x 15) :
                                   bulk($name);
});
my $early = fake_redis(accept => sub { bulk('wrong') });
my $early_ok = fake_redis(accept => sub { "+OK\r\n" });

test 'odd company',
    config => location('= /km', pass => $odd->address)
        . location('= /big', pass => $odd->address, redis_timeout => '31s')
        . location('= /early', pass => $early->address)
        . location('= /early-ok', pass => $early_ok->address),
    log => [ qr/SEAL KM Request refused, store_/,
             qr/Redis server ".*" sent what is no reply/,
             qr/Redis server ".*" closed the connection/ ],
    may_log => [ qr/recv\(\) failed \(104/ ],
    sub {
        my $good = 0;
        my $next = sub {
            my ($name) = @_;
            local $Test::Builder::Level = $Test::Builder::Level + 1;
            my $service = 'good' . ++$good;
            km "$name: the next request", { body => { ServiceID => $service } },
                { payload => $service };
        };
        my $closes = sub { return $odd->count(qr/^close/) };

        $next->('warm');
        my @clients;
        for my $i (1 .. 3) {
            push @clients, client()->send(ask("together $i"));
            wait_for(sub { $odd->count(qr/GET.*together $i/) });
        }
        is(payload($clients[$_ - 1]->response), "together $_",
           "three in one packet: $_") for 1 .. 3;

        for my $name ('one more', 'nil more', 'later', 'error later', 'bye',
                      'bye at once', 'bye, reset') {
            my $before = $closes->();
            km $name, { body => { ServiceID => $name } }, { payload => $name };
            ok(wait_for(sub { $closes->() > $before }), "$name: it is closed");
            $next->($name);
        }

        for my $how (qw(cut reset gone)) {
            km "$how once: asked again", { body => { ServiceID => "$how 1" } },
                { payload => "$how 1" };
            $next->($how);
            km "$how always", { body => { ServiceID => "$how 9" } },
                'store_unavailable';
            $next->($how);
            cmp_ok($odd->count(qr/GET.*$how 9/), '<=', 2, 'asked twice at most');
        }

        my $body = post(location => '/big', body => { ServiceID => 'big' })->body;
        is(length($body) - index($body, '"Payload":"'),
           length('"Payload":""}') + (15 << 20), 'a record of 15 MiB');
        ok(index($body, "\"Payload\":\"$long") > 0, 'it is there');
        $next->('big');

        for my $location (qw(/early /early-ok)) {
            for (1 .. 3) {
                my $res = post(location => $location);
                ok($res->header('X-Reason') eq 'store_error'
                   || (payload($res) // '') =~ /^record of seal/,
                   "an answer before the first question: $location");
            }
        }
    };

run_tests();
