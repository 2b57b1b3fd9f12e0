# Tokens of a real OpenID provider, whose keys nginx gets from its jwks_uri and
# which are rotated under traffic.

use lib 't/lib';
use SealKM;
use SealKM::ClientCert;
use SealKM::KeyFile;
use SealKM::Load;
use SealKM::OpenIDProvider;
use SealKM::TLS;
use SealKM::Watch;

Test::Nginx::Util::log_level('notice');
Test::Nginx::Util::add_block_preprocessor(sub {
    Test::Nginx::Util::workers($_[0]->workers || 1);
});

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');
$redis->set('seal:km:v2x.example:client:val-1', 'KC');

my $provider = SealKM::OpenIDProvider->start;
my $uri = $provider->metadata->{jwks_uri};

my $zone = "seal_km_zone name=provider 1m;\n";
my $port = free_port();
my $tls = free_port();

# what nginx is told of the provider, as its metadata have it
sub at {
    my ($path, %set) = @_;
    return watched($path, zone => 'provider', jwks => undef,
        jwks_request => '/jwks', jwks_cache => '1s', jwks_cooldown => '1s',
        issuer => $provider->metadata->{issuer},
        audience => AUDIENCE_OF_PROVIDER, %set);
}

my $jwks = "location = /jwks {\ninternal;\nproxy_pass $uri;\n}\n";
my @ok = ({ payload => 'K', user_uri => 'val-1' });

sub reasons {
    my (@res) = @_;
    my %n;
    $n{ $_ ? $_->header('X-Reason') : 'none' }++ for @res;
    return join ' ', map { "$_ $n{$_}" } sort keys %n;
}


test 'tokens as a provider issues them',
    http_config => $zone,
    config => at('= /km', require => '$seal_km_claim_val_service',
                 more => 'add_header X-Roles $seal_km_claim_roles always;')
        . at('= /other', scope => 'seal:other')
        . at('= /both', scope => 'seal:other seal:km')
        . at('= /issuer', issuer => 'https://sim-s.example')
        . at('= /audience', audience => 'https://skm-s.example/')
        . $jwks,
    sub {
        my %alg = (e => 'ES256', r => 'RS256', p => 'PS256', d => 'EdDSA',
                   f => 'ES384');
        $provider->keys(map { "$_:$alg{$_}" } sort keys %alg);

        for my $alg (sort values %alg) {
            my $token = $provider->token(alg => $alg);

            like($token, qr/^[\w-]+\.[\w-]+\.[\w-]+$/, "$alg: a JWT");
            cached 'MISS', "$alg: first", { token => $token }, @ok;
            cached 'HIT', "$alg: again", { token => $token }, @ok;
            km "$alg: a client", { token => $token,
                                   body => { ClientID => 'val-1' } },
                { payload => 'KC', user_uri => 'val-1' };
            km "$alg: another client", { token => $token,
                                         body => { ClientID => 'val-2' } },
                { reason => 'identity_mismatch', user_uri => 'val-1' };
        }

        my $token = $provider->token;
        like(post(token => $token)->header('X-Roles'), qr/reader/,
             'a claim of its own');

        my $scope = { reason => 'insufficient_scope', user_uri => 'val-1',
                      authenticate => { error => 'insufficient_scope',
                                        scope => 'seal:other' } };
        km 'a scope that it lacks', { location => '/other', token => $token },
            $scope;
        $token = $provider->token(scope => 'seal:other seal:km');
        km 'both scopes', { location => '/both', token => $token }, @ok;
        km 'a scope of both', { location => '/other', token => $token }, @ok;

        km 'another issuer', { location => '/issuer', token => $token },
            'token_issuer';
        km 'another audience', { location => '/audience', token => $token },
            'token_audience';
        km 'an opaque token', { token => $provider->token(opaque => 1) },
            'token_malformed';

        my ($h, $c, $s) = split /\./, $token;
        my ($h2, $c2, $s2) = split /\./, $provider->token;
        km 'the claims of another one', { token => "$h.$c2.$s" },
            'token_signature';

        # a short life
        $token = $provider->token(ttl => seconds(6));
        km 'alive', { token => $token }, @ok;
        ok(until_reason('token_expired', { token => $token }), 'and expired');

        my @fetches = $provider->fetches;
        cmp_ok(scalar @fetches, '>=', 1, 'it was asked for its keys');
        is(join(' ', grep { $_ ne 'GET /jwks' } map { $_->{line} } @fetches), '',
           'by nothing but GET');
        is(join(' ', grep { !/^(?:host|connection|accept|user-agent)$/ }
                     map { sort keys %{ $_->{headers} } } @fetches), '',
           'and without what a client sent');
    };


test 'tokens bound to a certificate',
    http_config => $zone,
    config => tls_listen($tls, 'ssl_verify_client optional_no_ca;')
        . at('= /km') . at('= /required', require_binding => 'on') . $jwks,
    sub {
        $provider->keys('e:ES256');
        my ($mine, $other) = map { client_cert($_) } qw(val-2 val-2);
        my $token = $provider->token(client => 'val-2',
                                     certificate => $mine->{der});
        my $over = sub {
            return { token => $token, @_ > 1 ? @_[1 .. $#_] : (),
                     client => { port => $tls, tls => tls_with($_[0]) } };
        };
        my $ok = { payload => 'K', user_uri => 'val-2' };

        for (1 .. 2) {
            km "its certificate, $_", $over->($mine), $ok;
            km "another one, $_", $over->($other), 'token_binding';
            km "none, $_", $over->(undef), 'token_binding';
            km "plain HTTP, $_", { token => $token }, 'token_binding';
            km "required, $_", $over->($mine, location => '/required'), $ok;
        }

        km 'a token that is not bound, where it must be',
            $over->($mine, location => '/required',
                    token => $provider->token), 'token_binding';
    };


test 'keys rotated under traffic',
    master => 1,
    workers => 2,
    http_config => $zone,
    config => listen_workers($port) . at('= /km', window => '1h') . $jwks,
    sub {
        my %client = worker_clients($port, 2);
        my $current = 'k0:ES256';
        my $ask = sub { return request(token => $_[0], via => 1) };
        my $known = sub {
            my ($token) = @_;
            return !grep { !until_reason('ok', { token => $token,
                                                 via => $client{$_} }) }
                         sort keys %client;
        };

        $provider->keys($current);
        my $token = $provider->token;
        ok($known->($token), 'the first key');

        # with overlap: published first, then used, then the old one withdrawn;
        # nobody is ever refused
        for my $n (1 .. 3) {
            my $next = "k$n:ES256";
            my @res = load(8, [ ($ask->($token)) x 150 ], sub {
                $provider->keys($current, $next) if $_[0] == 30;
            });
            is(reasons(@res), 'ok 150', "$next is published");

            # what it signs next tells when all know it
            $provider->keys($next, $current);
            my $new = $provider->token;
            ok($known->($new), "$next is known");

            my @old = ($token, $new);
            @res = load(8, [ map { $ask->($old[$_ % 2]) } 1 .. 150 ]);
            is(reasons(@res), 'ok 150', "$next and $current");

            @res = load(8, [ ($ask->($new)) x 150 ], sub {
                $provider->keys($next) if $_[0] == 30;
            });
            is(reasons(@res), 'ok 150', "$current is withdrawn");

            for my $pid (sort keys %client) {
                ok(until_reason('token_key', { token => $token,
                                               via => $client{$pid} }),
                   "$current is dead");
                km "$current is dead, again", { token => $token,
                    via => $client{$pid} }, 'token_key';
                km "$next is not", { token => $new, via => $client{$pid} }, @ok;
            }

            ($current, $token) = ($next, $new);
        }

        # without: from one moment to the next
        $provider->keys('last:ES256');
        my $new = $provider->token;
        my @tokens = ($token, $new);
        my @res = load(8, [ map { $ask->($tokens[$_ % 2]) } 1 .. 200 ]);
        like(reasons(@res), qr/^(?:ok \d+)? ?(?:token_key \d+)?$/,
             'without overlap: known or not, nothing else');
        ok($known->($new), 'without overlap: known in the end');
        for my $pid (sort keys %client) {
            ok(until_reason('token_key', { token => $token,
                                           via => $client{$pid} }),
               'without overlap: the old one is dead');
        }

        # a reload asks again and keeps what was verified
        gone(reload()) or die "old workers do not exit\n";
        cached 'HIT', 'after a reload', { token => $new }, @ok;
    };

run_tests();
