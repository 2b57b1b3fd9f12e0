package SealKM::Client;

# A thin HTTP/1.1 client: sends bytes as they are, and reads one response at a
# time.  Plain or TLS, keep-alive aware.
#
#     my $c = SealKM::Client->new(port => 1984);
#     $c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
#     my $res = $c->response;            undef if the server closed instead
#     $res->status, $res->header('Allow'), $res->headers('Allow'), $res->body
#     $c->closed                         1 once the server has closed
#
# Options: host, port, timeout (seconds for one read), tls (hash of
# IO::Socket::SSL options).

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

our $TIMEOUT = 60;

# seconds to connect; a test that runs expects nginx to be there
our $CONNECT_TIMEOUT = $TIMEOUT;


sub new {
    my ($class, %opts) = @_;
    my $self = bless { timeout => $TIMEOUT, buffer => '', since => time, %opts },
                     $class;
    my $until = time + $CONNECT_TIMEOUT;

    # nginx may not listen yet
    until ($self->{socket} = IO::Socket::INET->new(
        PeerAddr => $opts{host} // '127.0.0.1',
        PeerPort => $opts{port},
        Proto    => 'tcp',
        Timeout  => 5))
    {
        die "cannot connect to port $opts{port}: $@\n" if time > $until;
        sleep 0.05;
    }

    if ($opts{tls}) {
        require IO::Socket::SSL;
        IO::Socket::SSL->start_SSL($self->{socket},
            SSL_verify_mode => 0, Timeout => $self->{timeout}, %{ $opts{tls} })
            or die "TLS: $IO::Socket::SSL::SSL_ERROR\n";
    }

    return $self;
}


sub socket { return $_[0]{socket} }


# sends all, dies if the server does not take it
sub send {
    my ($self, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';

    while (length $bytes) {
        my $n = syswrite $self->{socket}, $bytes;
        die "cannot send: $!\n" if !defined $n;
        substr($bytes, 0, $n) = '';
    }

    return $self;
}


# as send(), but byte by byte, or in pieces of $size, with a pause in between
sub send_slowly {
    my ($self, $bytes, $size, $pause) = @_;

    $self->{socket}->setsockopt(Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1);

    for my $piece (unpack "(a" . ($size || 1) . ")*", $bytes) {
        $self->send($piece);
        sleep($pause || 0.001);
    }

    return $self;
}


sub close {
    my ($self) = @_;
    CORE::close delete $self->{socket} if $self->{socket};
    return;
}


# more bytes in the buffer: 1; 0 if the server closed; dies if it does neither
sub _fill {
    my ($self) = @_;
    my $socket = $self->{socket} or return 0;
    my $until = time + $self->{timeout};

    for ( ;; ) {
        if (!($socket->can('pending') && $socket->pending)) {
            IO::Select->new($socket)->can_read($until - time)
                or die "no answer in $self->{timeout} seconds\n";
        }

        my $n = sysread $socket, $self->{buffer}, 65536, length $self->{buffer};
        return 1 if $n;
        return 0 if defined $n || $!{ECONNRESET} || $!{EPIPE};

        # TLS: no whole record yet
        die "cannot read: $!\n" if !($!{EAGAIN} || $!{EINTR});
        die "no answer in $self->{timeout} seconds\n" if time > $until;
    }
}


# how much was read behind the last response
sub pending { return length $_[0]{buffer} }


# 1 if the server closes without sending anything more
sub closed {
    my ($self) = @_;
    return !length $self->{buffer} && !$self->_fill;
}


# the next response; head => 1 for one to HEAD
sub response {
    my ($self, %opts) = @_;
    my $buffer = \$self->{buffer};

    until ($$buffer =~ /\r\n\r\n/) {
        $self->_fill or return undef;
    }

    my ($head, $rest) = split /\r\n\r\n/, $$buffer, 2;
    my ($line, @headers) = split /\r\n/, $head;
    $line =~ m{^HTTP/1\.[01] (\d{3})(?: (.*))?$} or die "bad response: $line\n";

    my $res = bless {
        status  => $1,
        text    => $2,
        headers => [ map { [ split /:\s*/, $_, 2 ] } @headers ],
        since   => $self->{since},
        raw     => $head,
        body    => '',
    }, 'SealKM::Client::Response';

    $$buffer = $rest;
    return $res
        if $opts{head} || $res->{status} =~ /^(?:1..|204|304)$/;

    my $length = $res->header('Content-Length');

    if (($res->header('Transfer-Encoding') // '') eq 'chunked') {
        for ( ;; ) {
            $self->_until(sub { $$buffer =~ /\r\n/ });
            $$buffer =~ s/^([0-9a-fA-F]+)\r\n// or die "bad chunk\n";
            my $size = hex $1;
            $self->_until(sub { length $$buffer >= $size + 2 });
            $res->{body} .= substr $$buffer, 0, $size, '';
            $$buffer =~ s/^\r\n// or die "bad chunk\n";
            last if !$size;
        }

    } elsif (defined $length) {
        $self->_until(sub { length $$buffer >= $length });
        $res->{body} = substr $$buffer, 0, $length, '';

    } else {
        1 while $self->_fill;
        $res->{body} = $$buffer;
        $$buffer = '';
    }

    return $res;
}


sub _until {
    my ($self, $done) = @_;

    until ($done->()) {
        $self->_fill or die "response cut short\n";
    }
}


package SealKM::Client::Response;

sub status { return $_[0]{status} }
sub text   { return $_[0]{text} }
sub body   { return $_[0]{body} }
sub raw    { return $_[0]{raw} }


# the values of all headers of that name
sub headers {
    my ($self, $name) = @_;
    return map { $_->[1] } grep { lc $_->[0] eq lc $name } @{ $self->{headers} };
}


# their values joined with ", "; undef if there is none
sub header {
    my ($self, $name) = @_;
    my @values = $self->headers($name);
    return @values ? join(', ', @values) : undef;
}


sub json { return SealKM::JSON::from_json($_[0]{body}) }


1;
