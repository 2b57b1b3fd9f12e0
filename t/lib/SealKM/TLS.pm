package SealKM::TLS;

# TLS and HTTP/2, for the suites that say "use SealKM::TLS".
#
#     config => tls_listen($port, 'ssl_protocols TLSv1.3;') . location('= /km')
#                                a port with TLS and HTTP/2 more for the server
#     certificate()              paths of a certificate and its key, made anew
#     curl(\%request, @options)  sends it with curl, over TLS to $port of
#                                client => { port => $port }; gives the response.
#                                body_from => 'stdin': of a length curl does not
#                                know; protocol => '--http1.1' or another
#     s_client($port, \@options, @stdin)   the output of openssl s_client.  What
#                                is sent: texts, or subs that wait for output:
#                                they get all of it so far and return true
#     relay($port, $until)       another port, for one connection to $port; what
#                                comes back is held until $until->() is true, so
#                                that no handshake is completed before

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use IPC::Open3;
use SealKM::Client;
use SealKM::HTTP2 'has_http2_directive';
use SealKM::Util;
use Time::HiRes 'time';

our @EXPORT = qw(tls_listen certificate curl s_client relay);

my @certificate;


sub certificate {
    if (!@certificate) {
        @certificate = map { temp_file('', "tls.$_") } qw(crt key);
        my $log = temp_dir() . '/tls.log';

        system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
               . "-nodes -days 2 -subj /CN=localhost -out $certificate[0] "
               . "-keyout $certificate[1] >$log 2>&1") == 0
            or die "openssl req: see $log\n";
    }

    return @certificate;
}


sub tls_listen {
    my ($port, $more) = @_;
    my ($certificate, $key) = certificate();

    # nginx before 1.23.4 leaves TLS 1.3 out
    $more = 'ssl_protocols TLSv1.2 TLSv1.3; ' . ($more // '')
        if ($more // '') !~ /ssl_protocols/;

    return "listen 127.0.0.1:$port ssl" . (has_http2_directive() ? ";\n    http2 on;\n"
                                                                : " http2;\n")
        . "    ssl_certificate $certificate;\n"
        . "    ssl_certificate_key $key;\n    $more\n";
}


sub curl {
    my ($set, @options) = @_;
    my $request = SealKM::request(%$set, via => 1);
    my ($head, $body) = split /\r\n\r\n/, $request, 2;
    my ($line, @headers) = split /\r\n/, $head;
    my ($method, $path) = split / /, $line;
    my $from = ($set->{body_from} // '') eq 'stdin';
    my $file = temp_file($body, 'curl.body');
    my $out = temp_dir() . '/curl.out';

    @headers = grep { !/^(?:Host|Content-Length):/ } @headers;
    push @headers, 'Content-Type:' if !grep { /^Content-Type:/i } @headers;

    my @command = ('curl', '-sk', '-i', '-o', $out, '--max-time',
        $SealKM::Client::TIMEOUT, $set->{protocol} // '--http2', '-X', $method,
        (map { s/:\s*\z/;/r } map { ('-H', $_) } grep { !/^Expect/ } @headers),
        '-H', (grep { /^Expect/ } @headers)[0] // 'Expect:',
        ($from ? ('-T', '-') : ('--data-binary', "\@$file")), @options,
        "https://127.0.0.1:$set->{client}{port}$path");

    unlink $out;
    defined(my $pid = fork) or die "fork: $!";

    if (!$pid) {
        require POSIX;
        open STDIN, '<', $file;
        exec { $command[0] } @command or warn "curl: $!\n";
        POSIX::_exit(1);
    }

    waitpid $pid, 0;
    open my $result, '<:raw', $out or return undef;
    my $text = do { local $/; <$result> };
    return undef if $text !~ m{^HTTP/[\d.]+ (\d{3})[^\r]*\r\n};

    # what comes before the last head: 100 Continue
    $text =~ s{^HTTP/\S+ 1\d\d.*?\r\n\r\n}{}s;
    ($head, $body) = split /\r\n\r\n/, $text, 2;
    ($line, @headers) = split /\r\n/, $head;
    my ($protocol, $status) = $line =~ m{^HTTP/(\S+) (\d{3})};

    return bless {
        protocol => $protocol,
        status   => $status,
        headers  => [ map { [ split /:\s*/, $_, 2 ] } @headers ],
        raw      => $head,
        body     => $body // '',
    }, 'SealKM::Client::Response';
}


sub s_client {
    my ($port, $options, @send) = @_;
    my $until = time + $SealKM::Client::TIMEOUT;
    my $output = '';
    local $SIG{PIPE} = 'IGNORE';

    my $pid = open3(my $in, my $out, undef, 'openssl', 's_client', '-connect',
                    "127.0.0.1:$port", '-servername', 'localhost', @$options);
    my $select = IO::Select->new($out);
    binmode $_ for $in, $out;

    while (time < $until) {
        if (@send && !ref $send[0]) {
            syswrite $in, shift @send;
            next;
        }

        if (@send && $send[0]->($output)) {
            shift @send;
            next;
        }

        next if !$select->can_read(0.1);
        sysread $out, $output, 65536, length $output or last;
    }

    close $in;
    kill 'KILL', $pid if time >= $until;
    waitpid $pid, 0;
    return $output;
}


sub relay {
    my ($port, $until) = @_;
    my $listen = listen_at('127.0.0.1', free_port());
    my $parent = $$;

    defined(my $pid = fork) or die "fork: $!";
    return $listen->sockport if $pid;

    require POSIX;
    $SIG{__DIE__} = 'DEFAULT';
    $SIG{PIPE} = 'IGNORE';
    eval { _relay($listen, $port, $until, $parent); 1 }
        or print STDERR "# relay: $@";
    POSIX::_exit(0);
}


sub _relay {
    my ($listen, $port, $until, $parent) = @_;

    IO::Select->new($listen)->can_read($SealKM::Client::TIMEOUT) or return;
    my $client = $listen->accept or return;
    my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $port) or die $@;
    my $from = IO::Select->new($client, $server);
    my $held = '';
    my $holding = 1;

    while (getppid == $parent && ($from->count == 2 || length $held)) {
        for my $socket ($from->can_read(0.01)) {
            my $bytes = '';

            if (!sysread $socket, $bytes, 65536) {
                return if $socket == $client;
                $from->remove($socket);

            } elsif ($socket == $client) {
                syswrite $server, $bytes;

            } else {
                $held .= $bytes;
            }
        }

        $holding &&= !$until->();

        if (!$holding && length $held) {
            syswrite $client, $held;
            $held = '';
        }
    }
}


1;
