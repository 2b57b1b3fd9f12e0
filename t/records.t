# Which record a request is answered with: its name in Redis, its life, and that
# nothing else is ever taken for it.

use lib 't/lib';
use SealKM;

use Time::HiRes 'sleep';

# it answers with the name that it was asked for
my $names = fake_redis();
my $redis = start_redis();

# prefix, ServiceID, kind, identity, name
my %member = (client => 'ClientID', device => 'DeviceID', user => 'UserID');
my @names = (
    [ 'v2x', undef,               'v2x:service' ],
    [ 'v2x', client => 'c',       'v2x:client:c' ],
    [ 'v2x', device => 'd',       'v2x:device:d' ],
    [ 'v2x', user => 'u',         'v2x:user:u' ],
    [ 'a:b', undef,               'a%3Ab:service' ],
    [ ':', undef,                 '%3A:service' ],
    [ ':::', user => ':::',       '%3A%3A%3A:user::::' ],
    [ '%', undef,                 '%25:service' ],
    [ '%3A', undef,               '%253A:service' ],
    [ '%25', user => '%25',       '%2525:user:%25' ],
    [ 'a%3ab', undef,             'a%253ab:service' ],
    [ 'a', user => 'b:c%d',       'a:user:b:c%d' ],
    [ 'a', user => 'sip:alice@example.com', 'a:user:sip:alice@example.com' ],
    [ 'a', device => 'urn:imei:49-015420-323751-8',
      'a:device:urn:imei:49-015420-323751-8' ],
    [ 'a b', client => 'c d',     'a b:client:c d' ],
    [ ' ', undef,                 ' :service' ],
    [ '*', user => '?',           '*:user:?' ],
    [ '"\'\\', user => '"\'\\',   '"\'\\:user:"\'\\' ],
    [ '../x', undef,              '../x:service' ],
    [ '$host', user => '${x}',    '$host:user:${x}' ],
    [ '{a}', user => '{b}',       '{a}:user:{b}' ],
    [ "caf\x{e9}", user => "\x{1f600}", "caf\xc3\xa9:user:\xf0\x9f\x98\x80" ],
    [ "e\x{301}", undef,          "e\xcc\x81:service" ],
    [ "\x{80}", undef,            "\xc2\x80:service" ],
    [ 'A', user => 'B',           'A:user:B' ],
    [ ':' x 255, user => ':' x 255, '%3A' x 255 . ':user:' . ':' x 255 ],
    [ '%' x 255, undef,           '%25' x 255 . ':service' ],
    [ 'x' x 255, device => 'y' x 255, 'x' x 255 . ':device:' . 'y' x 255 ],

    # which might all be the same without escapes
    [ 'p', user => 'q:user:r',    'p:user:q:user:r' ],
    [ 'p:user:q', user => 'r',    'p%3Auser%3Aq:user:r' ],
    [ 'p:user:q:user:r', undef,   'p%3Auser%3Aq%3Auser%3Ar:service' ],
    [ 'p', user => 'service',     'p:user:service' ],
    [ 'p:user', undef,            'p%3Auser:service' ],
    [ 'p', user => 'service:service', 'p:user:service:service' ],
    [ 'p:user:service', undef,    'p%3Auser%3Aservice:service' ],
);

my %prefix = (default => undef, empty => '""', short => 'k',
              odd => '"a%b:{c} \'d\' *"', utf8 => "\"caf\xc3\xa9:\"",
              variable => '"$-host:"', long => 'p' x 3000);
my %text = (default => 'seal:km:', empty => '', short => 'k',
            odd => 'a%b:{c} \'d\' *', utf8 => "caf\xc3\xa9:",
            variable => '$-host:', long => 'p' x 3000);

my @bind = (bind => [ map { "$_ off" } sort keys %member ]);

sub utf8 { my ($text) = @_; utf8::decode($text); return $text }

test 'names',
    config => join('', map {
        location("= /$_", redis_key_prefix => $prefix{$_}, @bind)
    } sort keys %prefix),
    sub {
        my %seen;

        for my $prefix (sort keys %prefix) {
            for (@names) {
                my ($service, $kind, @rest) = @$_;
                my ($identity, $name) = defined $kind ? @rest : (undef, @rest);
                my $whole = "$text{$prefix}$name";

                km "$prefix: $name", { location => "/$prefix", body => [
                        ServiceID => $service,
                        defined $kind ? ($member{$kind} => $identity) : () ] },
                    { payload => utf8("record of $whole") };
                $seen{$whole}++;
            }
        }

        is((grep { $_ > 1 } values %seen), 0, 'no name stands for two');
        is($names->count(qr/^command \d+ GET /), @names * keys %prefix,
           'one GET each');
        is($names->count(qr/^command \d+ (?!GET |CLIENT )/), 0,
           'and nothing else');
    };


test 'the life of a record',
    config => location('= /km', pass => $redis->address, @bind)
        . location('= /other', pass => $redis->address,
                   redis_key_prefix => 'other:', @bind)
        . location('= /database', pass => $redis->address, redis_database => 3)
        . location('= /unix', pass => $redis->unix),
    sub {
        my $key = 'seal:km:v2x.example:service';
        my $keep = client();
        my $asks = sub {
            my ($name, $payload, @set) = @_;
            km $name, { via => $keep, @set },
                defined $payload ? { payload => $payload } : 'not_found';
        };

        # none of it is remembered
        $asks->('nothing yet');
        for my $i (1 .. 20) {
            $redis->set($key, "K$i");
            $asks->("set, $i", "K$i");
            $redis->set($key, "again $i");
            $asks->("set over it, $i", "again $i");
            $redis->del($key);
            $asks->("deleted, $i");
        }

        is($redis->cli('SET', $key, 'by redis-cli'), 'OK', 'redis-cli');
        $asks->('set by redis-cli', 'by redis-cli');
        $redis->command('APPEND', $key, ', more');
        $asks->('appended', 'by redis-cli, more');
        $redis->command('SETRANGE', $key, 0, 'BY');
        $asks->('changed in place', 'BY redis-cli, more');
        $redis->command('RENAME', $key, 'elsewhere');
        $asks->('renamed');
        $redis->command('RENAME', 'elsewhere', $key);
        $asks->('and back', 'BY redis-cli, more');
        $redis->flush;
        $asks->('all is gone');
        $redis->set($key, 5);
        $redis->command('INCR', $key);
        $asks->('a number', '6');

        # expiry
        my $expires = sub { wait_for(sub { !$redis->command('EXISTS', $key) }) };
        $redis->set($key, 'short', 'EX', 100);
        $asks->('before it expires', 'short');
        $redis->command('PEXPIRE', $key, 1000);
        $expires->();
        $asks->('expired');
        $redis->set($key, 'long', 'EX', 1000);
        $asks->('with much time left', 'long');
        $redis->command('PEXPIRE', $key, 300);
        $expires->();
        $asks->('made to expire');
        # at once, or it might be too late
        $redis->command('EVAL', "redis.call('SET', KEYS[1], 'short', 'PX', 300)
            return redis.call('PERSIST', KEYS[1])", 1, $key);
        sleep 0.6;
        $asks->('made to stay', 'short');
        $redis->command('EXPIREAT', $key, 1);
        $asks->('expired long ago');

        # of no other prefix, database, identity or service
        $redis->flush;
        my %user = (body => { UserID => 'alice' });
        $redis->set($key, 'service');
        $asks->('the service', 'service');
        $asks->('the service only: no record of a user', undef, %user);
        $asks->("the service only: none of a $_", undef,
                body => { $member{$_} => 'alice' }) for sort keys %member;
        $asks->('another prefix', undef, location => '/other');
        $asks->('another database', undef, location => '/database');
        $asks->('another case of the ServiceID', undef,
                body => { ServiceID => 'V2X.example' });
        $asks->('a longer ServiceID', undef,
                body => { ServiceID => 'v2x.example.' });

        $redis->flush;
        $redis->set('seal:km:v2x.example:user:alice', 'user');
        $asks->('the user', 'user', %user);
        $asks->('the user only: no record of the service');
        $asks->("the user only: none of the $_ of that name", undef,
                body => { $member{$_} => 'alice' }) for qw(client device);
        $asks->('the user only: none of another', undef,
                body => { UserID => 'bob' });
        $redis->set($_, 'wrong') for 'v2x.example:service', 'seal:km:v2x.example',
            'seal:km:v2x.example:', 'seal:km:v2x.example:Service',
            'seal:km:v2x.example:service:', 'SEAL:KM:v2x.example:service',
            'seal:km:v2x.example:service ', 'other:v2x.example';
        $asks->('names that are nearly right');

        $redis->set('other:v2x.example:service', 'other');
        $asks->('the other prefix', 'other', location => '/other');

        $redis->command('SELECT', 3);
        $redis->set($key, 'third');
        $redis->command('SELECT', 0);
        $asks->('the other database', 'third', location => '/database');
        $asks->('still none here');
        $redis->set($key, 'K');
        $asks->('by a UNIX socket', 'K', location => '/unix');
    };

run_tests();
