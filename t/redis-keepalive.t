# An upstream with "keepalive" that another module uses too: its balancer hands
# out connections of that module's, which speak something else than ours do.

use lib 't/lib';
use SealKM;
use SealKM::Certificates;
use SealKM::TlsFront;

# One that speaks memcached and HTTP as well.  What it has answered those stays
# open until it is released.
my $stay = 0;

sub server {
    my ($name) = @_;

    return fake_redis(
        get => sub {
            my ($key) = @_;
            my $hold = hold($key =~ s/\W//gr);

            return $key =~ /^mc/ ? ("END\r\n", $hold, closing) :
                   $key =~ /^\// ? ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
                                    . "\r\nweb", $hold, closing) :
                   bulk($name);
        },
        # a header line looks like a command
        command => { 'HOST:' => sub { '' } });
}

my %server = map { $_ => server($_) } qw(a b c d);
my %at = map { $_ => $server{$_}->address } keys %server;

my $ca = authority();
my $front = tls_front($server{d}->port, certificate_for(ip => [ '127.0.0.1' ]));

sub get {
    my ($path) = @_;
    my $client = client();

    $client->send("GET $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return $client->response->status;
}

# a connection of the server's that is open, and not ours
sub idle { return $server{ $_[0] }->count(qr/^accept/)
                  - $server{ $_[0] }->count(qr/^close/) - $_[1] }

my $upstreams = <<"END";
upstream one { server $at{a}; keepalive 8; }
upstream two { server $at{b} max_fails=1; server $at{c} max_fails=1;
               keepalive 8; }
upstream tls { server @{[ $front->address ]}; keepalive 8; }
END

my $config = join '',
    (map { location("= /$_", pass => $_) } qw(one two)),
    location('= /tls', pass => 'tls', redis_ssl => 'on',
             redis_ssl_trusted_certificate => $ca),
    (map { "location /mc/$_ { set \$memcached_key mc\$arg_n;
                              memcached_pass $_; }
            location /web/$_ { proxy_pass http://$_/web\$arg_n;
                               proxy_pass_request_headers off;
                               proxy_set_header Connection '';
                               proxy_http_version 1.1; }\n" } qw(one two)),
    'location /web/tls { proxy_pass https://tls/webtls;
                         proxy_pass_request_headers off;
                         proxy_set_header Connection "";
                         proxy_http_version 1.1; }';

test 'connections that another module has kept alive',
    http_config => $upstreams,
    config => $config,
    may_log => [ qr/key: "mc\d*" was not found by memcached/ ],
    sub {
        for my $n (1 .. 3) {
            is(get("/mc/one?n=$n"), 404, "memcached $n");
            is(idle('a', $n > 1), 1, "memcached $n: it is kept alive");
            km "memcached $n: the record is asked for on a connection of ours",
                { location => '/one' }, { payload => 'a' };
            ok(wait_for(sub { idle('a', 1) == 0 }),
               "memcached $n: its connection is closed");

            # what is closed by the other side now has nobody to hear of it
            $server{a}->release("mc$n");
            km "memcached $n: once more", { location => '/one' },
                { payload => 'a' };
        }

        is(get('/web/one?n='), 200, 'HTTP');
        km 'HTTP: the record', { location => '/one' }, { payload => 'a' };
        ok(wait_for(sub { idle('a', 1) == 0 }), 'HTTP: it is closed');
        $server{a}->release('web');
        km 'HTTP: once more', { location => '/one' }, { payload => 'a' };

        is(get('/mc/one?n=9'), 404, 'memcached is served as ever');
        is($server{a}->count(qr/^accept/), 1 + 3 + 1 + 1,
           'ours was one connection all the time');

        # each server has one of memcached's
        is(get('/mc/two?n=1'), 404, 'two servers') for 1, 2;
        my %seen;
        for (1 .. 4) {
            my $res = post(location => '/two');
            $seen{ ($res->body =~ /"Payload":"(\w)"/)[0] // 'none' }++;
        }
        is(join(' ', map { "$_ $seen{$_}" } sort keys %seen), 'b 2 c 2',
           'two servers: none of them has failed');
        $server{$_}->release('mc1') for qw(b c);
        km 'two servers: once more', { location => '/two' },
            { payload => $_ } for qw(b c);

        is(get('/web/tls'), 200, 'HTTP over TLS');
        km 'HTTP over TLS: the record', { location => '/tls' },
            { payload => 'd' };
        ok(wait_for(sub { idle('d', 1) == 0 }), 'HTTP over TLS: it is closed');
        $server{d}->release('webtls');
        km 'HTTP over TLS: once more', { location => '/tls' },
            { payload => 'd' };
    };


test 'a worker that exits with connections that another module has kept alive',
    master => 1,
    http_config => $upstreams =~ s/keepalive 8;/keepalive 1; /gr,
    config => $config,
    may_log => [ qr/key: "mc\d*" was not found by memcached/ ],
    sub {
        is(get('/mc/one?n=exit'), 404, 'memcached');
        km 'the record', { location => '/one' }, { payload => 'a' };
        is(get('/mc/one?n=exit'), 404, 'memcached again');
    };

run_tests();
