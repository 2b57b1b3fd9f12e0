# Memory runs out in the Redis client: while it connects and greets, asks who
# serves what, and reads replies, each allocation fails in turn. A request has the
# right answer, a 500 (ErrorCode 01), or none; nothing leaks, and the next one has
# its record.

use lib 't/lib';
use SealKM;
use SealKM::Certificates;
use SealKM::Dns;
use SealKM::Scarce;
use SealKM::Sentinel;

my $skip = scarce_nginx();
my $key = 'seal:km:v2x.example:service';

my $ca = authority();
my $redis = start_redis(tls => certificate_for(dns => [ 'localhost' ]), requirepass => 'secret');
$redis->set($key, 'KEY-MATERIAL');

my $ha = start_sentinels(name => 'keys');
$ha->set($key, 'KEY-MATERIAL');

my $large = 'x' x 50_000;
my $dns = fake_dns(localhost => [ 1, '127.0.0.1' ]);

# who sends everybody to himself, so that each request asks for the map
my ($port, $moved) = (free_port(), 0);
my $cluster = fake_redis(port => $port,
    get => sub { $moved++ % 2 ? bulk($large) : "-MOVED 1234 127.0.0.1:$port\r\n" },
    command => { CLUSTER => sub {
        return "*1\r\n*4\r\n:0\r\n:16383\r\n"
            . join '', map { "*3\r\n\$9\r\n127.0.0.1\r\n:$port\r\n\$2\r\nid\r\n" } 1, 2;
    } });

my @pass = (window => '1d');
my %set = (redis_password => 'secret', redis_database => 0, @pass);

sub killed {
    my (@servers) = @_;
    $_->command(qw(CLIENT KILL TYPE normal SKIPME yes)) for @servers;
    return;
}

my %case = (
    'a connection' => { at => '/one', before => sub { killed($redis) } },
    # what fails in a handshake may be the server's fault: a pause follows
    'with TLS' => { at => '/tls', patient => 1, before => sub { killed($redis) } },
    'by name' => { at => '/name', before => sub { killed($redis) } },
    'sentinels' => { at => '/sentinel', before => sub { killed($ha->data, $ha->sentinels) } },
    'a cluster' => { at => '/cluster', payload => $large },
);

test 'each allocation of the Redis client',
    skip => $skip,
    http_config => $ha->pass('sentinels') . "request_pool_size 112;\nconnection_pool_size 112;\n"
        . $dns->directive . "\n",
    config => location('= /one', %set, pass => $redis->address)
        . location('= /tls', %set, pass => $redis->tls_address, redis_ssl => 'on',
                   redis_ssl_trusted_certificate => $ca, redis_ssl_name => 'localhost')
        . location('= /name', %set, pass => 'localhost:' . ($redis->address =~ /(\d+)$/)[0])
        . location('= /sentinel', @pass, pass => 'sentinels', redis_mode => 'sentinel keys')
        . location('= /cluster', @pass, pass => $cluster->address, redis_mode => 'cluster'),
    may_log => [ qr/\[(?:alert|emerg|crit|error|warn)\]/ ],
    sub {
        for my $name (sort keys %case) {
            my $case = $case{$name};
            my $bytes = request(location => $case->{at}, token => { exp => time + 86400 });
            my $payload = $case->{payload} // 'KEY-MATERIAL';
            my $right = qr/^200 .*"Payload":"$payload"\}$/;

            ok(wait_for(sub { outcome($bytes) =~ $right }), "$name: without failures");

            each_fails $name,
                do => sub {
                    $case->{before}->() if $case->{before};
                    outcome($bytes);
                },
                is => sub { $_ =~ $right || says_so() },
                well => sub {
                    return outcome($bytes) =~ $right
                           || $case->{patient} && wait_for(sub { outcome($bytes) =~ $right }, 5);
                },
                least => 20,
                most => 60;
        }
    };

run_tests();
