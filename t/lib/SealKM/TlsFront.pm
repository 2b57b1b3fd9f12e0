package SealKM::TlsFront;

# Ends TLS before a Redis server, and tells what there was in each handshake.
#
#     my $front = tls_front($redis->port, certificate_for(...), host => '::1',
#                           options => { SSL_version => 'TLSv1_2' });
#     $front->address               for seal_km_pass
#     $front->handshakes            of each that succeeded { sni, version,
#                                   cipher, reused, cn (the client's) }
#     $front->drop                  closes all connections
#     $front->kill
#
# host is 127.0.0.1, or 'unix' for a socket in the file system; options are
# those of IO::Socket::SSL.

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use IO::Socket::SSL;
use IO::Socket::UNIX;
use POSIX ();
use SealKM::Util;

our @EXPORT = qw(tls_front);

my @running;
my $owner = $$;
my $started = 0;


sub tls_front {
    my ($port, $certificate, %opts) = @_;
    my $host = $opts{host} // '127.0.0.1';
    my $path = temp_dir() . '/front' . ++$started;
    my $own = free_port();

    my $listen = $host eq 'unix'
        ? IO::Socket::UNIX->new(Local => "$path.sock", Listen => 99)
          // die "cannot listen: $@\n"
        : listen_at($host, $own);
    my @listen = ($listen, listen_twin($host, $own));

    my $self = bless {
        path    => $path,
        address => $host eq 'unix' ? "unix:$path.sock" :
                   $host =~ /:/ ? "[$host]:$own" : "$host:$own",
        port    => $own,
    }, __PACKAGE__;

    # one context, so that all its processes know each other's tickets
    my $context = IO::Socket::SSL::SSL_Context->new(
        SSL_server => 1, SSL_cert_file => $certificate->{crt},
        SSL_key_file => $certificate->{key}, SSL_session_id_context => 'test',
        %{ $opts{options} // {} })
        or die "TLS: $IO::Socket::SSL::SSL_ERROR\n";

    temp_file('', "front$started.log");
    defined($self->{pid} = fork) or die "fork: $!";

    if (!$self->{pid}) {
        my $parent = getppid;
        eval { $self->_serve(\@listen, $port, $context, $parent); 1 }
            or print STDERR "# TLS front: $@";
        POSIX::_exit(0);
    }

    close $_ for @listen;
    push @running, $self;
    return $self;
}


sub address { return $_[0]{address} }
sub port    { return $_[0]{port} }
sub drop    { CORE::kill 'USR1', $_[0]{pid}; return }


sub kill {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    CORE::kill 'TERM', $pid;
    waitpid $pid, 0;
    return;
}


sub handshakes {
    my ($self) = @_;
    my @names = qw(sni version cipher reused cn);

    open my $file, '<', "$self->{path}.log" or die "$self->{path}.log: $!";
    return map {
        chomp;
        my %set;
        @set{@names} = split / /;
        \%set;
    } <$file>;
}


sub _serve {
    my ($self, $listen, $port, $context, $parent) = @_;
    my %children;

    my $drop = sub { CORE::kill 'KILL', keys %children };
    local $SIG{USR1} = $drop;
    local $SIG{TERM} = sub { $drop->(); POSIX::_exit(0) };
    local $SIG{PIPE} = 'IGNORE';

    while (getppid == $parent) {
        while ((my $pid = waitpid -1, 1) > 0) {
            delete $children{$pid};
        }

        my ($ready) = IO::Select->new(@$listen)->can_read(0.1) or next;
        my $socket = $ready->accept or next;

        defined(my $pid = fork) or die "fork: $!";
        if (!$pid) {
            local @SIG{qw(USR1 TERM)} = ('DEFAULT') x 2;
            eval { $self->_connection($socket, $port, $context) };
            POSIX::_exit(0);
        }

        $children{$pid} = 1;
        close $socket;
    }

    $drop->();
}


sub _connection {
    my ($self, $socket, $port, $context) = @_;

    my $tls = IO::Socket::SSL->start_SSL($socket, SSL_server => 1,
        SSL_reuse_ctx => $context, Timeout => 10) or return;

    my $redis = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                      PeerPort => $port) or return;
    my $certificate = $tls->peer_certificate;

    open my $log, '>>', "$self->{path}.log" or return;
    syswrite $log, join(' ', $tls->get_servername || '-', $tls->get_sslversion,
        $tls->get_cipher, $tls->get_session_reused ? 1 : 0,
        $certificate && $tls->peer_certificate('cn') || '-') . "\n";

    my $select = IO::Select->new($tls, $redis);

    for ( ;; ) {
        my @ready = $tls->pending ? $tls : $select->can_read;

        for my $from (@ready) {
            my $to = $from == $tls ? $redis : $tls;
            my $n = sysread $from, my $data, 16384;

            next if !defined $n && $!{EAGAIN};
            return if !$n;

            while (length $data) {
                my $sent = syswrite($to, $data) or return;
                substr($data, 0, $sent) = '';
            }
        }
    }
}


END {
    if ($$ == $owner) {
        local $?;
        $_->kill for @running;
    }
}


1;
