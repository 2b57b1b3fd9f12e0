# Memory runs out while a request is served: each allocation on its way fails in
# turn. The answer is the right one, a 500 that says so (ErrorCode 01), or none at
# all; nothing leaks, and the next request is served. Pools are as small as nginx
# lets them be, so that nearly all that is taken from one asks for memory.

use lib 't/lib';
use SealKM;
use SealKM::Keys;
use SealKM::Retrieval;
use SealKM::Scarce;
use SealKM::Sealed;

my $skip = scarce_nginx();

my $redis = start_redis();
my $key = 'A' x 32;
my %record = ('' => 'KEY-MATERIAL', 'large.' => 'x' x 40_000, 'json.' => '{"k":["KEY",{"a":1.5}]}');

for my $kind (keys %record) {
    $redis->set("seal:km:${kind}v2x.example:user:alice", $record{$kind});
    $redis->set("seal:km:sealed.${kind}v2x.example:user:alice",
                sealed("seal:km:sealed.${kind}v2x.example:user:alice", $record{$kind}, a => $key));
}

# nobody listens there
my $nobody = free_port();

my $digest_key = temp_file('D' x 20);
chmod 0600, $digest_key;
my $keys = record_keys(a => $key);

# all that a location may have to do, beside what it must
my %all = (
    zone => 'z', user_uri => 'sip:$seal_km_claim_sub@$host', scope => 'seal:km $seal_km_claim_extra',
    limit => 'rate=100000r/s burst=100000 key=$seal_km_claim_sub',
    require => '$rule reason=rule', record_keys => $keys, record_digest_key => $digest_key,
    claim_set => '$deep address country',
    more => 'add_header X-All "$seal_km_record_digest $seal_km_identity $deep $seal_km_claim_list" always;',
);

my $http = <<'END';
request_pool_size 112;
connection_pool_size 112;
seal_km_zone name=z 1m;
map $seal_km_claim_sub $rule { volatile; default 0; alice 1; }
END

my $config = location('= /km', redis_key_prefix => 'seal:km:')
    . location('= /json', payload => 'json', redis_key_prefix => 'seal:km:json.')
    . location('= /base64', payload => 'base64', zone => 'z')
    . location('= /large', redis_key_prefix => 'seal:km:large.')
    . location('= /all', %all, redis_key_prefix => 'seal:km:sealed.')
    . location('= /all-json', %all, payload => 'json', redis_key_prefix => 'seal:km:sealed.json.')
    . key_records(zone => 'z')
    . key_records('= /kir-json', payload => 'json', redis_key_prefix => 'seal:km:json.', zone => 'z')
    # what is known of a location is kept for a second
    . join('', map { location("= /km$_") . "location = /ready$_ { seal_km_ready /km$_; }\n"
                     . location("= /none$_", pass => "127.0.0.1:$nobody")
                     . "location = /down$_ { seal_km_ready /none$_; }\n" } 0 .. 149)
    . "location = /metrics { seal_km_metrics; seal_km_zone z; }\n";
$config =~ s/seal_km_window 1m/seal_km_window 1d/g;

my %token = (exp => time + 86400, sub => 'alice', extra => 'seal:km', address => { country => 'CZ' },
             list => [ 'a', 'b' ]);
my $token = mint(%token);
my $ecdsa = mint(-key => 'ec256', %token);

sub ask { return request(body => { UserID => 'alice' }, token => $token, @_) }
sub kir_ask { return kir_request(query => 'val-service-id=v2x.example&valUserId=alice', token => $token, @_) }

sub page { return "GET $_[0] HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" }

# of key retrieval
sub problem {
    return /^50[03] \{"title":"(?:Internal Server Error|Service Unavailable)",/;
}

# those of nginx itself, before a request is anyone's
my @log = (qr/\[(?:emerg|alert)\].*(?:malloc|memalign|realloc)\(/, qr/\[(?:error|crit|alert|warn)\]/);

my ($n, $ready) = (0, 0);

sub each_request {
    my ($name, $bytes, $right) = @_;

    my @came;
    $ready = 0;

    each_fails $name,
        # a new probe each time
        before => sub { $ready++ },
        do => sub { outcome(ref $bytes ? $bytes->() : $bytes) },
        # a probe has no form for it but nginx's own, and "down" where Redis' connection has none
        is => sub {
            push @came, $_;
            return $_ eq $right || says_so() || problem()
                   || $name =~ /^readiness/ && /^500 <html>|^503 .*"store":"down"/;
        },
        # "down" is an answer, which serves all probes for a second
        well => sub {
            my $well = sub { outcome(ref $bytes ? $bytes->() : $bytes) eq $right };
            return /^503 .*"store":"down"/ ? wait_for($well) : $well->();
        };

    if ($name eq 'readiness') {
        # what waits, the context, and what the query needs come before the query
        my ($first) = grep { $came[$_] =~ /^503/ } 0 .. $#came;
        cmp_ok(scalar(grep { /^500/ } @came[0 .. ($first // @came) - 1]), '>=', 3,
               'of which nothing is said of the store');
    }
    return;
}

# bytes, or what makes others each time
my @case = (
    [ 'a request', ask() ],
    [ 'a token of ECDSA', ask(token => $ecdsa) ],
    [ 'JSON', ask(location => '/json') ],
    [ 'base64, a token in the cache', ask(location => '/base64') ],
    [ 'base64, a token for the cache', sub { ask(location => '/base64', token => mint(%token, n => ++$n)) } ],
    [ 'a large record', ask(location => '/large') ],
    [ 'a sealed one, and all directives', ask(location => '/all') ],
    [ 'a sealed one of JSON', ask(location => '/all-json') ],
    [ 'chunks', ask(headers => [ 'Transfer-Encoding' => 'chunked' ])
                =~ s/\r\n\r\n\K(.*)\z/sprintf "%x\r\n%s\r\n0\r\n\r\n", length $1, $1/ser ],
    [ 'key retrieval', kir_ask() ],
    [ 'key retrieval, JSON', kir_ask(location => '/kir-json') ],
    [ 'a refusal: no token', ask(auth => undef) ],
    [ 'a refusal: expired', ask(token => mint(exp => 1)) ],
    [ 'a refusal: another identity', ask(body => { UserID => 'bob' }) ],
    [ 'a refusal: malformed', ask(body => '{"ServiceID":"x"') ],
    [ 'a refusal: no record', ask(body => { UserID => 'alice', ServiceID => 'none' }) ],
    [ 'a refusal of key retrieval', kir_ask(token => mint(scope => 'x')) ],
    [ 'readiness', sub { page("/ready$ready") } ],
    # what was not found out is not kept, or the next one would be told that all is well
    [ 'readiness: down', sub { page("/down$ready") } ],
);

test 'each allocation on the way of a request',
    skip => $skip,
    http_config => $http,
    config => $config =~ s/(seal_km_jwks) [^;]+/"$1 " . jwks('rsa', 'ec256')/ger,
    may_log => \@log,
    sub {
        for my $case (@case) {
            my ($name, $bytes) = @$case;
            my $right = outcome(ref $bytes ? $bytes->() : $bytes);
            like($right, $name =~ /refusal/ ? qr/^40\d / : $name =~ /down/ ? qr/^503 .*"down"/ : qr/^200 /,
                 "$name: without failures");
            each_request($name, $bytes, $right);
        }
        cmp_ok(slabs(), '>', 0, 'shared memory has failed, too');
    };

run_tests();
