# docs/examples/seal-km-audit.conf: whatever clients call themselves and ask for,
# a request is one line, that line is one JSON object with the members that
# docs/audit.md lists, and each has the value that it should have.

use lib 't/lib';
use SealKM;
use SealKM::ClientCert;
use SealKM::TLS;
use SealKM::Tool;

use JSON::PP ();

use constant REQUESTS => 1000;

my $format = source('docs/examples/seal-km-audit.conf');
my $log = temp_dir() . '/audit.log';
my $redis = start_redis();
my $material = 'MATERIAL-' . 'm' x 20;
my $device = client_cert('device');
my $tls = free_port();
my $digest_key = temp_file('d' x 32);
chmod 0600, $digest_key;

# pieces of names: what ends a string, a line, an object, a format of nginx's, a
# terminal's line, or looks like another member
my @pieces = (
    '"', '\\', '\\"', '"}', '{"', '",' . '"reason":"ok', '\\u0000', '\\n', "'", '$',
    '$remote_addr', '${x}', '%', '%0a', '%s', '<script>', '&', '/', '//', '/*', ' ',
    '  ', '`', '$(id)', ';', '|', "\x{80}", "\x{85}", "\x{a0}", "\x{ad}",
    "\x{200b}", "\x{200e}", "\x{2028}", "\x{2029}", "\x{202e}", "\x{feff}",
    "\x{fffd}", "\x{ffff}", "\x{1f511}", "\x{10ffff}", "e\x{301}", "\x{df}", 'null',
    'true', '0', '-', '[]', '{}', 'sip:a@b', 'urn:a:b', "x" x 40,
);
# in no line: the module refuses them in a request, and does not show them of a
# token
my @control = ("\n", "\r", "\t", "\0", "\x{1b}[2J", "\x{7f}", "\x{1f}", "\x{8}");

sub piece { return $pieces[rand @pieces] }

# a name of one to four pieces; sometimes with a control character in it
sub name {
    my ($bad) = @_;
    my $name = join '', map { piece() } 0 .. rand 4;

    $name .= $control[rand @control] . piece() if $bad;
    return $name;
}

sub bytes { utf8::encode(my $bytes = $_[0]); return $bytes }

my @members = text_of($format) =~ /^ *'"(\w+)":/mg;

# what the line of a request has to have; and the request
sub hostile {
    my ($n) = @_;
    my %bad = map { $_ => !int rand 8 } qw(service identity jti sub);
    my ($kind, $member) = @{ ([ user => 'UserID' ], [ device => 'DeviceID' ],
                              [ client => 'ClientID' ], [ 'service' ])[$n % 4] };
    my ($service, $identity, $jti, $sub) =
        map { name($bad{$_}) } qw(service identity jti sub);
    my $iss = "https://sim-s.example/" . name();
    my $malformed = $bad{service} || $member && $bad{identity};

    my %line = (
        iss => $iss, jti => $bad{jti} ? '' : $jti, sub => $bad{sub} ? '' : $sub,
        client_id => 'client', service => $bad{service} ? '' : $service,
        identity => $member && !$bad{identity} ? $identity : '',
        identity_type => $malformed && !($member && !$bad{identity}) ? ''
                                                                     : $kind,
        reason => $malformed ? 'malformed_request' : 'not_found',
        error_code => $malformed ? '04' : '02', status => $malformed ? '400' : '404',
        record_digest => '', record_kid => '', address => '127.0.0.1',
        interface => 'km',
    );

    my $body = { ServiceID => $service, $member ? ($member => $identity) : () };
    my $token = { -key => 'ed25519', iss => $iss, jti => $jti, sub => $sub,
                  client_id => 'client' };

    # a record for one in three of those that may have one
    if (!$malformed && $n % 3 == 0) {
        my $name = 'seal:km:' . bytes($service =~ s/%/%25/gr =~ s/:/%3A/gr)
                   . ":$kind" . ($member ? ':' . bytes($identity) : '');
        $redis->set($name, $material);
        @line{qw(reason error_code status)} = ('ok', '', '200');
        $line{record_digest} = qr/^[0-9a-f]{16}\z/;
    }

    return (\%line, { token => $token, body => $body });
}


test 'an audit log',
    may_log => [ qr/ open\(\) "/ ],
    http_config => "include $format;",
    config => "access_log $log seal_km_audit;\nkeepalive_requests 100000;\n"
        . tls_listen($tls, 'ssl_verify_client optional_no_ca;')
        . location('= /km', jwks => jwks('ed25519'), issuer => 'off',
                   bind => [ 'user off', 'device off', 'client off' ],
                   user_uri => '$seal_km_claim_jti',
                   record_digest_key => $digest_key),
    sub {
        my (@wanted, @secrets);
        my $client = client();

        srand 1;

        for my $n (1 .. REQUESTS) {
            my ($line, $request) = hostile($n);
            my $token = mint(%{ $request->{token} });

            push @wanted, $line;
            push @secrets, split /\./, $token if $n % 50 == 0;
            post(%$request, token => $token, via => $client);
            # another one may ask for that name and get nothing
            $redis->flush if $line->{status} eq '200';
        }

        # what no token and no request tells: garbage, and who gives up
        my @others = (
            [ "GARBAGE\"\\\x01\r\n\r\n", '400' ],
            # what one nginx refuses another does not find
            [ "GET /\"}%0a\\ HTTP/1.1\r\nHost: \"\r\n\r\n", qr/^40[04]\z/ ],
            # of HTTP 0.9, which knows GET alone
            [ "POST /km\r\n", '400' ],
        );
        for (@others) {
            my $garbage = client();
            $garbage->send($_->[0]);
            $garbage->closed;
            push @wanted, { status => $_->[1] };
        }
        post(auth => "Bearer \"}\\\x{7f}");
        post(token => { -key => 'ed25519' },
             client => { port => $tls, tls => tls_with($device) });

        my @lines;
        wait_for(sub {
            @lines = split /\n/, text_of($log);
            return @lines >= REQUESTS + @others + 2;
        });
        is(scalar @lines, REQUESTS + @others + 2, 'a line for each request');

        my (@bad, %id, @certificates);

        for my $n (0 .. $#lines) {
            my $line = eval { JSON::PP->new->utf8->decode($lines[$n]) };
            my $wanted = $wanted[$n] // {};

            if (!$line) {
                push @bad, "$n: no JSON: $lines[$n]";
                next;
            }

            my @names = $lines[$n] =~ /[{,]"(\w+)":(?=["\d])/g;
            push @bad, "$n: members: @names"
                if join(' ', sort @names) ne join ' ', sort @members;
            push @bad, "$n: a request id again" if $id{ $line->{request_id} }++;
            push @bad, "$n: \"$line->{request_id}\" is no request id"
                if $line->{request_id} !~ /^[0-9a-f]{32}\z/;
            push @bad, "$n: time" if $line->{time} !~ /^\d{4}-\d\d-\d\dT[\d:]{8}\S+\z/
                || abs($line->{msec} - time) > 3600 || $line->{request_time} !~ /^[\d.]+\z/;

            for (sort keys %$wanted) {
                my $value = $wanted->{$_};
                push @bad, "$n: $_ is \"$line->{$_}\", not \"$value\""
                    if ref $value ? $line->{$_} !~ $value : $line->{$_} ne $value;
            }
            push @certificates, $line->{certificate}
                if $line->{certificate_verify} =~ /^(?:FAILED|SUCCESS)/;
        }

        is(scalar @bad, 0, 'each is what it should be')
            or diag(map { bytes("$_\n") } splice @bad, 0, 10);
        is(join(' ', grep { index(join("\n", @lines), $_) >= 0 } $material, @secrets),
           '', 'no key material, no token');
        cmp_ok((grep { ($_->{reason} // '') eq 'ok' } @wanted), '>', 100,
               'records were delivered');

        is("@certificates", fingerprint($device), 'the certificate');
    };


sub fingerprint {
    my ($certificate) = @_;
    require Digest::SHA;
    return Digest::SHA::sha1_hex($certificate->{der});
}


# the page has each member, and no other
my ($table) = text_of(source('docs/audit.md')) =~ /^(\| Member.*?)\n\n/ms;
my @told = map { /`(\w+)`/g } map { /^\| ([^|]*) \|/ } split /\n/, $table;
is(join(' ', @told), join(' ', @members), 'docs/audit.md has the members');
unlike(text_of($format), qr/\$(?:http_authorization|request_body|request\b)/,
       'and none is what a client sent as a whole');

run_tests();
