# tools/mint-token.pl: keys of each algorithm, and tokens that are good with them.

use lib 't/lib';
use SealKM;

use Cwd 'abs_path';
use File::Basename 'dirname';
use MIME::Base64 'decode_base64url';

# t/ may be a folder of links
my $tool = dirname(abs_path(__FILE__)) . '/../tools/mint-token.pl';

my $redis = start_redis();
$redis->set('seal:km:v2x.example:user:alice', 'K');

# its output; undef and what it complains of where it fails
sub tool {
    my (@args) = @_;
    open my $out, '-|', $^X, '-e',
        'open STDERR, ">&", STDOUT; exec $^X, @ARGV', $tool, @args or die $!;
    my $text = do { local $/; <$out> };
    return close $out ? $text : (undef, $text);
}

my @algs = qw(RS256 PS512 ES256 ES384 ES512 EdDSA Ed25519);
my %key;
my %jwks;

for my $alg (@algs) {
    $key{$alg} = temp_dir() . "/$alg.jwk";
    $jwks{$alg} = temp_file(tool('--make-key' => $key{$alg}, '--alg' => $alg,
                                 '--kid' => "k-$alg"));
}

my @ok = ({ payload => 'K', user_uri => 'alice',
            echo => { ServiceID => 'v2x.example', UserID => 'alice' } });

test 'tokens of each algorithm',
    config => join('', map {
        location("= /$_", jwks => $jwks{$_}, algorithms => $_,
                 scope => 'seal:km seal:more', require => '$seal_km_claim_x')
    } @algs),
    sub {
        my $ask = request_body(UserID => 'alice');

        for my $alg (@algs) {
            my @args = ('--key' => $key{$alg}, '--issuer' => ISSUER,
                        '--audience' => AUDIENCE, '--subject' => 'alice',
                        '--scope' => 'seal:km seal:more', '--claim' => 'x=1');
            chomp(my $token = tool(@args));
            my $header = from_json(decode_base64url($token =~ s/\..*//r));

            is($header->{alg}, $alg, "$alg: its name");
            is($header->{kid}, "k-$alg", "$alg: its kid");
            km "$alg: good", { location => "/$alg", token => $token, body => $ask },
                @ok;

            chomp($token = tool(@args, '--lifetime' => -9));
            km "$alg: expired", { location => "/$alg", token => $token,
                                  body => $ask },
                { reason => 'token_expired', echo => $ok[0]{echo} };
        }
    };

my ($made, $why) = tool('--make-key' => $key{RS256}, '--alg' => 'RS256');
is($made, undef, 'a key that is there');
like($why, qr/exists/, 'is not overwritten');

($made, $why) = tool('--make-key' => temp_dir() . '/none.jwk', '--alg' => 'Ed448');
is($made, undef, 'an algorithm that it does not have');
like($why, qr/unknown algorithm: Ed448/, 'is named');

like(tool('--help'), qr/\b$_\b/, "$_ is documented") for qw(ES256 EdDSA Ed25519);

run_tests();
