package SealKM::HTTP2;

# A client that speaks just enough HTTP/2, in clear text and with prior
# knowledge, to have many requests wait on one connection.
#
#     my $h2 = SealKM::HTTP2->new(port => $port);
#     my $id = $h2->request('/km', $token, $body);     the stream
#                                 size => n, pause => s: the body in pieces
#                                 method => 'GET'
#     $h2->rst($id);                                   cancels it
#     $h2->response($id)          the body, once it is all there; undef if the
#                                 server ended the stream, or the connection
#     $h2->ended                  how many streams have come to their end
#     $h2->goaway                 the error with which the server went away, or undef
#     $h2->collect($seconds)      reads what comes in that time
#     $h2->close
#
#     listen_http2($port)         text of listen and http2 for a server block
#     listen_http2($port, 1)      for one that tls_listen() has told of HTTP/2

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use SealKM::Client;
use SealKM::Util;
use Test::Nginx::Util ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(listen_http2);
our @EXPORT_OK = qw(has_http2_directive);

use constant {
    DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4, PING => 6,
    GOAWAY => 7, WINDOW_UPDATE => 8, CONTINUATION => 9, FRAME => 16384,
    END_STREAM => 1, ACK => 1, END_HEADERS => 4,
};


my $http2;

# Does nginx, as of 1.25.1, have "http2 on", and a remark for "listen ... http2"?
# Its kin tells with -V only which nginx it is like.
sub has_http2_directive {
    return $http2 //= do {
        my ($major, $minor, $patch) = `$Test::Nginx::Util::NginxBinary -V 2>&1`
                                      =~ m{nginx version: \w+/(\d+)\.(\d+)\.(\d+)};
        $major * 1e6 + $minor * 1e3 + $patch >= 1_025_001 ? 1 : 0;
    };
}


sub listen_http2 {
    my ($port, $on) = @_;

    return has_http2_directive()
        ? "listen 127.0.0.1:$port;" . ($on ? '' : ' http2 on;')
        : "listen 127.0.0.1:$port http2;";
}


sub new {
    my ($class, %opts) = @_;
    my $self = bless { next => 1, body => {}, done => {}, in => '' }, $class;

    $self->{client} = SealKM::Client->new(%opts);

    # as much as there may be, for the connection and for each stream
    $self->{client}->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        . _frame(SETTINGS, 0, 0, pack 'nN', 4, 0x7fffffff)
        . _frame(WINDOW_UPDATE, 0, 0, pack 'N', 0x7fffffff - 65535));
    return $self;
}


sub _frame {
    my ($type, $flags, $id, $payload) = @_;
    return substr(pack('N', length $payload), 1)
           . pack('CCN', $type, $flags, $id) . $payload;
}


# an integer with a prefix of 7 bits, of a string that is not Huffman-coded
sub _string {
    my ($text) = @_;
    my $n = length $text;

    return pack('C', $n) . $text if $n < 127;
    $n -= 127;
    my $length = pack 'C', 127;
    for ( ; $n >= 128; $n >>= 7) {
        $length .= pack 'C', 128 | $n & 127;
    }
    return $length . pack('C', $n) . $text;
}


sub request {
    my ($self, $path, $token, $body, %opts) = @_;
    my $id = $self->{next};
    my $method = ($opts{method} // 'POST') eq 'GET' ? "\x82" : "\x83";
    my $headers = "$method\x86"                           # POST, http
        . "\x04" . _string($path)
        . "\x01" . _string('localhost');                  # :authority

    # the token is the newest entry of the table that both sides keep
    if (($self->{token} // '') eq $token) {
        $headers .= "\xbe";
    } else {
        $headers .= "\x40" . _string('authorization')
                    . _string("Bearer $token");
        # an entry of 4096 bytes has room (RFC 7541, clauses 4.1 and 6.5.2)
        $self->{token} = length $token < 4000 ? $token : undef;
    }

    $headers .= "\x0f\x10" . _string('application/json')  # content-type
        . "\x0f\x0d" . _string(length $body);             # content-length

    $self->{next} += 2;

    my $size = $opts{size} // length $body;
    my @parts = unpack '(a' . FRAME . ')*', $headers;
    my $text = join '', map {
        _frame($_ ? CONTINUATION : HEADERS, $_ < $#parts ? 0 : END_HEADERS, $id,
               $parts[$_])
    } 0 .. $#parts;

    while (length $body > $size) {
        $self->{client}->send($text . _frame(DATA, 0, $id, substr $body, 0, $size, ''));
        $text = '';
        sleep $opts{pause} // 0;
    }

    $self->{client}->send($text . _frame(DATA, END_STREAM, $id, $body));
    return $id;
}


sub rst {
    my ($self, $id) = @_;
    $self->{client}->send(_frame(RST_STREAM, 0, $id, pack 'N', 8));
    return;
}


sub close  { return $_[0]{client}->close }
sub ended  { return scalar keys %{ $_[0]{done} } }
sub goaway { return $_[0]{goaway} }


sub collect {
    my ($self, $seconds) = @_;
    my $until = time + $seconds;

    while (time < $until && !$self->{closed}) {
        $self->_read($until - time);
    }
    return;
}


sub response {
    my ($self, $id) = @_;
    my $until = time + $SealKM::Client::TIMEOUT;

    until ($self->{done}{$id} || $self->{closed}) {
        die "no answer on stream $id\n" if time > $until;
        $self->_read(1);
    }

    return ($self->{done}{$id} // '') eq 'end' ? $self->{body}{$id} : undef;
}


sub _read {
    my ($self, $seconds) = @_;
    my $socket = $self->{client}->socket;

    IO::Select->new($socket)->can_read($seconds) or return;
    sysread $socket, $self->{in}, 65536, length $self->{in}
        or return $self->{closed} = 1;

    my $pos = 0;
    while (length($self->{in}) >= $pos + 9) {
        my ($high, $low, $type, $flags, $id) =
            unpack 'CnCCN', substr $self->{in}, $pos, 9;
        my $length = $high << 16 | $low;
        last if length($self->{in}) < $pos + 9 + $length;

        $self->_take($type, $flags, $id, substr $self->{in}, $pos + 9, $length);
        $pos += 9 + $length;
    }
    substr($self->{in}, 0, $pos) = '';
    return;
}


sub _take {
    my ($self, $type, $flags, $id, $payload) = @_;

    if ($type == DATA || $type == HEADERS) {
        $self->{body}{$id} .= $type == DATA ? $payload : '';
        $self->{done}{$id} = 'end' if $flags & END_STREAM;

    } elsif ($type == RST_STREAM) {
        $self->{done}{$id} //= 'reset';

    } elsif ($type == GOAWAY) {
        $self->{goaway} = unpack 'x4N', $payload;

    } elsif ($type == SETTINGS && !($flags & ACK)) {
        $self->{client}->send(_frame(SETTINGS, ACK, 0, ''));

    } elsif ($type == PING && !($flags & ACK)) {
        $self->{client}->send(_frame(PING, ACK, 0, $payload));
    }
    return;
}


1;
