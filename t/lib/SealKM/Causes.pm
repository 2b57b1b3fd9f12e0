package SealKM::Causes;

# How each refusal of the module comes about.
#
#     my $causes = SealKM::Causes->start($redis);
#     $causes->config         locations, and a port with TLS, for one server; it
#                             has a seal_km_zone, into which nothing but "limit"
#                             may go
#     $causes->log            what the error log has afterwards
#     $causes->reasons        the words of the one table, "ok" the first
#     $causes->known('policy')     whether there is a way to cause it
#     $causes->answer('policy')    causes it; the response
#
# The error log of nginx has to tell of refusals (level info).  Redis is the first
# that the test has started, so that locations go there.

use strict;
use warnings;

use SealKM::Config;
use SealKM::FakeRedis;
use SealKM::Sealed;
use SealKM::Sources ();
use SealKM::TLS;
use SealKM::Util;

my $KEY = 'k' x 32;

my %CAUSE = (
    ok                      => {},
    tls_required            => { location => '/tls' },
    early_data              => \&_early,
    method_not_allowed      => { method => 'PUT' },
    not_acceptable          => { location => '/kir', method => 'GET',
                                 headers => [ Accept => 'text/plain' ] },
    unsupported_media_type  => { type => 'text/plain' },
    request_too_large       => { body => 'x' x 9000 },
    token_missing           => { auth => undef },
    token_malformed         => { token => 'a.b' },
    token_algorithm         => { token => { -header => { alg => 'none' } } },
    token_key               => { token => { -kid => 'other' } },
    token_signature         => { token => { -signature => 'x' x 256 } },
    token_expired           => { token => { exp => time - 100 } },
    token_not_yet_valid     => { token => { nbf => time + 1000 } },
    token_issuer            => { token => { iss => 'x' } },
    token_audience          => { token => { aud => 'x' } },
    token_binding           => { location => '/binding' },
    token_type              => { location => '/type' },
    malformed_request       => { body => '{' },
    unsupported_version     => { body => { Version => '9.9.9' } },
    rate_limited            => \&_limited,
    insufficient_scope      => { token => { scope => 'x' } },
    skms_uri_mismatch       => { body => { SKmsUri => 'https://x.example/' } },
    date_time_out_of_window => { body => { 'Date/Time' => 1 } },
    identity_mismatch       => { body => { UserID => 'bob' } },
    policy                  => { location => '/policy' },
    not_found               => { body => { ServiceID => 'none.example' } },
    store_unavailable       => { location => '/dead' },
    store_timeout           => { location => '/silent' },
    store_error             => { body => { ServiceID => 'list.example' } },
    payload_invalid         => { location => '/json',
                                 body => { ServiceID => 'text.example' } },
    record_invalid          => { location => '/sealed' },
    internal_error          => \&_taken,
);


sub start {
    my ($class, $redis) = @_;
    my $name = 'seal:km:sealed.example:service';

    $redis->set('seal:km:v2x.example:service', 'K');
    $redis->set('seal:km:text.example:service', 'no JSON');
    $redis->command('LPUSH', 'seal:km:list.example:service', 'x');
    $redis->set($name, sealed($name, 'K', a => $KEY));

    return bless {
        silent => SealKM::FakeRedis->start(get => sub { silence }),
        tls    => free_port(),
        dead   => free_port(),
        taker  => listen_at('127.0.0.1', free_port()),
    }, $class;
}


sub config {
    my ($self) = @_;

    return tls_listen($self->{tls}, 'ssl_early_data on; lingering_close off;')
        . location('= /km', token_cache => 'off')
        . location('= /kir', interface => 'ss-kir')
        . location('= /tls', require_tls => 'on')
        . location('= /binding', require_binding => 'on')
        . location('= /type', token_type => 'at+jwt')
        . location('= /policy', require => '$arg_nothing')
        . location('= /dead', pass => "127.0.0.1:$self->{dead}")
        . location('= /silent', pass => $self->{silent}->address,
                   redis_timeout => '2s')
        . location('= /json', payload => 'json')
        . location('= /sealed', record_keys => record_keys(a => $KEY))
        . location('= /limit', limit => 'rate=1r/m')
        . "location = /taken { proxy_http_version 1.1;
             proxy_request_buffering off; error_page 502 = \@lost;
             proxy_pass http://127.0.0.1:" . $self->{taker}->sockport . "; }\n"
        . location('@lost');
}


sub log {
    return map({ qr/\[error\].*Request refused, $_/ }
               qw(store_unavailable store_timeout store_error
                  payload_invalid record_invalid internal_error)),
        qr/\[error\].*prematurely closed connection/,
        qr/\[error\].*could not be connected to/, qr/\[error\].*WRONGTYPE/,
        qr/\[error\].*record ".*v2x\.example/;
}


sub reasons { return map { $_->[0] } SealKM::Sources::reasons() }


sub known { return $CAUSE{ $_[1] } }


sub answer {
    my ($self, $reason) = @_;
    my $cause = $CAUSE{$reason};

    return ref $cause eq 'CODE' ? $cause->($self) : SealKM::post(%$cause);
}


# 0-RTT data that is answered before the handshake is complete
sub _early {
    my ($self) = @_;
    my $session = temp_dir() . '/session';
    my @tls = ('-tls1_3', '-ign_eof');
    my $request = SealKM::request(location => '/tls');

    s_client($self->{tls}, [ @tls, '-sess_out', $session ], $request);
    my $held = relay($self->{tls}, sub {
        return grep { /refused, early_data/ } SealKM::error_log();
    });
    my $output = s_client($held, [ @tls, '-sess_in', $session, '-early_data',
                                   temp_file($request, 'early') ]);

    my ($text) = $output =~ m{(HTTP/1\.1 .*)}s or die "no answer: $output\n";
    my $client = bless { buffer => $text, timeout => 1 }, 'SealKM::Client';
    return $client->response;
}


# the first one is granted, the second one is not
sub _limited {
    my $client = SealKM::client();
    my $response;

    for (1 .. 2) {
        $client->send(SealKM::request(location => '/limit', via => $client));
        $response = $client->response;
        last if $response->status == 429;
    }

    return $response;
}


# a request that another server has had some of the body of, and then no more
sub _taken {
    my ($self) = @_;
    my ($head, $body) = split /(?<=\r\n\r\n)/,
                              SealKM::request(location => '/taken'), 2;
    my $client = SealKM::client()->send($head);
    my $server = $self->{taker}->accept or die "accept: $!";

    $client->send(substr $body, 0, 20);
    my $seen = '';
    sysread $server, $seen, 4096, length $seen
        or die "no body\n" until $seen =~ /\r\n\r\n.{20}/s;
    close $server;
    return $client->response;
}


1;
