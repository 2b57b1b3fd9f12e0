# The clock is set back by a day: what this module has noted the time of is not in
# the future then, and goes on as if nothing had been.

use lib 't/lib';
use SealKM;
use SealKM::Clock;
use SealKM::Dns;
use SealKM::Fetching;
use SealKM::JwksServer;
use SealKM::KeyFile;
use SealKM::Load;

use constant DAY => 86400;

my $skip = shifted_nginx();
my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

sub until_ok { return until_reason('ok', then(@_)) }

sub told { my ($pattern) = @_; return scalar grep { $_ =~ $pattern } error_log() }


# ------------------------------------------------------- what failed, is tried again

my $port = free_port();
my $first = fake_redis(port => $port);
my $record = 'record of seal:km:v2x.example:service';

test 'a server that was lost',
    skip => $skip,
    config => location('= /km', pass => "127.0.0.1:$port"),
    log => [ qr/Redis server|connect\(\) failed/, qr/store_unavailable/ ],
    sub {
        set_clocks(0, 0);
        ok(until_ok(), 'before');
        $first->kill;
        ok(until_reason('store_unavailable', then()), 'lost');

        set_clocks(-DAY, 0);
        fake_redis(port => $port);
        ok(until_ok(), 'back');
        is(payload(post(%{ then() })), $record, 'and asked');
    };


# a name that was resolved to be valid for a minute, seen from the day before
my $dns = fake_dns(localhost => [ 60, '127.0.0.2' ]);
my $named = free_port();
my %at = map { my $host = $_;
               $_ => fake_redis(host => $host, port => $named,
                                get => sub { bulk($host) }) }
         '127.0.0.1', '127.0.0.2', '127.0.0.3';

test 'a name',
    skip => $skip,
    config => $dns->directive
        . location('= /km', pass => "localhost:$named"),
    sub {
        set_clocks(0, 0);
        ok(wait_for(sub { (payload(post(%{ then() })) // '') eq '127.0.0.2' }),
           'resolved');

        # maybe while nginx had the time of the test before
        $dns->set(localhost => [ 60, '127.0.0.1' ]);
        set_clocks(62, 62);
        ok(wait_for(sub { (payload(post(%{ then() })) // '') eq '127.0.0.1' }),
           'resolved now');
        my $asked = $dns->asked('localhost');

        # the resolver itself thinks so for a day; it is asked within an hour
        set_clocks(62 - DAY, 62);
        until_ok();
        set_clocks(62 - DAY, 124);
        until_ok();
        $dns->set(localhost => [ 60, '127.0.0.3' ]);
        set_clocks(124, 3763);
        ok(wait_for(sub { $dns->asked('localhost') > $asked }), 'asked again');
        ok(wait_for(sub { (payload(post(%{ then() })) // '') eq '127.0.0.3' }),
           'and used');
    };


# --------------------------------------------------------------------------- keys

my $file = SealKM::KeyFile->new('rsa');
my $sims = SealKM::JwksServer->start('ec256');

test 'keys',
    skip => $skip,
    http_config => KEYS_ZONE,
    config => location('= /file', jwks => $file->path, jwks_check => '50ms')
        . fetches($sims)
        . net('= /net', jwks_cooldown => '1s'),
    may_log => [ qr/seal_km_jwks_request/ ],
    sub {
        set_clocks(0, 0);
        ok(until_ok(location => '/file', token => { -key => 'rsa' }), 'a file');
        ok(until_ok(location => '/net', token => { -key => 'ec256' }), 'fetched');
        ok(until_reason('token_key', then(location => '/net',
                                          token => { -key => 'rsa2' })),
           'the cooldown begins');

        set_clocks(-DAY, 0);
        $file->replace('rsa2');
        $sims->answer(body => text('rsa2'));
        ok(until_ok(location => "/$_", token => { -key => 'rsa2' }),
           "$_: a new key") for qw(file net);
    };


# -------------------------------------------------------------- limits, and notices

my $refuses = fake_redis(command => { PUBLISH => sub { "-NOPERM no\r\n" } });

test 'how often',
    skip => $skip,
    http_config => "seal_km_zone name=z 1m;\n",
    config => location('= /limit', zone => 'z', limit => 'rate=1r/s')
        . location('= /notify', pass => $refuses->address,
                   notify => 'alarms token_missing'),
    log => [ qr/Redis answered PUBLISH with the error "NOPERM"/ ],
    sub {
        set_clocks(0, 0);
        my %limit = (location => '/limit');
        my %missing = (location => '/notify', auth => undef);
        ok(until_ok(%limit), 'one');
        ok(until_reason('rate_limited', then(%limit)), 'and no more');
        post(%missing);
        ok(wait_for(sub { told(qr/PUBLISH/) == 1 }), 'an error is told');

        set_clocks(-DAY, 0);
        ok(until_ok(%limit), 'one more in a while');
        set_clocks(-DAY, 61);
        ok(wait_for(sub { post(%missing); told(qr/PUBLISH/) == 2 }),
           'the error is told again after a minute');
    };

run_tests();
