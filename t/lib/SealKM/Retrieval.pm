package SealKM::Retrieval;

# Key retrieval by VAL servers (seal_km_interface ss-kir), as km() is for KM-UU.
#
#     key_records()                      location = /ss-kir/v1/key-records
#     key_records('= /x', scope => 'off')
#     kir 'a user', { query => 'val-service-id=v2x.example&valUserId=alice' },
#         { key => 'KU', user => 'alice' };
#     kir 'no scope', { token => { scope => 'x' } }, 'insufficient_scope';
#
# REQUEST:
#     location, method, token, auth, headers, via, client    as for km(), but GET
#     query               the text behind "?"; undef for no "?" at all
#     body                text; none by default
# EXPECTED is a reason, or a hash:
#     reason              'ok'
#     as                  the reason that a word of one's own stands for
#     key                 keyInfo, '' by default
#     service             valService, v2x.example by default
#     user, ue            valTgtUe; undef: there is none
#     user_uri            the token's sub, else its client_id, else iss, else ''
#     skms_id             none
#     cause, param        of a malformed_request
#     authenticate, keyless, retry, status                   as for km()
#
# All of the response is compared: status, headers, and the body byte by byte, but
# for sentences, of which it is only seen that they are there.

use strict;
use warnings;

use Exporter 'import';
use SealKM ();
use SealKM::Config;
use SealKM::JSON;
use SealKM::Keys;
use Test::More ();

our @EXPORT = qw(kir get key_records kir_request is_kir escaped
    SERVICE KEY_RECORDS);

use constant {
    KEY_RECORDS => '/ss-kir/v1/key-records',
    SERVICE     => 'val-service-id=v2x.example',
};

my %TITLE = (
    400 => 'Bad Request', 401 => 'Unauthorized', 403 => 'Forbidden',
    404 => 'Not Found', 405 => 'Method Not Allowed', 406 => 'Not Acceptable',
    425 => 'Too Early', 429 => 'Too Many Requests',
    500 => 'Internal Server Error', 503 => 'Service Unavailable',
);
my %CAUSE = (429 => 'NF_CONGESTION_RISK', 500 => 'SYSTEM_FAILURE');
my %STATUS = (store_unavailable => 503, store_timeout => 503);


sub key_records {
    my $path = @_ % 2 ? shift : '= ' . KEY_RECORDS;
    return location($path, interface => 'ss-kir', uri => undef, window => undef,
                    @_);
}


# each byte as an escape
sub escaped { return $_[0] =~ s/(.)/sprintf '%%%02X', ord $1/gesr }


sub _hash { return ref $_[0] eq 'ARRAY' ? { @{ $_[0] } } : $_[0] // {} }


sub kir_request {
    my (%set) = @_;
    my $query = exists $set{query} ? $set{query} : SERVICE;
    my $token = $set{token} // {};
    my @headers = @{ $set{headers} // [] };

    $token = mint(%{ _hash($token) }) if ref $token && !exists $set{auth};

    my $auth = exists $set{auth} ? $set{auth} : "Bearer $token";
    my $text = join ' ', $set{method} // 'GET',
        ($set{location} // KEY_RECORDS) . (defined $query ? "?$query" : ''),
        "HTTP/1.1\r\nHost: localhost\r\n";

    $text .= "Connection: close\r\n" if !$set{via};
    $text .= "Authorization: $auth\r\n" if defined $auth;
    $text .= 'Content-Length: ' . length($set{body}) . "\r\n"
        if defined $set{body} && !grep { /^Transfer-Encoding$/i } @headers;

    while (my ($name, $value) = splice @headers, 0, 2) {
        $text .= "$name: $value\r\n";
    }

    return "$text\r\n" . ($set{body} // '');
}


# sends the request and returns the response
sub get {
    my (%set) = @_;
    my $client = $set{via} || SealKM::client(%{ $set{client} // {} });

    $client->send(kir_request(%set));
    my $res = $client->response(head => ($set{method} // '') eq 'HEAD');
    die "more than a response\n" if $client->pending;
    return $res;
}


sub _expected {
    my ($set, $want) = @_;
    my $reason = $want->{reason} // 'ok';
    my $as = $want->{as} // $reason;
    my $status = $want->{status} // $STATUS{$as} // SealKM::reason_status($as);
    my $ok = $reason eq 'ok';

    my $authenticate = $want->{authenticate} // (
        $status == 401 ? { $reason eq 'token_missing' || $want->{keyless} ? () :
                           (error => 'invalid_token') } :
        $reason eq 'insufficient_scope' ? { error => $reason, scope => SCOPE } :
        undef);

    my @lines = ($status, "reason: $reason",
                 'type: application/' . ($ok ? 'json' : 'problem+json'),
                 'cache: no-store');

    push @lines, 'authenticate: ' . SealKM::_parameters({ realm => 'SEAL KM',
                                                          %$authenticate })
        if $authenticate;
    push @lines, 'allow: GET' if $reason eq 'method_not_allowed';
    push @lines, 'retry: ' . ($want->{retry} // ($status == 429 ? 'seconds' : 1))
        if $want->{keyless} || $status == 429 || $status == 503;

    push @lines, $ok ? _key_info($set, $want) : _problem($status, $want)
        if ($set->{method} // '') ne 'HEAD';

    return join "\n", @lines;
}


sub _key_info {
    my ($set, $want) = @_;
    my $claims = claims(%{ _hash(ref $set->{token} ? $set->{token} : {}) });
    my $target = defined $want->{user} ? { valUserId => $want->{user} } :
                 defined $want->{ue} ? { valUeId => $want->{ue} } : undef;

    return object(
        userUri    => exists $want->{user_uri} ? $want->{user_uri} :
                      $claims->{sub} // $claims->{client_id} // $claims->{iss}
                      // '',
        skmsId     => $want->{skms_id},
        valService => $want->{service} // 'v2x.example',
        valTgtUe   => $target,
        keyInfo    => $want->{key} // '');
}


sub _problem {
    my ($status, $want) = @_;

    return object(
        title  => $TITLE{$status},
        status => \"$status",
        detail => '*',
        cause  => $want->{cause} // $CAUSE{$status},
        invalidParams => !$want->{param} ? undef
            : \('[' . object(param => $want->{param}, reason => '*') . ']'));
}


sub _seen {
    my ($res, $want) = @_;

    return 'no response' if !$res;

    my @lines = ($res->status, 'reason: ' . ($res->header('X-Reason') // '-'),
                 'type: ' . ($res->header('Content-Type') // '-'),
                 'cache: ' . ($res->header('Cache-Control') // '-'));

    for ($res->header('WWW-Authenticate') // ()) {
        push @lines, 'authenticate: '
            . (SealKM::_authenticate($_, $res->status) // "ill-formed: $_");
    }
    push @lines, "allow: $_" for $res->headers('Allow');
    push @lines, 'retry: ' . ($res->status == 429 && !$want->{retry}
                              ? s/^[1-9]\d*\z/seconds/r : $_)
        for $res->headers('Retry-After');

    my $body = $res->body;
    if ($res->status != 200) {
        $body =~ s/,"detail":\K"[A-Z][^"\\]{10,}"(?=[,}])/"*"/;
        $body =~ s/"param":"([\w-]+)","reason":\K"\g1 [^"\\]{5,}"/"*"/;
    }
    push @lines, $body if length $body;
    return join "\n", @lines;
}


sub is_kir {
    my ($name, $res, $set, $want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $want = { reason => $want } if ref $want ne 'HASH';
    $name =~ s/([^\x20-\x7e])/sprintf '\\x{%x}', ord $1/ge;
    return Test::More::is(_seen($res, $want), _expected($set, $want), $name);
}


sub kir {
    my ($name, $set, $want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $res = eval { get(%$set) };
    Test::More::diag("$name: $@") if $@;
    return is_kir($name, $res, $set, $want);
}


1;
