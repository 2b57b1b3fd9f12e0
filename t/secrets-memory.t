# What is left of secrets that went through an idle worker: payloads, tokens with
# their signatures, the passwords of Redis and its sentinels, in the worker's
# memory, in the zone, in a core dump. The passwords are needed for as long as nginx
# runs: they lie where core dumps leave them out, and nowhere else.

use lib 't/lib';
use SealKM;
use SealKM::Load;
use SealKM::Memory;
use SealKM::Sentinel;

use MIME::Base64 'decode_base64';

# what checks memory itself has copies, and its core dumps have no end
my $skip = ($ENV{TEST_NGINX_USE_VALGRIND} || ($ENV{TEST_NGINX_BINARY} // '') =~ m{/asan/})
    && 'what a core dump holds is for nginx as it is';

sub secret { my ($name) = @_; return "SECRET-$name-" . unpack 'H*', join '', map { chr rand 256 } 1 .. 12 }

my %password = map { ($_ => secret($_)) } qw(redis inline sentinel refused);
# as long as what nginx reads in a file, which is more than a page has room for
$password{redis} .= 'x' x 4040;
my %record = map { ($_ => secret($_)) } qw(string json base64 large);
my $large = "$record{large}, " x 2000;

my $redis = start_redis(requirepass => $password{redis});
my $inline = start_redis(requirepass => $password{inline});
my $ha = start_sentinels(name => 'keys', sentinel => { requirepass => $password{sentinel} },
                         data => { requirepass => $password{redis} });

for ($redis, $inline, $ha) {
    $_->set('seal:km:string:service', $record{string});
    $_->set('seal:km:json:service', qq({"k":"$record{json}"}));
    $_->set('seal:km:base64:service', $record{base64});
    $_->set('seal:km:large:service', $large);
}

my %file = map { ($_ => temp_file("$password{$_}\n")) } keys %password;
chmod 0600, values %file;

my $config = location('= /km', redis_password_file => $file{redis}, zone => 'z')
    . location('= /json', redis_password_file => $file{redis}, payload => 'json')
    . location('= /base64', redis_password_file => $file{redis}, payload => 'base64')
    . location('= /inline', pass => $inline->address, redis_password => $password{inline})
    . location('= /refused', redis_password_file => $file{refused})
    . location('= /sentinel', pass => 'sentinels', redis_mode => 'sentinel keys', zone => 'z',
               redis_password_file => $file{redis}, redis_sentinel_password_file => $file{sentinel})
    . "location = /other { return 200; }\n";

my @tokens;

sub token {
    my (@set) = @_;
    push @tokens, mint(jti => secret('jti'), @set);
    return $tokens[-1];
}

sub traffic {
    for my $location (qw(/km /km /sentinel /inline)) {
        km "$location, $_", { location => $location, token => token(), body => { ServiceID => $_ } },
            { payload => $_ eq 'large' ? $large : $record{$_} } for qw(string large);
    }
    km 'JSON', { location => '/json', token => token(), body => { ServiceID => 'json' } },
        { payload => \qq({"k":"$record{json}"}) };
    is(post(location => '/base64', token => token(), body => { ServiceID => 'base64' })->status, 200, 'base64');
    km 'a password that is refused', { location => '/refused', token => token() }, 'store_unavailable';
    km 'a token that is refused', { token => token(-signature => 'S' x 256) }, 'token_signature';
    km 'one that has expired', { token => token(exp => 1) }, 'token_expired';
    km 'one of another', { token => token(), body => { UserID => 'bob' } }, 'identity_mismatch';

    # the same buffers of nginx's once more, of the same sizes, without a secret
    my @sizes = map { length } @tokens;
    for (1 .. 20) {
        client()->send("POST /other HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer "
                       . 'x' x ($_ + 300) . "\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n"
                       . 'y' x 300)->response for @sizes;
    }
    return;
}

# all that is a secret of a token: the signature, as it is and as it was sent
sub of_tokens {
    my %needle;
    for my $i (0 .. $#tokens) {
        my $signature = (split /\./, $tokens[$i])[2];
        $needle{"signature $i, text"} = $signature;
        $needle{"signature $i, bytes"} = decode_base64($signature =~ tr{-_}{+/}r);
    }
    return %needle;
}


test 'an idle worker, and its zone',
    skip => $skip,
    master => 1,
    http_config => $ha->pass('sentinels') . "seal_km_zone name=z 1m;\n",
    config => $config,
    log => [ qr/\[error\].*(?:refuses the password|refused)/ ],
    may_log => [ qr/\[(?:error|warn)\]/ ],
    sub {
        traffic();
        my ($pid) = worker_pids();

        # of a password in nginx.conf itself, nginx has read the text
        my %needle = (%record, of_tokens(), map { ("password $_" => $password{$_}) } qw(redis sentinel refused));
        my @found;

        is(join(' ', grep { /^issuer/ } found_in($pid, { issuer => ISSUER })) ne '', 1, 'memory is read');
        wait_for(sub { !(@found = found_in($pid, \%needle)) }, 10);
        is(join("\n", @found), '', 'nothing of records, signatures, passwords');

        my %there = map { s/ at .*//r => 1 } kept_out($pid, { %needle, 'password inline' => $password{inline} });
        is(join(', ', sort keys %there), join(', ', sort map { "password $_" } keys %password),
           'the passwords, where no core dump has them');

        # a password that is refused is on its way again now and then
        my $has;
        wait_for(sub {
            my $core = gcore($pid);
            $has = join ' ', file_has(memory_of($core), { issuer => ISSUER, %needle });
            unlink $core;
            return $has !~ /password refused/;
        }, 10);
        is($has, 'issuer', 'a core dump has none of it');
    };

run_tests();
