# Memory runs out while keys are fetched, or read again from a file: each
# allocation on the way fails in turn. The request that waits for the keys has the
# right answer, a 500 (ErrorCode 01), or none: never a 401, for nothing is wrong with
# its token. Nothing leaks, and the next one has its record.

use lib 't/lib';
use SealKM;
use SealKM::Fetching;
use SealKM::JwksServer;
use SealKM::KeyFile;
use SealKM::Scarce;
use Time::HiRes 'sleep';

my $skip = scarce_nginx();

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'KEY-MATERIAL');

my $sims = SealKM::JwksServer->start('rsa');
my $file = SealKM::KeyFile->new('ec256');
my $published = SealKM::KeyFile->new('rsa');
chmod 0644, $published->path;

my %text = map { $_ => text($_) } qw(rsa rsa2);
my %bytes = map { $_ => request(%{ with($_) }) } qw(rsa rsa2);

sub is_right { return says_so() || /^200 .*"Payload":"KEY-MATERIAL"\}$/ }

# Keys may be asked for again, and a file be read again, a millisecond after the
# last time: only then has a request to know of those that were published since.
sub publish {
    my ($to, $key) = @_;
    $to->($key);
    sleep 0.005;
    return;
}

sub asked {
    my ($key) = @_;
    return wait_for(sub { outcome($bytes{$key}) =~ /^200 .*"Payload":"KEY-MATERIAL"\}$/ }, 5);
}

my @small = (http_config => KEYS_ZONE . "request_pool_size 112;\nconnection_pool_size 112;\n",
             may_log => [ qr/\[(?:alert|emerg|crit|error|warn)\]/ ]);

# what nginx itself needs for a fetch comes before all that OpenSSL needs for a key
my %nginx = (first => 110, least => 110, most => 25);

# other keys for each request: $to makes them those of the SIM-S, when memory may
# fail already, for a file may be read by itself
sub each_fetch {
    my ($name, $to, %set) = @_;

    for (qw(rsa rsa2 rsa)) {
        publish($to, $_);
        like(outcome($bytes{$_}), qr/^200 /, "$name, without failures");
    }

    each_fails $name,
        before => sub {
            publish($to, 'rsa2');
            asked('rsa2');
        },
        do => sub {
            publish($to, 'rsa');
            return outcome($bytes{rsa});
        },
        is => \&is_right,
        well => sub { asked('rsa') },
        %set;
    return;
}

test 'keys that are fetched, allocations in turn',
    skip => $skip,
    @small,
    config => net('= /km', jwks_cooldown => '1ms', window => '1d')
        . "location = /jwks { internal; alias " . $published->path . "; }\n",
    sub {
        each_fetch('a fetch', sub { $published->replace(\$text{ $_[0] }); chmod 0644, $published->path },
                   least => 50, most => 80);
    };

test 'keys that are fetched through a proxy, some of them',
    skip => $skip,
    @small,
    config => net('= /km', jwks_cooldown => '1ms', window => '1d') . fetches($sims),
    sub { each_fetch('a proxy', sub { $sims->keys($_[0]) }, %nginx) };

test 'keys that are fetched through a proxy without buffering, some of them',
    skip => $skip,
    @small,
    config => net('= /km', jwks_cooldown => '1ms', window => '1d')
        . fetches($sims, "proxy_buffering off;\nproxy_buffer_size 1k;\n"),
    sub {
        each_fetch('a proxy without buffering', sub { $sims->keys($_[0]) }, %nginx);
    };

test 'keys of a file, allocations in turn',
    skip => $skip,
    @small,
    config => location('= /km', jwks => $file->path, jwks_check => '1ms', window => '1d'),
    sub { each_fetch('a file', sub { $file->replace(\$text{ $_[0] }) }, least => 20, most => 50) };

run_tests();
