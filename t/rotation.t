# A SIM-S rotates its keys without asking: what clients see of it.

use lib 't/lib';
use SealKM;
use SealKM::JwksServer;
use SealKM::KeyFile;
use SealKM::Load;
use SealKM::Watch;

use Time::HiRes 'sleep';

Test::Nginx::Util::log_level('notice');
Test::Nginx::Util::add_block_preprocessor(sub {
    Test::Nginx::Util::workers($_[0]->workers || 1);
});

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });
my $zone = "seal_km_zone name=keys 1m;\n";
my $port = free_port();

# keys of both kinds of source change alike: a file, and a SIM-S
my $file = SealKM::KeyFile->new('rsa');
my $sims = SealKM::JwksServer->start('rsa');

my %source = (
    file    => sub { $file->write(@_) },
    network => sub { $sims->keys(@_) },
);

my $config = listen_workers($port)
    . watched('= /file', zone => 'keys', window => '1h', jwks => $file->path,
              jwks_check => '100ms')
    . watched('= /network', zone => 'keys', window => '1h', jwks => undef,
              jwks_request => '/jwks', jwks_cache => '1s',
              jwks_cooldown => '1s')
    . "location = /jwks {\ninternal;\nproxy_pass "
    . $sims->url . ";\n}\n";

# An unknown key is looked for in the background, and not before cooldown: a
# client of the new key asks again.  Without overlap there is no other way.
sub known {
    my ($at, $key, @via) = @_;
    return until_reason('ok', { location => "/$at", token => { -key => $key },
                                @via });
}

# how often each reason
sub reasons {
    my (@res) = @_;
    my %n;
    $n{ $_ ? $_->header('X-Reason') : 'none' }++ for @res;
    return join ' ', map { "$_ $n{$_}" } sort keys %n;
}


for my $at (qw(file network)) {
    my $publish = $source{$at};

    test "$at: rotation with overlap under traffic",
        master => 1,
        workers => 2,
        http_config => $zone,
        config => $config,
            sub {
            my @order = qw(rsa rsa2 ec256 ec256b);
            my %token = map { $_ => mint(-key => $_) } @order;
            my %ask = map { $_ => request(location => "/$at", via => 1,
                                          token => $token{$_}) } @order;
            my $sign = shift @order;

            # a client on each worker, to see what all of them know
            $publish->($sign);
            my %client = worker_clients($port, 2);

            my $everywhere = sub {
                my ($key) = @_;
                return !grep { !known($at, $key, via => $client{$_}) }
                             keys %client;
            };
            ok($everywhere->($sign), 'the first key');

            for my $next (@order) {
                # published before it is used, withdrawn after it was
                my @res = load(8, [ ($ask{$sign}) x 200 ], sub {
                    $publish->($sign, $next) if $_[0] == 50;
                });
                is(reasons(@res), 'ok 200', "$next is published: $sign");
                ok($everywhere->($next), "$next is known everywhere");

                @res = load(8, [ @ask{ ($sign, $next) x 100 } ]);
                is(reasons(@res), 'ok 200', "$next and $sign");

                @res = load(8, [ ($ask{$next}) x 200 ], sub {
                    $publish->($next) if $_[0] == 50;
                });
                is(reasons(@res), 'ok 200', "$sign is withdrawn: $next");

                for my $pid (sort keys %client) {
                    my @old = (location => "/$at", via => $client{$pid},
                               token => $token{$sign});
                    ok(until_reason('token_key', { @old }), "$sign is dead");
                    km "$sign is dead, again", { @old }, 'token_key';
                }

                $sign = $next;
            }
        };


    test "$at: rotation without overlap under traffic",
        master => 1,
        workers => 2,
        http_config => $zone,
        config => $config,
            sub {
            my %token = map { $_ => mint(-key => $_) } qw(rsa rsa2);
            my %ask = map { $_ => request(location => "/$at", via => 1,
                                          token => $token{$_}) } keys %token;
            my $sign = 'rsa';

            $publish->($sign);
            my %client = worker_clients($port, 2);
            known($at, $sign, via => $_) for values %client;

            for my $next (qw(rsa2 rsa)) {
                my @res = load(8, [ @ask{ ($sign, $next) x 200 } ], sub {
                    $publish->($next) if $_[0] == 100;
                });
                unlike(reasons(@res), qr/(?!ok|token_key)\b[a-z]\w+/,
                       "$next: taken or not known, nothing else");

                for my $pid (sort keys %client) {
                    my @via = (location => "/$at", via => $client{$pid});
                    ok(known($at, $next, via => $client{$pid}),
                       "$next: known everywhere");
                    ok(until_reason('token_key', { @via,
                                                   token => $token{$sign} }),
                       "$sign: dead everywhere");
                }

                @res = load(8, [ @ask{ ($sign, $next) x 50 } ]);
                is(reasons(@res), 'ok 50 token_key 50', "$next: and it stays so");
                $sign = $next;
            }
        };


    test "$at: cached tokens of a key that is revoked",
        http_config => $zone,
        config => $config,
        sub {
            my %token = map { $_ => mint(-key => $_) } qw(rsa ec256);
            $publish->('rsa', 'ec256');
            known($at, $_) for qw(rsa ec256);

            my @rsa = (location => "/$at", token => $token{rsa});
            my @ec = (location => "/$at", token => $token{ec256});
            km 'first', { @rsa }, @ok;
            cached 'HIT', 'kept', { @rsa }, @ok for 1 .. 3;
            km 'another key', { @ec }, @ok;
            cached 'HIT', 'another key, kept', { @ec }, @ok;

            $publish->('ec256');
            ok(until_reason('token_key', { @rsa }), 'revoked');
            km "dead, $_", { @rsa }, 'token_key' for 1 .. 3;
            km 'the other key lives', { @ec }, @ok;
            cached 'HIT', 'and is kept', { @ec }, @ok;

            # a key that takes its name does not take its tokens
            $publish->([ 'rsa2', kid => 'rsa' ], 'ec256');
            my @new = (location => "/$at",
                       token => mint(-key => 'rsa2', -kid => 'rsa'));
            ok(until_reason('ok', { @new }), 'another key of that kid');
            km 'the old token', { @rsa }, 'token_signature';
            km 'the new one', { @new }, @ok;

            # one that comes back may find what was kept: it is as good as then
            $publish->('rsa', 'ec256');
            ok(until_reason('ok', { @rsa }), 'back again');
            cached 'HIT', 'and kept', { @rsa }, @ok;
            km 'the key in between is gone', { @new }, 'token_signature';
        };


    test "$at: hits across workers and reloads",
        master => 1,
        workers => 2,
        http_config => $zone,
        config => $config,
        sub {
            $publish->('rsa', 'ec256');
            my %client = worker_clients($port, 2);
            for my $key (qw(rsa ec256)) {
                known($at, $key, via => $_) for values %client;
            }

            my ($one, $two) = sort keys %client;
            my @ask = (location => "/$at", token => mint(jti => 'one'));

            cached 'MISS', 'one worker', { @ask, via => $client{$one} }, @ok;
            cached 'HIT', 'the other', { @ask, via => $client{$two} }, @ok;

            for my $n (1 .. 2) {
                gone(reload()) or die "old workers do not exit\n";
                my %new = worker_clients($port, 2);
                isnt(join(' ', sort keys %new), join(' ', sort keys %client),
                     "reload $n: other workers");
                known($at, 'ec256', via => $_) for values %new;
                cached 'HIT', "reload $n: all of them find it",
                    { @ask, via => $new{$_} }, @ok for sort keys %new;
                %client = %new;
            }

            # what changes while a reload is on its way is not lost
            $publish->('ec256');
            gone(reload()) or die "old workers do not exit\n";
            %client = worker_clients($port, 2);
            for my $pid (sort keys %client) {
                ok(until_reason('token_key', { @ask, via => $client{$pid} }),
                   'a key revoked with a reload');
                ok(known($at, 'ec256', via => $client{$pid}), 'the other key');
                km 'a key revoked with a reload, again',
                    { @ask, via => $client{$pid} }, 'token_key';
            }
        };
}


test 'reloads under traffic change nothing',
    master => 1,
    workers => 2,
    http_config => $zone,
    config => $config,
    sub {
        $_->('rsa', 'ec256') for values %source;
        my %token = map { $_ => mint(-key => $_) } qw(rsa ec256);
        my %client = worker_clients($port, 2);
        for my $at (sort keys %source) {
            known($at, 'rsa', via => $_) for values %client;
        }
        my @old;

        for my $at (sort keys %source) {
            my @requests = map {
                request(location => "/$at", token => $token{ (qw(rsa ec256))[$_ % 2] },
                        headers => [ Connection => 'close' ], via => 1)
            } 1 .. 300;
            my @res = load(8, \@requests, sub {
                push @old, reload() if $_[0] == 100 || $_[0] == 200;
            });
            is(reasons(@res), 'ok 300', "$at: all are answered");
        }

        ok(gone(@old), 'the old workers exit');
    };

run_tests();
