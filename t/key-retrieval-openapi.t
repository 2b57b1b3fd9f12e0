# docs/openapi.yaml has key retrieval as it is: its examples are what the server
# takes and answers, whatever else it answers is as described, and the client that
# a library makes of it gets its records, in both spellings of a target.

use lib 't/lib';
use SealKM;
use SealKM::OpenAPI;
use SealKM::Retrieval;
use SealKM::Sealed;
use SealKM::TLS;
use SealKM::Tool;

use Cwd 'abs_path';

my $redis = start_redis();

$redis->set("seal:km:$_->[0]", $_->[1]) for
    [ 'v2x.example:service', 'a2V5LW9mLXRoZS1zZXJ2aWNl' ],
    [ 'v2x.example:device:dev-1', 'a2V5LW9mLXRoZS1kZXZpY2U=' ],
    [ 'v2x.example:user:alice', 'a2V5LW9mLWFsaWNl' ],
    [ "caf\xc3\xa9 +&=%25:service", 'any characters' ];
$redis->command('LPUSH', 'seal:km:list.example:service', 'x');

my $fake = fake_redis(get => sub { silence });
my $tls = free_port();

my (%asked, %answer);
for (map { from_json($_) } grep { length } openapi_lines('examples')) {
    next if $_->{path} ne KEY_RECORDS;
    ($_->{answer} ? \%answer : \%asked)->{ $_->{name} } = $_;
}

# those that no query brings about
my %cause = (
    malformed_request   => { query => '' },
    token_missing       => { auth => undef },
    token_expired       => { token => { exp => 1 } },
    tls_required        => { location => '/tls' },
    insufficient_scope  => { token => { scope => 'x' } },
    policy              => { location => '/policy' },
    method_not_allowed  => { method => 'PUT' },
    not_acceptable      => { headers => [ Accept => 'text/html' ] },
    rate_limited        => { location => '/limit' },
    store_error         => { query => 'val-service-id=list.example' },
    payload_invalid     => { location => '/json' },
    record_invalid      => { location => '/sealed' },
    store_unavailable   => { location => '/dead' },
    store_timeout       => { location => '/silent' },
);

my @seen;

sub described {
    my ($name, $status, $headers, $body) = @_;

    push @seen, [ $name, { path => KEY_RECORDS, method => 'GET',
                           status => $status, headers => $headers,
                           body => $body } ];
    return;
}

# in the order in which the description has them
sub query_of {
    my ($query) = @_;
    return join '&', map { "$_=" . escaped($query->{$_}) } grep { exists $query->{$_} }
                     qw(val-service-id val-tgt-ue valUserId valUeId);
}


test 'examples, and a client',
    http_config => "seal_km_zone name=z 1m;\n",
    config => tls_listen($tls) . key_records()
        . key_records('= /tls', require_tls => 'on')
        . key_records('= /policy', require => '$arg_nothing')
        . key_records('= /limit', zone => 'z', limit => 'rate=1r/m')
        . key_records('= /json', payload => 'json')
        . key_records('= /sealed', record_keys => record_keys(a => 'k' x 32))
        . key_records('= /dead', pass => '127.0.0.1:' . free_port())
        . key_records('= /silent', pass => $fake->address, redis_timeout => '100ms')
        . key_records('= /id', id => 'skm-1')
        . key_records('= /scopes', scope => '"a\\\\b"')
        . key_records('= /keyless', jwks => undef, jwks_request => '/sim-s')
        . 'location = /sim-s { internal; return 503; }',
    may_log => [ qr/\[error\]/ ],
    sub {
        my %token = (device_id => 'dev-1');

        get(location => '/limit');

        # early data is answered so in t/key-retrieval-refusals.t
        is(join(' ', sort keys %answer),
           join(' ', sort keys %asked, keys %cause, 'early_data'),
           'each request and each cause has an answer, and no other is there');

        for my $name (sort keys %asked, keys %cause) {
            my $res = get($cause{$name} ? %{ $cause{$name} } : (
                query => query_of($asked{$name}{query}), token => \%token));
            my $example = $answer{$name} // {};

            is($res->status, $example->{status}, "$name: the status");
            is(canonical($res->body), to_json($example->{answer}),
               "$name: the answer is the example");
            described($name, $res->status, answer_headers($res), $res->body);
        }

        my %other = (
            'skmsId'           => { location => '/id' },
            'no scope to tell' => { location => '/scopes' },
            'no keys'          => { location => '/keyless' },
            'a bad target'     => { query => SERVICE . '&val-tgt-ue={}' },
            'a service twice'  => { query => SERVICE . '&' . SERVICE },
        );
        for my $name (sort keys %other) {
            my $res = get(%{ $other{$name} });
            described($name, $res->status, answer_headers($res), $res->body);
        }

        client_of_a_library(mint(%token, exp => time + 600));

        my $right = @seen;
        my $good = get();
        for ([ 'another type', sub { $_[0]{headers}{'content-type'} = 'text/html' } ],
             [ 'to be stored', sub { delete $_[0]{headers}{'cache-control'} } ],
             [ 'no keyInfo', sub { $_[0]{body} =~ s/keyInfo/keyinfo/ } ],
             [ 'another status', sub { $_[0]{status} = 404 } ]) {
            my ($name, $change) = @$_;
            described($name, 200, answer_headers($good), $good->body);
            $change->($seen[-1][1]);
        }

        my @findings = openapi_lines('validate', map { $_->[1] } @seen);
        for my $i (0 .. $#seen) {
            my $name = $seen[$i][0];
            $i < $right ? is($findings[$i], '', "$name: as it is described")
                        : isnt($findings[$i], '', "$name: not as it is described");
        }
    };


sub client_of_a_library {
    my ($token) = @_;
    my @ask = (
        [ 'a service', { 'val-service-id' => 'v2x.example' },
          'a2V5LW9mLXRoZS1zZXJ2aWNl' ],
        [ 'val-tgt-ue, a user', { 'val-service-id' => 'v2x.example',
          'val-tgt-ue' => { valUserId => 'alice' } }, 'a2V5LW9mLWFsaWNl' ],
        [ 'val-tgt-ue, a UE', { 'val-service-id' => 'v2x.example',
          'val-tgt-ue' => { valUeId => 'dev-1' } }, 'a2V5LW9mLXRoZS1kZXZpY2U=' ],
        [ 'valUserId', { 'val-service-id' => 'v2x.example', valUserId => 'alice' },
          'a2V5LW9mLWFsaWNl' ],
        [ 'valUeId', { 'val-service-id' => 'v2x.example', valUeId => 'dev-1' },
          'a2V5LW9mLXRoZS1kZXZpY2U=' ],
        [ 'any characters', { 'val-service-id' => "caf\x{e9} +&=%" },
          'any characters' ],
        [ 'another user', { 'val-service-id' => 'v2x.example',
          'val-tgt-ue' => { valUserId => 'bob' } }, 403 ],
        [ 'no record', { 'val-service-id' => 'none.example' }, 404 ],
        [ 'a bad target', { 'val-service-id' => 'v2x.example',
          valUserId => "\x01" }, 400 ],
    );
    my $folder = abs_path($ENV{SEAL_KM_CLIENT} || 'build/client');
    my $run = node('t/client/client.mjs',
        [ $folder, source('docs/openapi.yaml'), "localhost:$tls", $token ],
        -in => join('', map { to_json($_->[1]) . "\n" } @ask),
        -env => { NODE_EXTRA_CA_CERTS => (certificate())[0] });
    my @lines = split /\n/, $run->{out};

    is($run->{status}, 0, 'a client: it ends well') or diag($run->{err});
    is(scalar @lines, scalar @ask, 'a client: all is answered');

    for (@ask) {
        my ($name, undef, $want) = @$_;
        my $seen = from_json(shift @lines // '{}');
        my $body = eval { JSON::PP->new->decode($seen->{body}) } // {};

        is($want =~ /^4/ ? $body->{status} : $body->{keyInfo}, $want,
           "a client: $name") or diag(to_json($seen));
        described("a client: $name", $seen->{status}, $seen->{headers},
                  $seen->{body});
    }
    return;
}


run_tests();
