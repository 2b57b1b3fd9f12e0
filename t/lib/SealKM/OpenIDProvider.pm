package SealKM::OpenIDProvider;

# A SIM-S that is a real OpenID provider: npm's oidc-provider, which the set-up
# installs into build/oidc ($SEAL_KM_OIDC names another folder), run by node
# ($SEAL_KM_NODE) on a loopback port.
#
#     my $provider = SealKM::OpenIDProvider->start;
#     $provider->keys('a:ES256', 'b:RS256')      it has these keys from now on,
#                                                the first of an algorithm signs
#     $provider->token(client => 'val-1', scope => 'seal:km', alg => 'ES256',
#                      ttl => 300, certificate => $der, opaque => 1)
#     $provider->metadata             of its discovery document
#     $provider->issuer
#     $provider->fetches              { line =>, headers => }, of its jwks_uri
#     AUDIENCE_OF_PROVIDER            what its tokens are for

use strict;
use warnings;

use Exporter 'import';
use IPC::Open3;
use MIME::Base64 'encode_base64';
use SealKM::Client;
use SealKM::JSON;
use SealKM::Util;

our @EXPORT = qw(AUDIENCE_OF_PROVIDER);

use constant AUDIENCE_OF_PROVIDER => 'https://skm-s.example/seal-km';

my @running;
my $owner = $$;


sub start {
    my ($class) = @_;
    my $node = $ENV{SEAL_KM_NODE} || 'node';
    my $folder = $ENV{SEAL_KM_OIDC} || 'build/oidc';
    my $self = bless { port => free_port() }, $class;
    my $log = temp_file('', 'provider.log');

    -e "$folder/node_modules/oidc-provider"
        or die "no oidc-provider in $folder: the set-up installs it\n";

    open my $errors, '>', $log or die "$log: $!";
    local $SIG{PIPE} = 'IGNORE';
    $self->{pid} = open3($self->{in}, $self->{out}, '>&' . fileno $errors,
                         $node, 't/oidc/sim-s.mjs', $folder, $self->{port});
    push @running, $self;

    my $line = readline $self->{out};
    if (($line // '') !~ /listens/) {
        open my $file, '<', $log;
        die join '', 'oidc-provider does not start: ', $line // '', <$file>;
    }

    return $self;
}


sub port   { return $_[0]{port} }
sub issuer { return "http://127.0.0.1:$_[0]{port}" }


sub _command {
    my ($self, %command) = @_;
    my $in = $self->{in};

    print $in to_json(\%command) . "\n";
    $in->flush;
    return from_json(readline($self->{out}) // die "oidc-provider is gone\n");
}

sub keys    { my ($self, @keys) = @_; return $self->_command(keys => \@keys) }
sub fetches { return @{ $_[0]->_command(requests => \'true') } }


sub _ask {
    my ($self, $text) = @_;
    my $client = SealKM::Client->new(port => $self->{port});

    $client->send($text);
    my $res = $client->response;
    $client->close;
    return $res;
}


sub metadata {
    my ($self) = @_;

    return $self->_ask("GET /.well-known/openid-configuration HTTP/1.1\r\n"
                       . "Host: 127.0.0.1:$self->{port}\r\n"
                       . "Connection: close\r\n\r\n")->json;
}


sub token {
    my ($self, %set) = @_;
    my $client = $set{client} // 'val-1';
    my %form = (
        grant_type    => 'client_credentials',
        client_id     => $client,
        client_secret => "$client-secret",
        scope         => $set{scope} // 'seal:km',
        $set{opaque} ? () : (
            resource => AUDIENCE_OF_PROVIDER . '?alg=' . ($set{alg} // 'ES256')
                        . '&ttl=' . ($set{ttl} // 300)),
    );
    my $body = join '&', map {
        "$_=" . ($form{$_} =~ s/([^\w.~-])/sprintf '%%%02X', ord $1/ger)
    } sort(CORE::keys(%form));

    my $res = $self->_ask(join "\r\n", 'POST /token HTTP/1.1',
        "Host: 127.0.0.1:$self->{port}", 'Connection: close',
        'Content-Type: application/x-www-form-urlencoded',
        'Content-Length: ' . length $body,
        ($set{certificate} ? ('X-Client-Certificate: '
                              . encode_base64($set{certificate}, '')) : ()),
        '', $body);

    my $answer = $res->json;
    return $answer->{access_token}
           // die "no token: " . $res->body . "\n";
}


sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    kill 'KILL', $pid;
    waitpid $pid, 0;
    return;
}


END {
    if ($$ == $owner) {
        local $?;
        $_->stop for @running;
    }
}


1;
