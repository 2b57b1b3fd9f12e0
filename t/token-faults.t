# What makes a well-signed token malformed is told in the error log at level
# info: which claim it is and what is wrong with it, never a value.  Each such
# line has its entry in docs/troubleshooting.md.

use lib 't/lib';
use SealKM;

use Cwd 'abs_path';
use File::Basename 'dirname';

Test::Nginx::Util::log_level('info');

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

# what no line may hold
my $value = 'VALUE-0123456789';
my $long = $value . 'x' x 256;

my $id = 'is not a string of 1 to 255 bytes';
my $scope = 'is neither a string nor an array of strings';
my $cnf = 'is no object, or its "x5t#S256" is no string';
my $none = 'is missing, and so are the others that may be the client id';
my $json = 'its claims are no JSON, or name something twice';

# location, claims, what is told
my @faults = (
    (map { [ '/km', { -claims => $_ }, $json ] }
        '', 'x', "{\"sub\":\"$value\"", "{\"$value\":1,\"$value\":2}",
        "{\"sub\":\"$value\",\"sub\":\"$value\"}", "{\"a\":{\"b\":1,\"b\":\"$value\"}}",
        "{\"exp\":1e999,\"sub\":\"$value\"}", "{\"sub\":\"$value\xff\"}",
        "{\"sub\":\"$value\"}\0", "{\"$value\\u0000\":1}"),
    (map { [ '/km', { -claims => $_ }, 'its claims are no JSON object' ] }
        '[]', "[\"$value\"]", "\"$value\"", '7', 'null', 'true'),
    [ '/km', { exp => undef }, 'claim "exp" is missing' ],
    (map { [ '/km', { exp => $_ }, 'claim "exp" is not a number' ] }
        $value, '9999999999', \'null', \'true', [ $value ], { a => $value }),
    (map { [ '/km', { nbf => $_ }, 'claim "nbf" is not a number' ] }
        $value, '1', \'null', \'false', [ $value ], { a => $value }),
    (map { [ '/km', { sub => $_ }, 'claim "sub" is not a string' ] }
        7, \'null', \'true', [ $value ], { a => $value }),
    [ '/km', { sub => $long }, 'claim "sub" is longer than 255 bytes' ],
    [ '/km', { client_id => undef, azp => $value }, 'claim "client_id" is missing' ],
    (map { [ '/km', { client_id => $_ }, "claim \"client_id\" $id" ] }
        '', 7, \'null', \'true', [ $value ], { a => $value }, $long),
    [ '/three', { client_id => undef }, "claim \"cid\" $none" ],
    (map { [ '/three', { cid => $_, azp => $value }, "claim \"cid\" $id" ],
           [ '/three', { azp => $_ }, "claim \"azp\" $id" ] }
        '', 7, \'null', [ $value ], $long),
    (map { [ '/km', { scope => $_ }, "claim \"scope\" $scope" ],
           [ '/three', { scp => $_ }, "claim \"scp\" $scope" ],
           [ '/off', { scope => $_ }, "claim \"scope\" $scope" ] }
        7, \'null', \'true', { a => $value }, [ $value, 7 ], [ [ $value ] ],
        [ $value, \'null' ]),
    (map { [ '/km', { cnf => $_ }, "claim \"cnf\" $cnf" ] }
        $value, 7, \'null', [ $value ], { 'x5t#S256' => 7 },
        { 'x5t#S256' => [ $value ] }, { jkt => $value, 'x5t#S256' => \'null' }),

    # the first that is wrong, in that order
    [ '/km', { exp => $value, nbf => $value, sub => 7 }, 'claim "exp" is not a number' ],
    [ '/km', { nbf => $value, sub => 7 }, 'claim "nbf" is not a number' ],
    [ '/km', { sub => 7, client_id => 7 }, 'claim "sub" is not a string' ],
    [ '/km', { client_id => 7, scope => 7 }, "claim \"client_id\" $id" ],
    [ '/km', { scope => 7, cnf => 7 }, "claim \"scope\" $scope" ],
);

test 'each fault, and its line',
    http_config => "seal_km_zone name=z 1m;\n",
    config => location('= /km')
        . location('= /three', client_id_claim => 'cid azp client_id',
                   scope_claim => 'scp scope', zone => 'z')
        . location('= /off', client_id_claim => 'off', scope => 'off'),
    sub {
        my %echo = (echo => { ServiceID => 'v2x.example' });

        for (@faults) {
            my ($path, $claims, $what) = @$_;
            my $name = "$path: " . (to_json($claims) =~ s/[^ -~]/?/gr =~ s/x{9,}/.../r);
            my $lines = grep { /access token of a known key/ } error_log();

            km $name, { location => $path, token => mint(%$claims) },
                { reason => 'token_malformed', %echo };

            my @told = grep { /access token of a known key/ } error_log();
            is(scalar @told, $lines + 1, "$name: a line");
            like($told[-1], qr/\[info\] [^\n]* access token of a known key: \Q$what\E, client: /,
                 "$name: $what");
        }
        is(scalar(grep { /VALUE-/ } error_log()), 0, 'no value is in the log');
    };


# nobody vouches for these, or nothing is wrong with their claims
test 'what has no such line',
    config => location('= /km') . location('= /off', client_id_claim => 'off',
                                           scope_claim => 'scp'),
    sub {
        my %token = (
            '/km' => [
                token_signature => { -signature => 'x' x 256, exp => $value },
                token_key => { -kid => 'x', exp => $value },
                token_algorithm => { -header => { alg => 'HS256' }, exp => $value },
                token_malformed => { -header => { crit => [] }, exp => $value },
                token_expired => { exp => 1 },
                token_audience => { aud => 7 },
                token_issuer => { iss => \'null' },
                insufficient_scope => { scope => '' },
                ok => { azp => 7, scp => 7, iat => $value, jti => \'null' },
            ],
            '/off' => [
                insufficient_scope => { client_id => '', scope => 7 },
                ok => { client_id => 7, scope => \'null', scp => [ SCOPE ] },
            ],
        );

        for my $path (sort keys %token) {
            my @list = @{ $token{$path} };
            while (my ($reason, $claims) = splice @list, 0, 2) {
                my $res = post(location => $path, token => mint(%$claims));
                is($res->header('X-Reason'), $reason,
                   "$path: " . to_json($claims) =~ s/[^ -~]/?/gr =~ s/x{9,}/.../r);
            }
        }
        is(scalar(grep { /access token of a known key/ } error_log()), 0,
           'no line');
    };


# A server without keys says so in its log, and not that a token is at fault.
my $dead = free_port();

test 'no key at all',
    config => location('= /none', jwks => undef, jwks_request => '/jwks')
        . location('= /some')
        . "location = /jwks { internal; proxy_pass http://127.0.0.1:$dead; }\n",
    log => [ qr/\[error\].*connect\(\) failed/, qr/\[error\].*there are no keys of it/ ],
    sub {
        my $why = qr/\[info\].* token_key: There is no usable key, for any token, /;
        my $count = sub { scalar grep { $_ =~ $why } error_log() };

        km 'a key is missing', { location => '/some', token => { -kid => 'x' } },
            'token_key';
        is($count->(), 0, 'there are others');
        km 'all are', { location => '/none' },
            { reason => 'token_key', keyless => 1 };
        is($count->(), 1, 'the log says so');
    };


# the entries of the page: "claim" of any name, for names are the operator's
my $page = do {
    # t/ may be a folder of links
    my $path = dirname(abs_path(__FILE__)) . '/../docs/troubleshooting.md';
    open my $file, '<', $path or die "$path: $!";
    local $/;
    <$file>;
};
my ($part) = $page =~ /^\#\# Claims that make a token malformed\n(.*?)(?=^\#\#|\z)/ms;
my @entries = map { (split / \| /, $_, 2)[0] =~ /`([^`]+)`/g }
    ($part // '') =~ /^(\| `.*)$/gm;
# the first row is for all of them
my %entry = map { s/^claim "(?:client_id|scope|\x{2026}|\xe2\x80\xa6)"/claim/r => 1 }
    grep { !/\xe2\x80\xa6\z/ } map { s/^access token of a known key: //r } @entries;
my %told = map { $_->[2] =~ s/^claim "(?:client_id|cid|azp|scope|scp)"/claim/r => 1 }
    @faults;

is(join("\n", sort keys %entry), join("\n", sort keys %told),
   'each line has its entry in docs/troubleshooting.md, and no entry is of no line');

run_tests();
