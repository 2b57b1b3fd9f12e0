# docs/openapi.yaml: the linter finds nothing in it, its examples are what the
# server takes and answers, refusals of every reason among them, and what the
# server sends is as it says.

use lib 't/lib';
use SealKM;
use SealKM::Causes;
use SealKM::OpenAPI;
use SealKM::Tool;

my $FILE = source('docs/openapi.yaml');
my $THEN = 1767225600;

my $redis = start_redis();
my $causes = SealKM::Causes->start($redis);

$redis->set("seal:km:$_->[0]", $_->[1]) for
    [ 'v2x.example:service', 'a2V5LW9mLXRoZS1zZXJ2aWNl' ],
    [ 'v2x.example:client:client-1', 'a2V5LW9mLXRoZS1jbGllbnQ=' ],
    [ 'v2x.example:device:dev-1', 'a2V5LW9mLXRoZS1kZXZpY2U=' ],
    [ 'v2x.example:user:alice', 'a2V5LW9mLWFsaWNl' ],
    [ 'granted.example:service', '' ],
    [ 'json.example:service', '{"n":[1,null]}' ];


# a request, or a response, of the description
sub asked { return { path => '/seal-km', method => 'POST', request => $_[0] } }

sub answered {
    my ($res) = @_;

    return { path => '/seal-km', method => 'POST', status => $res->status,
             headers => answer_headers($res), body => $res->body };
}

# with the time that an example has
sub timeless {
    my ($body) = @_;

    return canonical($body =~ s/("Date\/Time":)\d+/$1$THEN/r);
}

# what is to be validated: name, request or response, and whether it is all right
my @seen;

sub seen {
    my ($name, $what, $right) = @_;

    push @seen, [ $name, $what, $right // 1 ];
    return;
}

# the description with something else in it
sub changed {
    my ($from, $to) = @_;
    my $text = text_of($FILE);

    $text =~ s/\Q$from\E/$to/ or die "no $from\n";
    return temp_file($text);
}


my @flawed = (
    [ 'a $ref that leads nowhere', '#/components/schemas/NotFound', '#/x' ],
    [ 'an example that is no request', 'Version: 1.0.0', 'Version: 1' ],
    [ 'an example with a Payload beside ErrorCode',
      "ErrorCode: '02'\n", "ErrorCode: '02'\n                    Payload: a\n" ],
    [ 'a word that OpenAPI does not know', 'operationId:', 'operationID:' ],
);
my $lint = openapi('lint', [ $FILE, map { changed(@$_[1, 2]) } @flawed ]);
my ($found, @found) = $lint->{out} =~ /: (\d+) found by the linter$/mg;

is($found, 0, 'the linter finds nothing') or diag("$lint->{out}$lint->{err}");
cmp_ok(shift @found // 0, '>', 0, "but it finds $_->[0]") for @flawed;

my (%request, %answer);

for (map { from_json($_) } grep { length } openapi_lines('examples')) {
    next if "$_->{method} $_->{path}" ne 'POST /seal-km';
    ($_->{answer} ? \%answer : \%request)->{ $_->{name} } = $_;
}

my @reasons = grep { !/^(?:ok|not_acceptable)\z/ } $causes->reasons;

test 'examples',
    http_config => "seal_km_zone name=z 1m;\n",
    config => "seal_km_zone z;\n" . $causes->config,
    log => [ $causes->log ],
    may_log => [ qr/\[error\]/ ],
    sub {
        my $is = sub {
            my ($name, $res) = @_;
            my $example = $answer{$name} // {};

            seen($name, answered($res));
            is($res->status, $example->{status}, "$name: the status");
            is(timeless($res->body), to_json($example->{answer}),
               "$name: the answer is the example");
        };

        is(join(' ', grep { !$request{$_} } qw(service client device user)), '',
           'there are requests of each kind');

        for my $name (sort keys %request) {
            my %body = (%{ $request{$name}{body} }, 'Date/Time' => time);

            seen("$name: the request", asked(to_json(\%body)));
            $is->($name, post(body => to_json(\%body)));
        }

        # and of every refusal there is an example
        for my $reason (@reasons) {
            next if $request{$reason};
            $is->($reason, $causes->answer($reason));
        }

        my %promised = map { $_ => 1 } @reasons, keys %request;
        is(join(' ', sort keys %answer), join(' ', sort keys %promised),
           'each request and each reason has an answer, and no other is there');

        for my $reason (@reasons) {
            my $example = $answer{$reason} // next;
            is($example->{status}, SealKM::reason_status($reason),
               "$reason: the status of the table");
        }
    };


# answers that no example has
sub others {
    my %ask = (
        'SKmsID'           => {},
        'SKmsID, refused'  => { body => { UserID => 'bob' } },
        'SKmsID, unread'   => { method => 'PUT' },
        'JSON'             => { location => '/json',
                                body => { ServiceID => 'json.example' } },
        'no UserUri'       => { location => '/nobody',
                                token => { sub => undef, client_id => undef } },
        'no scope to tell' => { location => '/scopes' },
        'a rule'           => { location => '/words' },
        'no keys'          => { location => '/keyless' },
        'an identity'      => { token => 'x', body => { UserID => 'alice' } },
    );

    for my $name (sort keys %ask) {
        seen($name, answered(post(%{ $ask{$name} })));
    }

    return;
}


# the schema of a request says what the server says
sub requests {
    my %good = (
        'an unknown member'   => [ more => { a => [ undef ] } ],
        'a member in another case' => [ serviceid => 1 ],
        'a URN'               => [ SKmsUri => 'urn:x:y' ],
        'another URI'         => [ SKmsUri => 'https://[::1]:8/%7e?a#b' ],
        '255 characters'      => [ ServiceID => 'x' x 255 ],
        'not ASCII'           => [ UserID => "\x{e9}\x{1f511}" ],
        'the epoch'           => [ 'Date/Time' => 0 ],
        'a time of 30 digits' => [ 'Date/Time' => \('9' x 30) ],
    );
    my %bad = (
        (map { ("no $_" => [ $_ => undef ]) }
             qw(Version SKmsUri ServiceID Date/Time)),
        (map { ("$_: a number" => [ $_ => 1 ], "$_: null" => [ $_ => \'null' ],
                "$_: empty" => [ $_ => '' ], "$_: a tab" => [ $_ => "a\t" ],
                "$_: DEL" => [ $_ => "a\x7f" ],
                "$_: too long" => [ $_ => 'x' x 256 ]) }
             qw(Version ServiceID ClientID DeviceID UserID)),
        (map { ("SKmsUri: $_" => [ SKmsUri => $_ ]) }
             '/seal-km', 'a b', 'https://a/%4', ''),
        'SKmsUri: too long' => [ SKmsUri => 'urn:' . 'x' x 2045 ],
        'a time, a string'  => [ 'Date/Time' => '1' ],
        'a negative time'   => [ 'Date/Time' => -1 ],
        'half a second'     => [ 'Date/Time' => \'0.5' ],
        'two identities'    => [ UserID => 'alice', ClientID => 'c' ],
        'two others'        => [ DeviceID => 'd', ClientID => 'c' ],
        'and two more'      => [ DeviceID => 'd', UserID => 'alice' ],
    );
    my @names = (sort(keys %good), sort keys %bad);
    my @bodies = map { request_body(@{ $good{$_} // $bad{$_} }) } @names;
    my $client = client();

    for my $name (@names) {
        my $body = shift @bodies;
        $client->send(request(location => '/two', body => $body, via => $client));
        my $reason = $client->response->header('X-Reason');

        is($reason eq 'malformed_request', !$good{$name}, "$name: the server");
        seen("$name: the schema", asked($body), $good{$name} ? 1 : 0);
    }

    return;
}


# what would be wrong is found
sub flawed {
    my $granted = answered(post());
    my $refused = answered(post(token => 'x'));
    my @wrong = (
        [ 'another status', $granted, sub { $_[0]{status} = 418 } ],
        [ 'another type', $granted,
          sub { $_[0]{headers}{'content-type'} = 'text/html' } ],
        [ 'to be stored', $granted,
          sub { delete $_[0]{headers}{'cache-control'} } ],
        [ 'no JSON', $granted, sub { $_[0]{body} =~ s/\}\z// } ],
        [ 'no SKmsUri', $granted, sub { $_[0]{body} =~ s/"SKmsUri"/"skmsUri"/ } ],
        [ 'a time that is a string', $granted,
          sub { $_[0]{body} =~ s/:(\d+)/:"$1"/ } ],
        [ 'granted, with an ErrorCode', $granted,
          sub { $_[0]{body} =~ s/\}\z/,"ErrorCode":"01"}/ } ],
        [ 'refused, with a Payload', $refused,
          sub { $_[0]{body} =~ s/\}\z/,"Payload":"K"}/ } ],
        [ 'another ErrorCode', $refused, sub { $_[0]{body} =~ s/"03"/"04"/ } ],
        [ 'a user who is not verified', $refused,
          sub { $_[0]{body} =~ s/\}\z/,"UserUri":"alice"}/ } ],
        [ 'no challenge', $refused,
          sub { delete $_[0]{headers}{'www-authenticate'} } ],
        [ 'another challenge', $refused,
          sub { $_[0]{headers}{'www-authenticate'} = 'Basic realm="x"' } ],
    );

    for (@wrong) {
        my ($name, $of, $change) = @$_;
        my $copy = { %$of, headers => { %{ $of->{headers} } } };

        $change->($copy);
        seen($name, $copy, 0);
    }

    return;
}


test 'what there is besides, and all of it validated',
    config => location('= /km', id => 'skm-1')
        . location('= /json', payload => 'json')
        . location('= /nobody', client_id_claim => 'off')
        . location('= /scopes', scope => '"a\\\\b"')
        . location('= /words', require => '$arg_no reason=of_ones_own')
        . location('= /keyless', jwks => undef, jwks_request => '/sim-s')
        . "location = /sim-s { internal; return 503; }\n"
        . location('= /two', uri => "${\SKMS_URI} urn:x:y"),
    may_log => [ qr/\[error\]/ ],
    sub {
        others();
        requests();
        flawed();

        my @findings = openapi_lines('validate', map { $_->[1] } @seen);

        for (@seen) {
            my ($name, undef, $right) = @$_;
            my $finding = shift @findings;

            $right ? is($finding, '', "$name: as it is described")
                   : isnt($finding, '', "$name: not as it is described");
        }
    };

run_tests();
