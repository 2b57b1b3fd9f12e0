# seal_km_jwks_max_size: of a set that is fetched, and of a file, alike.

use lib 't/lib';
use SealKM;
use SealKM::Fetching;
use SealKM::JwksServer;
use SealKM::KeyFile;
use SealKM::Watch;

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });
my $none = { reason => 'token_key', keyless => 1 };

# a set with that key, of just so many bytes
sub sized {
    my ($size, $key) = @_;
    my $text = text($key // 'rsa');
    return $text . ' ' x ($size - length $text);
}

# as some publish them: a hundred keys, each with a chain of certificates
my $many = to_json({ keys => [ jwk('rsa'), map { jwk('rsa2', kid => "k$_",
    x5c => [ 'x' x 1500, 'y' x 1500, 'z' x 1100 ]) } 1 .. 99 ] });

my %size = (default => undef, small => '8k', large => '3m');
my %limit = (default => 1 << 20, small => 8 << 10, large => 3 << 20);
my %sims = map { $_ => SealKM::JwksServer->start('rsa') } keys %size;

test 'sets that are fetched',
    http_config => KEYS_ZONE,
    config => join('', map {
        net("= /$_-least", jwks_max_size => $size{$_}, jwks_request => "/jwks-$_")
        . net("= /$_", jwks_max_size => $size{$_}, jwks_request => "/jwks-$_",
              jwks_cache => '1h', jwks_cooldown => '1s')
        . "location = /jwks-$_ { proxy_pass " . $sims{$_}->url . "; }\n"
    } keys %size),
    log => [ qr/"seal_km_jwks_request" "\S+" is too large/ ],
    sub {
        for my $name (sort keys %size) {
            my $sims = $sims{$name};

            $sims->answer(body => sized($limit{$name} + 1));
            km "$name: a byte too many", with('rsa', location => "/$name-least"),
                $none;
            $sims->answer(body => sized($limit{$name}));
            km "$name: as many as may be", with('rsa', location => "/$name"), @ok;
        }

        $sims{default}->answer(body => $many);
        ok(until_reason('ok', { token => { -key => 'rsa2', -kid => 'k99' },
                                location => '/default' }), 'many keys');
    };


my %file = map { $_ => SealKM::KeyFile->new(\sized($limit{$_})) } keys %size;

test 'files',
    http_config => KEYS_ZONE . "seal_km_jwks_max_size 3m;\n",
    config => join('', map {
            watched("= /$_", jwks => $file{$_}->path, jwks_check => '100ms',
                    jwks_max_size => $size{$_} // '1m')
        } keys %size)
        . watched('= /inherits', jwks => $file{large}->path),
    log => [ qr/"seal_km_jwks" file "\S+" is too large: its former keys/ ],
    sub {
        for my $name (sort keys %size) {
            my @at = (location => "/$name");

            km "$name: as many as may be", with('rsa', @at), @ok;
            my $lines = grep { /is too large/ } error_log();
            $file{$name}->replace(\sized($limit{$name} + 1, 'rsa2'));
            ok(wait_for(sub { $lines < grep { /is too large/ } error_log() }),
               "$name: a byte too many is told");
            km "$name: the former keys are in force", with('rsa', @at), @ok;
            $file{$name}->replace(\sized($limit{$name}, 'rsa2'));
            ok(until_reason('ok', with('rsa2', @at)), "$name: and then others");
        }
        # it shares what it has with /large
        km 'inherited', with('rsa2', location => '/inherits'), @ok;
    };


sub checked {
    my ($name, $status, $pattern, %set) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($got, $output) = nginx_t(%set);

    ok(!$got == !$status && $output =~ $pattern, $name)
        or diag("status $got\n$output");
}

my $large = temp_file(sized((1 << 20) + 1));
my $said = qr/"seal_km_jwks" file "\Q$large\E" is too large in CONF:\d+/;

checked 'a file over the default', 1, $said, config => location('= /km',
    jwks => $large);
checked 'over what is inherited', 1, $said,
    http_config => "seal_km_jwks_max_size 1m;\n",
    config => location('= /km', jwks => $large);
checked 'whatever the order', 0, qr/successful/, config =>
    "seal_km_jwks $large;\nseal_km_jwks_max_size 2m;\n"
    . location('= /km', jwks => undef);
checked 'more where it is needed', 0, qr/successful/, config =>
    location('= /km', jwks => $large, jwks_max_size => '1025k');
checked 'each location has its own', 1, $said, config =>
    location('= /a', jwks => $large, jwks_max_size => '1025k')
    . location('= /b', jwks => $large);

run_tests();
