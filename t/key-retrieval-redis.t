# Key retrieval from each kind of Redis, through a reload, and for clients that go
# away.

use lib 't/lib';
use SealKM;
use SealKM::Certificates;
use SealKM::Cluster;
use SealKM::Load;
use SealKM::Retrieval;
use SealKM::Sentinel;

my $RECORD = 'seal:km:v2x.example:service';

my $ca = authority();
my $secure = start_redis(tls => certificate_for(cn => 'redis',
                                                ip => [ '127.0.0.1' ]));
my $ha = start_sentinels(name => 'keys');
my $cluster = start_cluster();
my %service = map { +"s$_" => "seal:km:s$_:service" } 0 .. 19;

$secure->set($RECORD, 'over TLS');
$ha->set($RECORD => 'of the master');
$cluster->set(map { $service{$_} => "record of $_" } keys %service);

my $fake = fake_redis(get => sub {
    $_[0] =~ /:(held\d*):/ ? (hold($1), bulk("record of $1")) : bulk('K');
});


test 'TLS, Sentinel and Cluster',
    http_config => $ha->pass('sentinels') . $cluster->pass('seeds'),
    config => key_records('= /tls', pass => $secure->tls_address,
                  redis_ssl => 'on', redis_ssl_trusted_certificate => $ca)
        . key_records('= /sentinel', pass => 'sentinels',
                  redis_mode => 'sentinel keys')
        . key_records('= /cluster', pass => 'seeds', redis_mode => 'cluster'),
    sub {
        kir 'TLS', { location => '/tls' }, { key => 'over TLS' };
        kir 'Sentinel', { location => '/sentinel' }, { key => 'of the master' };
        kir "Cluster: $_", { location => '/cluster', query => "val-service-id=$_" },
            { service => $_, key => "record of $_" } for sort keys %service;
        kir 'Cluster: none', { location => '/cluster' }, 'not_found';
    };


my $token = mint(exp => time + 7200);

sub ask {
    return client()->send(kir_request(via => 1, token => $token,
                                      query => "val-service-id=$_[0]"));
}

sub asked {
    my ($service) = @_;
    return wait_for(sub { $fake->count(qr/GET seal:km:$service:/) });
}

test 'clients that go, and one that sends on while it waits',
    config => key_records(pass => $fake->address, redis_timeout => '100s')
        . 'location = /status { stub_status; }',
    sub {
        my $client = ask('held1');
        ok(asked('held1'), 'Redis is asked');
        $client->close;
        ok(wait_for(sub { stub_status('/status')->{active} == 1 }),
           'nothing is left of who has gone');
        $fake->release('held1');
        kir 'the next request', { token => $token }, { key => 'K' };

        # some of a body that is discarded, before the answer and behind it
        my ($head, $body) = split /(?<=\r\n\r\n)/,
            kir_request(via => 1, token => $token, body => 'x' x 200_000,
                        query => 'val-service-id=held2'), 2;
        $client = client()->send($head . substr $body, 0, 1000);
        ok(asked('held2'), 'Redis is asked');
        $client->send(substr $body, 1000, 150_000);
        $fake->release('held2');
        is_kir 'the answer', $client->response, {},
            { service => 'held2', key => 'record of held2' };
        $client->send(substr $body, 151_000);
        kir 'the same connection', { via => $client, token => $token },
            { key => 'K' };

        # all of it before the answer: nothing is told of it any more
        $client = client()->send($head =~ s/held2/held3/r);
        ok(asked('held3'), 'Redis is asked');
        $client->send($body . kir_request(via => 1, token => $token));
        $fake->release('held3');
        is_kir 'the answer', $client->response, {},
            { service => 'held3', key => 'record of held3' };
        is_kir 'the request behind the body', $client->response, {},
            { key => 'K' };
    };


test 'a reload',
    master => 1,
    config => key_records(pass => $fake->address, redis_timeout => '100s'),
    sub {
        my $client = ask('held4');
        ok(asked('held4'), 'Redis is asked');
        my @old = reload();
        kir 'of the new worker', { token => $token }, { key => 'K' };
        $fake->release('held4');
        is_kir 'of the old one', $client->response, {},
            { service => 'held4', key => 'record of held4' };
        $client->close;
        ok(gone(@old), 'which is gone then');
    };


run_tests();
