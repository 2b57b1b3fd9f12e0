# What must be in no log, at no level: tokens, payloads, passwords, key material,
# record keys and what was encrypted with them.
# Each test runs nginx with its log at level debug, has it do all it can do with
# secrets, granted and refused, and searches everything that it wrote.

use lib 't/lib';
use SealKM;
use SealKM::Sealed;
use SealKM::TLS;

use File::Find 'find';
use MIME::Base64 'encode_base64';

my %password = map { $_ => "PASSWORD-$_-" . b64u(join '', map { chr rand 256 } 1 .. 18) }
    qw(default user file wrong fake);

my $redis = start_redis(requirepass => $password{default});
my $acl = start_redis(acl => "user default off\n"
    . "user km on >$password{user} ~* +\@all\n"
    . "user filed on >$password{file} ~* +\@all\n",
    login => [ 'km', $password{user} ]);

# an error of a server that quotes what it was told, or has records in it
my $secret = 'RECORD-SECRET-0123456789abcdef';
my $fake = fake_redis(
    command => {
        AUTH => sub { "-ERR invalid password: AUTH @_\r\n" },
        CLIENT => sub { "-ERR what is CLIENT @_ $secret\r\n" },
    },
);
my $garbled = fake_redis(get => sub {
    my ($key) = @_;
    return $key =~ /error/ ? "-ERR the value is $secret\r\n" :
           $key =~ /status/ ? "+$secret\r\n" :
           $key =~ /number/ ? ":5$secret\r\n" :
           $key =~ /array/ ? "*2\r\n\$30\r\n$secret\r\n\$30\r\n$secret\r\n" :
           $key =~ /garbage/ ? "$secret\r\n" :
           $key =~ /short/ ? ("\$999\r\n$secret", closing) :
           $key =~ /slow/ ? ("\$999\r\n$secret", silence) :
           bulk($secret);
});

my %record = (
    service => $secret, json => qq({"key":"$secret","list":[1,"$secret"]}),
    invalid => "$secret\xff$secret", bad_json => qq({"key":"$secret"),
    duplicate => qq({"$secret":1,"$secret":2}), large => $secret x 20_000,
    control => "$secret\n$secret\0\x1b[0m",
);

for my $server ($redis, $acl) {
    $server->set("seal:km:$_:service", $record{$_}) for keys %record;
    $server->command('LPUSH', 'seal:km:list:service', $secret);
}

# encrypted ones: opened, and refused for each reason there is
my %record_key = map { ($_ => join '', map { chr rand 256 } 1 .. 32) } qw(a b digest);
my $record_keys = record_keys(map { ($_ => $record_key{$_}) } 'a', 'b');
my $digest_key = temp_file($record_key{digest});
chmod 0600, $digest_key;

for (
    [ opened => sealed("seal:km:opened:service", $secret, a => $record_key{a}) ],
    [ opened_bad => sealed("seal:km:opened_bad:service", "$secret\xff", b => $record_key{b}) ],
    [ moved => sealed("seal:km:opened:service", $secret, a => $record_key{a}) ],
    [ unknown => sealed("seal:km:unknown:service", $secret, x => $record_key{a}) ],
    [ swapped => sealed("seal:km:swapped:service", $secret, a => $record_key{b}) ],
    [ cut => sealed("seal:km:cut:service", $secret, a => $record_key{a}) =~ s/.{8}\z//r ],
    [ header => sealed_with(to_json({ alg => 'dir', enc => 'A256GCM', kid => 'a',
                                      rec => $secret, zip => $secret }), $secret, $record_key{a}) ],
) {
    $redis->set("seal:km:$_->[0]:service", $_->[1]);
}

my $port = free_port();
my $private = jwks([ 'rsa2', -private => 1 ], 'hs256');

my $locations = join '',
    location('= /km', redis_password => $password{default}),
    location('= /json', redis_password => $password{default}, payload => 'json'),
    location('= /base64', redis_password => $password{default}, payload => 'base64'),
    location('= /hs', redis_password => $password{default}, algorithms => 'HS256 RS256',
             jwks => $private),
    location('= /user', pass => $acl->address, redis_user => 'km',
             redis_password => $password{user}),
    location('= /file', pass => $acl->address, redis_user => 'filed',
             redis_password_file => temp_file("$password{file}\n")),
    location('= /wrong', redis_password => $password{wrong}),
    location('= /wrong-user', pass => $acl->address, redis_user => 'nobody',
             redis_password => $password{wrong}),
    location('= /none', pass => $redis->address),
    location('= /fake', pass => $fake->address, redis_password => $password{fake}),
    location('= /garbled', pass => $garbled->address, redis_timeout => '200ms'),
    location('= /encrypted', redis_password => $password{default}, record_keys => $record_keys,
             record_digest_key => $digest_key),
    location('= /migrating', redis_password => $password{default}, record_keys => $record_keys,
             record_plaintext => 'on'),
    location('= /claims', redis_password => $password{default},
             user_uri => 'x:$seal_km_claim_sub', scope => 'seal:km $seal_km_claim_x');

my @services = (sort(keys %record), 'list', 'none');
my %tokens;

# a token, remembered: each of its parts may stand nowhere
sub token {
    my (@options) = @_;
    my $token = mint(@options);

    $tokens{$_} = 1 for grep { length > 20 } (split /\./, $token)[1, 2];
    return $token;
}

sub requests {
    my (@more) = @_;
    my @requests;

    push @requests, [ location => $_->[0], body => { ServiceID => $_->[1] },
                      token => token() ] for
        (map { my $service = $_; map { [ $_, $service ] } qw(/km /json /base64) }
            @services),
        (map { my $service = $_; map { [ $_, $service ] } qw(/encrypted /migrating) }
            qw(opened opened_bad moved unknown swapped cut header service large)),
        [ '/user', 'service' ], [ '/user', 'list' ], [ '/file', 'service' ],
        [ '/wrong', 'service' ], [ '/wrong', 'service' ], [ '/wrong-user', 'service' ],
        [ '/none', 'service' ], [ '/fake', 'service' ], [ '/fake', 'service' ];

    # refused tokens are secret too: one that is refused here is good elsewhere
    push @requests, [ token => $_ ] for
        token(exp => 1), token(nbf => time + 999), token(iss => 'x'),
        token(aud => 'x'), token(scope => 'x'), token(-kid => 'x'),
        token(-signature => 'x' x 256), token(client_id => 1),
        token(-key => 'ec256'), token() . 'x', token() . '=', token() . ' ' . token(),
        token(-claims => '{"sub":"TOKEN-SECRET-in-bad-json"'),
        token(-header => { alg => 'none' }), token(-header => { crit => ['x'] }),
        (split /\./, token())[1], token() =~ s/\.[^.]*\z//r, token() x 2;
    push @requests, [ auth => $_ ] for
        'Basic ' . encode_base64('user:' . token(), ''), 'bearer ' . token(),
        token();
    push @requests,
        [ location => '/hs', token => token(-key => 'hs256') ],
        [ location => '/claims', token => token(x => 'seal:km') ],
        [ location => '/claims', token => token(x => 'none') ],
        [ type => 'text/plain', token => token() ],
        [ method => 'PUT', token => token() ],
        [ body => '{"Version":"' . $secret, token => token() ],
        [ body => { ServiceID => "$secret\n" }, token => token() ],
        [ body => { pad => $secret x 1000 }, token => token() ],
        [ body => { UserID => 'bob' }, token => token() ];

    # the log never sees a request's end
    my $gone = client(@more);
    $gone->send(request(location => '/garbled', body => { ServiceID => 'slow' },
                        token => token()));
    $gone->close;

    my @client = @more ? (client => { @more }) : ();

    return (map { post(@$_, @client) } @requests), garbled(@client);
}

# Each of these spoils the connection: the next one is asked for until a new
# connection has taken it to the server.
my $nth = 0;

sub garbled {
    my (@client) = @_;
    my @responses;

    for my $kind (qw(error status number array garbage short slow good)) {
        my $service = $kind . ++$nth;
        wait_for(sub {
            push @responses, post(location => '/garbled', token => token(),
                                  body => { ServiceID => $service }, @client);
            return $garbled->count(qr/GET seal:km:$service:/);
        }) or die "$service never reached the server";
    }
    return @responses;
}

# all that nginx has written to its folder
sub written {
    my %text;

    find({ no_chdir => 1, wanted => sub {
        return if !-f || m{/conf/|/html/};
        open my $file, '<:raw', $_ or return;
        $text{$_} = do { local $/; <$file> };
    } }, $Test::Nginx::Util::ServRoot);

    return \%text;
}

sub holds_no {
    my ($name, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $texts = written();
    my @found;

    # nginx itself logs each header at level debug; that line is its own
    for my $path (keys %$texts) {
        my $text = $texts->{$path} =~ s/^.*\[debug\] .* http (?:proxy )?header: "Authorization: .*\n//gmir;

        for my $secret (@$what) {
            push @found, "$path: $1" if $text =~ /^(.*\Q$secret\E.*)$/m;
        }
    }

    splice @found, 5;
    return is(join("\n", map { substr $_, 0, 300 } @found), '', $name);
}

# a secret as it is, and as it may have been written down
sub spellings {
    return map { ($_, encode_base64($_, ''), unpack('H*', $_), uc unpack('H*', $_)) }
           @_;
}

my @log = (qr/\[error\]/);

for my $with ('HTTP', 'HTTPS') {
    test "a run with all of them, $with",
        config => tls_listen($port) . $locations,
        log => [ @log, qr/\[warn\].* is private: only its public part/ ],
        suppress_stderr => 1,
        sub {
            my @responses = requests($with eq 'HTTPS'
                ? (port => $port, tls => {}) : ());
            my %reason;
            $reason{ $_->header('X-Reason') // 'nginx' }++
                for grep { defined } @responses;

            # the test has done what it is to do
            cmp_ok($reason{$_} // 0, '>', 0, "there was $_") for
                qw(ok not_found store_error store_unavailable payload_invalid
                   record_invalid store_timeout token_expired token_signature token_malformed
                   token_key token_algorithm malformed_request
                   insufficient_scope identity_mismatch);
            like(join('', error_log()), qr/\[debug\] .* http header: "Authorization:/i,
                 'the log is one of level debug');
            is($fake->count(qr/^command \d+ AUTH \Q$password{fake}\E/) > 0, 1,
               'the password was sent');

            my @jwks = (jwk('rsa2', -private => 1), jwk('hs256'));

            holds_no('no password', [ spellings(values %password) ]);
            holds_no('no record', [ spellings($secret) ]);
            holds_no('no token', [ keys %tokens, 'TOKEN-SECRET' ]);
            holds_no('no key', [ grep { defined } map { @$_{qw(d p q dp k)} } @jwks ]);
            holds_no('no record key', [ spellings(values %record_key),
                                        map { b64u($_) } values %record_key ]);
            holds_no('no AUTH', [ 'AUTH ' ]);

            # nor is a response told more than its record
            my @told = grep { /\Q$secret\E|PASSWORD-/ } map {
                $_->raw . ($_->status == 200 ? '' : $_->body) }
                grep { defined } @responses;
            is(scalar @told, 0, 'no refusal, no header tells any of it');
        };
}


test 'with a master process, and at exit',
    master => 1,
    config => $locations,
    log => [ @log, qr/\[warn\].* is private: only its public part/,
             qr/start worker process/ ],
    suppress_stderr => 1,
    sub {
        requests();
        kill 'HUP', master_pid();
        wait_for(sub { grep { /gracefully shutting down/ } error_log() });
        requests();

        holds_no('nothing after a reload',
                 [ spellings(values %password, values %record_key, $secret),
                   (map { b64u($_) } values %record_key), keys %tokens ]);
    };


# ------------------------------------------------------ what nginx -t tells

my $weak = jwk('rsa1024', -private => 1);
my %secret_jwk = (
    'a private key'       => jwk('rsa', -private => 1),
    'a weak private key'  => $weak,
    'a private EC key'    => jwk('ec256', -private => 1),
    'a broken private key' => { %{ jwk('ec256', -private => 1) }, x => 'AAAA' },
    'a short secret'      => jwk('hs128'),
    'a secret of no use'  => jwk('hs256', use => 'x'),
    'a private key in n'  => { %{ jwk('rsa') }, n => jwk('rsa', -private => 1)->{d} . '!' },
);

sub tells_no {
    my ($name, $output, @secrets) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @found = grep { defined && $output =~ /\Q$_\E/ } @secrets;
    ok(!@found, $name) or diag($output);
}

for my $name (sort keys %secret_jwk) {
    my $jwk = $secret_jwk{$name};
    my @secrets = grep { defined } @$jwk{qw(d p q dp dq qi k)},
                  jwk('rsa', -private => 1)->{d};
    my ($status, $output) = nginx_t(config => location('= /km',
        algorithms => 'RS256 ES256 HS256', jwks => jwks('rsa2', $jwk)));

    tells_no("nginx -t, $name", $output, @secrets);
    ($status, $output) = nginx_t(config => location('= /km',
        jwks => jwks(\(to_json({ keys => [$jwk] }) . 'x'))));
    isnt($status, 0, "nginx -t, $name in a broken file: an error");
    tells_no("nginx -t, $name in a broken file", $output, @secrets);
}

# record keys that cannot be used, and files that are none
for my $case (
    [ 'of no use'     => { use => 'sig' } ],
    [ 'without a kid' => { kid => undef } ],
    [ 'too long'      => { k => b64u('S' x 40) } ],
    [ 'of padding'    => { k => b64u('S' x 32) . '=' } ],
    [ 'a kid twice'   => {}, {} ],
) {
    my ($name, @set) = @$case;
    my @jwks = map { record_jwk(a => 'S' x 32, %$_) } @set;
    my $file = temp_file(to_json({ keys => \@jwks }));
    my $broken = temp_file(to_json({ keys => \@jwks }) . 'x');
    chmod 0600, $file, $broken;

    for ($file, $broken) {
        my ($status, $output) = nginx_t(config => location('= /km', record_keys => $_));
        isnt($status, 0, "nginx -t, record key $name: an error");
        tells_no("nginx -t, record key $name", $output, 'SSSS', b64u('SSS'));
    }
}

my $word = 'PASSWORD-in-the-configuration';

for (
    [ 'two passwords'    => redis_password => [ $word, $word ] ],
    [ 'a password and a file' => redis_password => $word,
      redis_password_file => temp_file($word) ],
    [ 'a file of two'    => redis_password_file => temp_file("$word\n$word\n") ],
    [ 'a user and no password' => redis_user => 'x' ],
    [ 'a password in two words' => redis_password => "$word $word" ],
    [ 'an empty one'     => redis_password => '""' ],
    [ 'another error'    => redis_password => $word, leeway => '1h' ],
) {
    my ($name, @set) = @$_;
    my ($status, $output) = nginx_t(config => location('= /km', @set));
    isnt($status, 0, "nginx -t, $name: an error");
    tells_no("nginx -t, $name", $output, $word);
}

run_tests();
