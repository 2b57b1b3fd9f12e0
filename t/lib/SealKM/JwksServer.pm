package SealKM::JwksServer;

# A SIM-S as far as it publishes keys: an HTTP server on a loopback port, in
# processes of its own, that answers each request as it was last told.
#
#     my $sims = SealKM::JwksServer->start;
#     $sims->keys('rsa', [ 'ec256', use => 'sig' ])   what jwks() takes
#     $sims->answer(status => 500, body => 'text')
#     $sims->url                      http://127.0.0.1:PORT/jwks
#     $sims->requests                 the texts of what it was sent, so far
#     $sims->count                    how many, so far
#     $sims->release('name')          ends hold => 'name'
#     $sims->down, $sims->up          nobody listens at the port; and again
#
# answer() takes
#     status      200
#     body        the text; keys() sets it
#     headers     [ name => value, ... ]
#     hold        a name: no answer until it is released
#     pause       seconds before the answer
#     chunked     1: of a length that the header does not tell; 'HTTP/1.0': of
#                 one that nothing tells
#     cut         only so many bytes of the body, then it closes
#     slowly      in pieces of so many bytes, each after a hundredth of a second
#     raw         the whole response, instead of all that

use strict;
use warnings;

use IO::Select;
use POSIX ();
use SealKM::JSON;
use SealKM::Keys;
use SealKM::Util;
use Time::HiRes qw(sleep);

my @running;
my $owner = $$;
my $started = 0;


sub start {
    my ($class, @keys) = @_;
    my $self = bless {
        port => free_port(),
        base => temp_dir() . '/sims' . ++$started,
    }, $class;

    mkdir $self->{base} or die "$self->{base}: $!";
    push @running, $self;
    $self->keys(@keys ? @keys : 'rsa');
    return $self->up;
}


sub port    { return $_[0]{port} }
sub url     { return "http://127.0.0.1:$_[0]{port}/jwks" }
sub release { my ($self, $name) = @_; _write("$self->{base}/go.$name"); return }


sub keys {
    my ($self, @keys) = @_;

    open my $file, '<', jwks(@keys) or die "jwks: $!";
    return $self->answer(body => do { local $/; <$file> });
}


# a response finds the whole of it or what was there before
sub answer {
    my ($self, %set) = @_;
    my $body = sprintf '%s/body.%d', $self->{base}, ++$self->{answers};

    # as bytes: JSON takes its time for large ones
    _write($body, delete $set{body});
    _write("$self->{base}/new", to_json({ %set, file => $body }));
    rename "$self->{base}/new", "$self->{base}/answer" or die "rename: $!";
    return $self;
}


sub requests {
    my ($self) = @_;

    return map { _read($_) } sort glob "$self->{base}/request.*";
}

sub count { return scalar $_[0]->requests }


sub up {
    my ($self) = @_;
    return $self if $self->{pid};

    my $listen = listen_at('127.0.0.1', $self->{port});

    defined($self->{pid} = fork) or die "fork: $!";

    if (!$self->{pid}) {
        setpgrp;
        $SIG{__DIE__} = 'DEFAULT';
        $SIG{$_} = 'DEFAULT' for qw(INT TERM);
        $SIG{CHLD} = 'IGNORE';
        my $parent = getppid;
        eval { $self->_serve($listen, $parent); 1 }
            or print STDERR "# SIM-S: $@";
        POSIX::_exit(0);
    }

    close $listen;
    wait_for(sub { getpgrp($self->{pid}) == $self->{pid} });
    return $self;
}


sub down {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return $self;

    # it leads a group of its own, of the processes that answer
    CORE::kill '-KILL', $pid;
    waitpid $pid, 0;
    return $self;
}


sub _write {
    my ($path, $text) = @_;

    open my $file, '>:raw', $path or die "$path: $!";
    print $file $text // '';
    close $file or die "$path: $!";
    return;
}


sub _read {
    my ($path) = @_;

    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar(<$file>) // '';
}


sub _serve {
    my ($self, $listen, $parent) = @_;
    my $select = IO::Select->new($listen);
    my $n = $self->count;

    while (getppid == $parent) {
        next if !$select->can_read(0.1);
        my $socket = $listen->accept or next;
        $n++;

        defined(my $pid = fork) or die "fork: $!";
        if ($pid) {
            close $socket;
            next;
        }

        close $listen;
        $SIG{PIPE} = 'IGNORE';
        alarm 120;
        eval { $self->_answer($socket, $n); 1 } or print STDERR "# SIM-S: $@";
        POSIX::_exit(0);
    }
}


sub _answer {
    my ($self, $socket, $n) = @_;
    my $request = '';

    until ($request =~ /\r\n\r\n/) {
        sysread $socket, $request, 65536, length $request or return;
    }

    # a body, if there is one
    if ($request =~ /^Content-Length:\s*(\d+)/mi) {
        my $want = index($request, "\r\n\r\n") + 4 + $1;
        while (length $request < $want) {
            sysread $socket, $request, 65536, length $request or last;
        }
    }

    my $log = sprintf '%s/request.%06d', $self->{base}, $n;
    _write("$self->{base}/writing.$n", $request);
    rename "$self->{base}/writing.$n", $log or die "rename: $!";

    my $set = from_json(_read("$self->{base}/answer"));

    if (defined $set->{hold}) {
        sleep 0.01 until -e "$self->{base}/go.$set->{hold}";
    }
    sleep $set->{pause} if $set->{pause};

    if (defined $set->{raw}) {
        syswrite $socket, $set->{raw};
        return;
    }

    my $body = _read($set->{file});
    my $chunked = $set->{chunked} // '';
    my $http = $chunked eq 'HTTP/1.0' ? $chunked : 'HTTP/1.1';
    my @headers = @{ $set->{headers} // [] };
    my $head = "$http " . ($set->{status} // 200) . " Text\r\n"
               . "Connection: close\r\n";

    unshift @headers, 'Content-Type' => 'application/jwk-set+json'
        if !grep { /^Content-Type$/i } @headers;
    unshift @headers, 'Content-Length' => length $body if !$chunked;
    unshift @headers, 'Transfer-Encoding' => 'chunked' if $chunked eq '1';

    while (my ($name, $value) = splice @headers, 0, 2) {
        $head .= "$name: $value\r\n";
    }

    $body = join '', (map { sprintf("%x\r\n", length) . "$_\r\n" }
                      unpack '(a7000)*', $body), "0\r\n\r\n"
        if $chunked eq '1';
    $body = substr $body, 0, $set->{cut} if defined $set->{cut};

    for my $piece ("$head\r\n", $set->{slowly}
                                ? unpack("(a$set->{slowly})*", $body) : $body)
    {
        sleep 0.01 if $set->{slowly};

        while (length $piece) {
            my $sent = syswrite $socket, $piece or return;
            substr($piece, 0, $sent) = '';
        }
    }

    return;
}


END {
    if ($$ == $owner) {
        local $?;
        $_->down for @running;
    }
}


1;
