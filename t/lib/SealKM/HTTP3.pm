package SealKM::HTTP3;

# A client that speaks HTTP/3, over one connection of its own: t/http3/client.go,
# compiled with the QUIC library that Debian packages.
#
#     config => listen_http3($port)        text for the server block
#     my $h3 = SealKM::HTTP3->new(port => $port);
#     my $res = $h3->post(\%set, size => n, pause => s, length => 0);
#                                          sends what SealKM::request(%$set) is,
#                                          the body in pieces of n bytes, with a
#                                          pause between two; its length untold
#                                          if that is so. A SealKM::Client::Response
#     $h3->close

use strict;
use warnings;

use Cwd 'abs_path';
use Exporter 'import';
use File::Basename 'dirname';
use IPC::Open2;
use MIME::Base64 ();
use SealKM::Client;
use SealKM::JSON;
use SealKM::TLS;
use SealKM::Util;

our @EXPORT = qw(listen_http3);

# it takes its time: once for all runs
sub _build {
    my $cache = $ENV{SEAL_KM_TEST_CACHE} // temp_dir();
    my $source = dirname(abs_path(__FILE__)) . '/../../http3/client.go';
    my $binary = abs_path($cache) . '/http3-client';

    if (!-x $binary || -M $binary > -M $source) {
        local $ENV{GOPATH} = '/usr/share/gocode';
        local $ENV{GO111MODULE} = 'off';
        local $ENV{GOFLAGS} = '-trimpath';
        local $ENV{GOCACHE} = temp_dir() . '/go';
        my $output = `go build -o $binary.$$ $source 2>&1`;
        die "client.go: $output\n" if $?;
        rename "$binary.$$", $binary or die "$binary: $!";
    }

    return $binary;
}


sub listen_http3 {
    my ($port) = @_;
    my ($certificate, $key) = certificate();

    return "listen 127.0.0.1:$port quic;\n    ssl_protocols TLSv1.3;\n"
        . "    ssl_certificate $certificate;\n    ssl_certificate_key $key;\n";
}


sub new {
    my ($class, %opts) = @_;
    my $self = bless { %opts, since => time }, $class;

    $self->{pid} = open2($self->{out}, $self->{in}, _build());
    return $self;
}


sub post {
    my ($self, $set, %opts) = @_;
    my ($head, $body) = split /\r\n\r\n/, SealKM::request(%$set, via => 1), 2;
    my ($line, @headers) = split /\r\n/, $head;
    my ($method, $path) = split / /, $line;
    my $out = $self->{out};

    print { $self->{in} } to_json({
        Method => $method, URL => "https://127.0.0.1:$self->{port}$path",
        Headers => [ map { [ split /: */, $_, 2 ] }
                     grep { !/^(?:Host|Content-Length):/ } @headers ],
        Body => MIME::Base64::encode_base64($body, ''),
        Size => \($opts{size} // 0), Pause => \int(1000 * ($opts{pause} // 0)),
        Length => \(($opts{length} // 1) ? length $body : -1),
        Timeout => \$SealKM::Client::TIMEOUT }), "\n";
    $self->{in}->flush;

    my $res = from_json(scalar <$out>);
    return undef if !$res->{Status};
    return bless { protocol => 'HTTP/3', status => $res->{Status},
                   headers => $res->{Headers} // [], raw => '',
                   body => MIME::Base64::decode_base64($res->{Body} // ''),
                   since => $self->{since} }, 'SealKM::Client::Response';
}


sub close {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    CORE::close $self->{in};
    CORE::close $self->{out};
    waitpid $pid, 0;
    return;
}


sub DESTROY { local $?; return $_[0]->close }


1;
