# The configurations of README.md, docs/redis.md and docs/deployment.md answer a
# request as they are written there, with the users of Redis that docs/redis.md
# makes.

use lib 't/lib';
use SealKM;
use SealKM::Certificates;
use SealKM::ClientCert;
use SealKM::Cluster;
use SealKM::Dns;
use SealKM::Docs;
use SealKM::Sealed;
use SealKM::Sentinel;
use SealKM::TLS;
use SealKM::Tool;

use Digest::SHA 'hmac_sha256_hex';
use Text::ParseWords 'shellwords';

use constant NAME => 'seal:km:v2x.example:service';

# what does not depend on how much the machine has to do
my $patient = 'add_header X-Reason $seal_km_reason always;' . <<'END';

seal_km_window 1m;
seal_km_redis_timeout 50s;
seal_km_redis_connect_timeout 50s;
END

# the commands of "The least ACL", by the comments above them
my ($acl) = text_of(source('docs/redis.md')) =~ /^## The least ACL.*?^```\n(.*?)^```/ms;
my (%acl, $of);
for (split /\n/, $acl) {
    $of = $1 if /^#\s+(.*)/;
    push @{ $acl{$of} }, [ shellwords $_ ] if !/^#/ && length;
}

# makes the user that the page has for such servers
sub user {
    my ($for, @servers) = @_;
    my ($key) = grep { /^$for/ } sort keys %acl or die "no ACL: $for\n";

    for my $server (@servers) {
        $server->command(@$_) for @{ $acl{$key} };
    }
    return;
}

sub block {
    my ($page, $title) = @_;
    my ($block) = grep { $_->{title} eq $title } blocks("docs/$page.md");
    return $block // die "nothing under \"$title\" in $page\n";
}

my $records = 0;

# gives the configuration to nginx, and asks it
sub answers {
    my ($name, $block, $set, %more) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $payload = 'record ' . ++$records;
    my ($conf) = whole($block);

    $set->(NAME, $payload);
    my $nginx = serve($conf, more => $patient, %more);
    km $name, { location => '/seal-km',
                client => { port => $nginx->{port}{443}, tls => {} } },
        { payload => $payload };
    $nginx->{stop}->();
    return;
}

sub address { return map { $_->address } @_ }

# { '10.0.0.1:PORT' => address ... }
sub from_1 {
    my ($port, @servers) = @_;
    return { map { ('10.0.0.' . ($_ + 1) . ":$port" => $servers[$_]->address) }
             0 .. $#servers };
}


# -------------------------------------------------------- README.md, redis.md

my @redis = map { start_redis() } 1 .. 3;
user('one server', @redis);
my $all = sub { $_->set(@_) for @redis };

answers 'README', (blocks('README.md'))[0], $all,
    address => { '127.0.0.1:6379' => $redis[0]->address };
answers 'one server', block('redis', 'One server'), $all,
    address => from_1(6379, $redis[0]);
answers 'several', block('redis', 'Several servers in an upstream block'), $all,
    address => from_1(6379, @redis);

# the next one is asked
answers 'several, of which two are lost',
    block('redis', 'Several servers in an upstream block'),
    sub { $redis[2]->set(@_); $_->kill for @redis[0, 1] },
    address => from_1(6379, @redis);
$_->restart for @redis[0, 1];
user('one server', @redis[0, 1]);

{
    my $server = certificate_for(dns => ['localhost']);
    my $tls = SealKM::Redis->start(tls => $server, tls_auth => authority());

    user('one server', $tls);
    answers 'TLS', block('redis', 'TLS'), sub { $tls->set(@_) },
        address => { 'redis.example:6380' => "localhost:$tls->{tls_port}" };
}

# the name that the configuration has is one that the system knows as well
my $dns = fake_dns(localhost => [ 60, '127.0.0.1' ]);
answers 'names', block('redis', 'Names'), $all,
    address => { 'redis.example:6379' => 'localhost:' . $redis[0]->port,
                 resolver => $dns->directive =~ s/resolver ([\d.:]+).*/$1/sr };

{
    my $ha = start_sentinels(name => 'mymaster');

    user('behind Sentinel', $ha->data);
    user('the sentinels themselves', $ha->sentinels);
    answers 'Sentinel', block('redis', 'Sentinel'), sub { $ha->set(@_) },
        address => from_1(26379, $ha->sentinels);
}

{
    my $cluster = start_cluster();

    user('Cluster', $cluster->nodes);
    answers 'Cluster', block('redis', 'Cluster'), sub { $cluster->set(@_) },
        address => from_1(6379, ($cluster->nodes)[0 .. 2]);
}


# ------------------------------------------------- the session of README.md

# each command with its output; what differs each time is made the same
sub same {
    my ($text) = @_;
    return $text =~ s/"Date\/Time":\d+/"Date\/Time":0/gr
                 =~ s/\[[-\dT:+]+\]/[time]/gr;
}

{
    my ($block) = blocks('README.md', 'console');
    my ($conf) = whole((blocks('README.md'))[0]);
    my $nginx = serve($conf, more => $patient,
        address => { '127.0.0.1:6379' => $redis[0]->address });
    my $curl = "curl -s --cacert @{[ authority() ]} --connect-to "
               . "skm-s.example:443:127.0.0.1:$nginx->{port}{443}";
    my $script = 'redis-cli() { command ' . SealKM::Redis::cli_program() . ' -p '
        . $redis[0]->port . ' "$@"; }' . "\ncurl() { command $curl \"\$@\"; }\n"
        . "tail() { for i in {1..800}; do "
        . "[ \$(command grep -c . $nginx->{dir}/var/log/nginx/*.log) -ge 2 ] && break; "
        . "sleep 0.05; done; command tail \"\${\@/#\\/var/$nginx->{dir}\/var}\"; }\n";

    my @steps = $block->{text} =~ /^\$ (.*)\n((?:(?!\$ ).*\n)*)/mg;
    my (@commands, @outputs);
    while (my ($command, $output) = splice @steps, 0, 2) {
        push @commands, $command;
        push @outputs, $output;
    }
    cmp_ok(scalar @commands, '>=', 4, 'a session');

    # nginx logs a request behind its answer
    my $run = run([ 'bash', '-c', $script . join '', map {
        "echo ----; " . "$_\n"
    } @commands ], -env => {
        TOKEN => mint(sub => 'alice', exp => time + 3600), EXPIRED => mint(sub => 'alice', exp => time - 60),
    });
    my (undef, @seen) = split /^----\n/m, $run->{out};
    is(same($seen[$_] // ''), same($outputs[$_]), "README: $commands[$_]")
        for 0 .. $#commands;
    is($run->{err}, '', 'and no complaint');

    # the refusal with its head
    my ($told) = grep { $_->{text} =~ /^HTTP/ } blocks('README.md', '');
    my $res = post(location => '/seal-km', token => { exp => time - 60 },
                   body => { UserID => 'alice' },
                   client => { port => $nginx->{port}{443}, tls => {} });
    my ($head, $body) = split /\n\n/, $told->{text}, 2;
    is(join('', grep { index("$res->{raw}\r\n", "$_\r\n") < 0 } split /\n/, $head), '',
       'README: the head of a refusal');
    is(same($res->body), same($body =~ s/\n *//gr), 'and its body');

    $nginx->{stop}->();
}


# -------------------------------------------------------------- deployment.md

{
    my $redis = SealKM::Redis->start(
        tls => certificate_for(ip => ['127.0.0.1']));
    my ($conf) = whole(block('deployment', 'The reference configuration'));
    my $ca = client_cert('ca', ca => 1);
    my $device = client_cert('device', by => $ca);
    my $stranger = client_cert('stranger');

    user('one server', $redis);
    $redis->set(NAME, sealed(NAME, 'K1', a => 'A' x 32));

    my $nginx = serve($conf, more => $patient,
        files => { 'clients-ca.crt' => $ca->{crt} },
        address => { 'redis.example:6380' => "127.0.0.1:$redis->{tls_port}" });
    my $port = $nginx->{port};
    my $token = { cnf => { 'x5t#S256' => $device->{thumbprint} } };
    my $ask = sub {
        my ($certificate, %set) = @_;
        my %tls = (%{ tls_with($certificate) }, %{ delete $set{tls} // {} });
        return { location => '/seal-km', token => $token, %set,
                 client => { port => $port->{443}, tls => \%tls } };
    };
    my $of_its_own = sub {
        my ($path, $what) = @_;
        my $res = post(method => 'GET', location => $path,
                       client => { port => $port->{9145} });
        return $what ? $res->body : $res->status;
    };

    km 'a client with its certificate', $ask->($device), { payload => 'K1' };
    km 'a token without one', $ask->($device, token => {}), 'token_binding';
    is(post(%{ $ask->($_) })->status, 400, 'no certificate, or a strange one')
        for undef, $stranger;

    my $res = curl({ %{ $ask->($device) } }, '--cert', $device->{crt}, '--key',
                   $device->{key});
    is($res->{protocol}, '2', 'HTTP/2');
    like($res->{body}, qr/"Payload":"K1"/, 'with an answer');

    for (qw(ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384)) {
        km "TLS 1.2, $_", $ask->($device, tls => { SSL_version => 'TLSv12',
                                                   SSL_cipher_list => $_ }),
            { payload => 'K1' };
    }
    for (qw(ECDHE-ECDSA-AES128-SHA ECDHE-ECDSA-CHACHA20-POLY1305
            ECDHE-ECDSA-AES128-SHA256)) {
        ok(!eval { post(%{ $ask->($device, tls => { SSL_version => 'TLSv12',
                                                    SSL_cipher_list => $_ }) }) },
           "TLS 1.2, not $_");
    }

    is($of_its_own->('/live'), 200, 'it lives');
    is($of_its_own->('/ready', 1),
       '{"status":"ready","checks":{"store":"ok","keys":"ok"}}', 'it is ready');
    is($of_its_own->('/seal-km'), 403, 'and nobody is served there');
    like($of_its_own->('/metrics', 1), qr/^seal_km_responses_total\{reason="ok"\} [4-9]$/m,
         'metrics');

    my $digest = substr hmac_sha256_hex('K1', 'd' x 32), 0, 16;
    ok(wait_for(sub {
        my ($line) = text_of("$nginx->{dir}/var/log/nginx/seal-km-audit.log")
            =~ /^(.*"reason":"ok".*)$/m;
        return $line && from_json($line)->{record_digest} eq $digest;
    }), 'the audit log says what went out');

    $redis->kill;
    ok(wait_for(sub { $of_its_own->('/ready') == 503 }), 'Redis is lost: not ready');

    $nginx->{stop}->();
    is(join('', grep { / \[(?:emerg|alert|crit|warn)\] / }
                split /^/, text_of("$nginx->{dir}/var/log/nginx/error.log")), '',
       'and nothing strange was logged');
}

Test::More::done_testing();
